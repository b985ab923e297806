package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/kernel/firewall"
	"github.com/moonkeep/moonkeep/core/kernel/ipvs"
	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/kernel/realserver"
)

// examineProcess looks at what this process may do and at what else runs.
func examineProcess(runDir string, n *needs) (list []examined) {
	if err := permitted(); err != nil {
		list = append(list, examined{levelProblem, "privileges", err.Error(), "this was looked at for the user who runs doctor"})
	} else {
		list = append(list, examined{levelOK, "privileges", "the capabilities are enough", ""})
	}
	if pids := processesOf("keepalived"); len(pids) > 0 {
		list = append(list, examined{levelProblem, "keepalived", "runs on this host, as process " + strings.Join(pids, ", "),
			"stop it before moonkeep runs the same virtual routers: both would hold the addresses"})
	}
	at := runDir // or what it would be made in
	for _, err := os.Stat(at); errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at); _, err = os.Stat(at) {
		at = filepath.Dir(at)
	}
	if err := unix.Access(at, unix.W_OK|unix.X_OK); err != nil {
		list = append(list, examined{levelProblem, runDir, "cannot be written: " + err.Error(),
			"name another with --run-dir: without its journal a node cannot tell after a crash which addresses were its own"})
	}
	for _, space := range n.elsewhere {
		list = append(list, examined{levelWarning, "net_namespace " + space, "has instances, which were not looked at", "ip netns exec " + space + " moonkeep doctor"})
	}
	return list
}

// processesOf returns the processes of a program in this network namespace, as
// far as this process may know.
func processesOf(name string) (pids []string) {
	here, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return nil
	}
	files, _ := filepath.Glob("/proc/[0-9]*/comm") // the pattern is right
	for _, f := range files {
		dir := filepath.Dir(f)
		comm, err := os.ReadFile(f)
		if err != nil || strings.TrimSpace(string(comm)) != name {
			continue
		}
		if space, err := os.Readlink(dir + "/ns/net"); err == nil && space == here {
			pids = append(pids, filepath.Base(dir))
		}
	}
	return pids
}

// linkState is an interface as it stands.
type linkState struct {
	err       error
	flags     net.Flags
	addresses []netip.Addr
}

func lookAt(device string) (s linkState) {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return linkState{err: err}
	}
	s.flags = i.Flags
	list, err := i.Addrs()
	if err != nil {
		return linkState{err: err}
	}
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			s.addresses = append(s.addresses, p.Addr())
		}
	}
	return s
}

// examineLink judges an interface. Its settings are another matter.
func examineLink(n linkNeeds, s linkState) (list []examined) {
	what := "interface " + n.device
	bad := func(l level, text, advice string) { list = append(list, examined{l, what, text, advice}) }
	if s.err != nil {
		bad(levelProblem, "cannot be looked at: "+s.err.Error(), "make the interface, or name the right one; ip link lists them")
		return list
	}
	switch {
	case s.flags&net.FlagUp == 0:
		bad(levelProblem, "is down", "ip link set "+n.device+" up")
	case s.flags&net.FlagRunning == 0:
		bad(levelProblem, "has no carrier: its instances would be FAULT", "look at the cable, the switch port or the interface below")
	}
	if n.multicast && s.flags&net.FlagMulticast == 0 {
		bad(levelProblem, "knows no multicast", "use unicast_peer, or ip link set "+n.device+" multicast on")
	}
	own := func(six bool) bool {
		return slices.ContainsFunc(s.addresses, func(a netip.Addr) bool {
			return a.Is6() == six && (!six || a.IsLinkLocalUnicast()) && !slices.Contains(n.virtual, a)
		})
	}
	if n.source4 && !own(false) {
		bad(levelProblem, "has no IPv4 address of its own, from which adverts could come", "give it one, or set mcast_src_ip or unicast_src_ip")
	}
	if n.instance && len(n.vrids6) > 0 && !own(true) {
		bad(levelProblem, "has no link-local IPv6 address, from which adverts come (RFC 9568 5.1.2.1)", "look at disable_ipv6 and addr_gen_mode of the interface")
	}
	if len(list) == 0 {
		bad(levelOK, "is up and has what the instances need", "")
	}
	return list
}

// readSetting returns a setting below /proc/sys.
func readSetting(name string) (string, error) {
	text, err := os.ReadFile("/proc/sys/" + name)
	return strings.TrimSpace(string(text)), err
}

// examineSettings judges what sysctl(8) sets and moonkeep does not.
func examineSettings(n *needs, read func(string) (string, error)) (list []examined) {
	want := func(name, value, why string) {
		switch is, err := read(name); {
		case errors.Is(err, fs.ErrNotExist):
			list = append(list, examined{levelProblem, name, "is not there: " + why, "boot a kernel that has it"})
		case err != nil:
			list = append(list, examined{levelWarning, name, err.Error(), ""})
		case is != value:
			list = append(list, examined{levelProblem, name, "is " + is + ": " + why,
				"sysctl -w " + strings.ReplaceAll(name, "/", ".") + "=" + value + ", and in /etc/sysctl.d for the next boot"})
		default:
			list = append(list, examined{levelOK, name, "is " + is, ""})
		}
	}
	if n.nat {
		want("net/ipv4/ip_forward", "1", "answers of servers behind NAT pass through this host")
	}
	if n.nat6 {
		want("net/ipv6/conf/all/forwarding", "1", "answers of servers behind NAT pass through this host")
	}
	for _, l := range n.links {
		if l.six && lookAt(l.device).err == nil {
			want("net/ipv6/conf/"+l.device+"/disable_ipv6", "0", "the interface takes no IPv6 address")
		}
	}
	return list
}

// clockState asks the kernel whether something keeps the clock right.
func clockState() (synchronised bool, err error) {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return false, err
	}
	return t.Status&unix.STA_UNSYNC == 0, nil
}

func examineClock(synchronised bool, err error) examined {
	switch {
	case err != nil:
		return examined{levelWarning, "clock", "cannot be asked about: " + err.Error(), ""}
	case !synchronised:
		return examined{levelProblem, "clock", "is not synchronised: auth_hmac drops adverts whose time is off",
			"run chrony or systemd-timesyncd, or set anti_replay monotonic"}
	}
	return examined{levelOK, "clock", "is synchronised", ""}
}

// examineKernel tries, in a network namespace of its own, what the kernel is
// asked for; a module that can be loaded is loaded by that.
func examineKernel(n *needs) (list []examined) {
	try := func(wanted bool, what, advice string, f func() error) {
		if !wanted {
			return
		}
		if err := apart(f); err != nil {
			list = append(list, examined{levelProblem, what, err.Error(), advice})
			return
		}
		list = append(list, examined{levelOK, what, "the kernel can do it", ""})
	}
	try(n.macvlan, "use_vmac", "load the module macvlan, or leave use_vmac out", func() error {
		return upon(func(c *link.Conn, below string) error {
			return c.AddMACVLAN("upper", below, net.HardwareAddr{0, 0, 0x5e, 0, 1, 1})
		})
	})
	try(n.ipvlan, "use_ipvlan", "load the module ipvlan", func() error {
		return upon(func(c *link.Conn, below string) error { return c.AddIPVLAN("upper", below, 0) })
	})
	try(n.vrf, "vrf", "load the module vrf", func() error {
		return upon(func(c *link.Conn, _ string) error { return c.AddVRF("upper", 1000) })
	})
	try(n.filter, "no_accept", "load the module nf_tables, or let the addresses accept packets", func() error {
		ns, err := netns.Current()
		if err != nil {
			return err
		}
		defer ns.Close()
		f := firewall.New(ns.FD(), "moonkeep_doctor")
		return errors.Join(f.Check(), f.Close())
	})
	names := make([]string, 0, len(n.schedulers))
	for name := range n.schedulers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		try(true, "IPVS with lvs_sched "+name, "modprobe ip_vs; modprobe ip_vs_"+name, func() error { return tryIPVS(n.schedulers[name], name) })
	}
	return list
}

// apart runs f in an empty network namespace, which then is gone.
func apart(f func() error) error {
	ns, err := netns.New()
	if err != nil {
		return fmt.Errorf("not tried, for want of a network namespace to try it in: %w", err)
	}
	defer ns.Close()
	return ns.Do(f)
}

// upon gives f an interface to put another one on.
func upon(f func(c *link.Conn, below string) error) error {
	c, err := link.Open()
	if err != nil {
		return err
	}
	defer c.Close()
	const below = "below"
	if err := c.AddBridge(below); err != nil {
		return err
	}
	return f(c, below)
}

// tryIPVS makes a service, and by that asks for the module of its scheduler.
func tryIPVS(k balance.Key, scheduler string) error {
	c, err := ipvs.Open(true)
	if err != nil {
		return err
	}
	defer c.Close()
	op := balance.Op{Kind: balance.AddService, Key: k, Options: balance.Options{Scheduler: scheduler, Bits: 32}}
	if k.IPv6 || k.Address.Addr().Is6() {
		op.Options.Bits = 128
	} else {
		op.Options.Mask = [4]byte{255, 255, 255, 255}
	}
	failures, err := c.Apply([]balance.Op{op})
	for _, f := range failures {
		err = errors.Join(err, f)
	}
	return err
}

// joinAddrs lists addresses for people.
func joinAddrs(list []netip.Addr) string {
	text := make([]string, 0, len(list))
	for _, a := range list {
		text = append(text, a.String())
	}
	return strings.Join(text, ", ")
}

// vridText names a virtual router.
func vridText(vrid uint8) string { return "virtual router " + strconv.Itoa(int(vrid)) }

// examineServer looks at this host as a real server of the configuration's
// services, if it is one; if it is not, it says how to look at those that are.
func examineServer(c *config.Config, runDir string) []examined {
	const what = "real servers"
	h, err := realserver.Open(filepath.Join(runDir, realserverFile))
	if err != nil {
		return []examined{{levelWarning, what, err.Error(), ""}}
	}
	defer h.Close()
	own, err := h.Own()
	if err != nil {
		return []examined{{levelWarning, what, err.Error(), ""}}
	}
	if p := serverPlan(c, nil, true); len(p.Direct)+len(p.Tunnelled) == 0 {
		return nil
	}
	p := serverPlan(c, own, false)
	if len(p.Direct)+len(p.Tunnelled) == 0 {
		return []examined{{levelOK, what, "those by DR and TUN need the services' addresses; on each of them `moonkeep realserver check` looks", ""}}
	}
	missing, err := h.Missing(p)
	if err != nil {
		return []examined{{levelWarning, what, err.Error(), ""}}
	}
	var list []examined
	for _, m := range missing {
		list = append(list, examined{levelProblem, what, "this host is one: " + m, "moonkeep realserver up makes it so"})
	}
	if len(list) == 0 {
		list = append(list, examined{levelOK, what, "this host is one, and has what it needs", ""})
	}
	return list
}
