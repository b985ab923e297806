package doctor

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// examineRivals looks at who else runs in this thread's network namespace.
func examineRivals() (list []Finding) {
	if pids := processesOf("keepalived"); len(pids) > 0 {
		list = append(list, Finding{Problem, "keepalived", "runs on this host, as process " + strings.Join(pids, ", "),
			"stop it before moonkeep runs the same virtual routers: both would hold the addresses"})
	}
	return list
}

// examineProcess looks at where a node would write, and says what is not looked at.
func examineProcess(runDir string, n *needs) (list []Finding) {
	at := runDir // or what it would be made in
	for _, err := os.Stat(at); errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at); _, err = os.Stat(at) {
		at = filepath.Dir(at)
	}
	if err := unix.Access(at, unix.W_OK|unix.X_OK); err != nil {
		list = append(list, Finding{Problem, runDir, "cannot be written: " + err.Error(),
			"name another with --run-dir: without its journal a node cannot tell after a crash which addresses were its own"})
	}
	for _, space := range n.elsewhere {
		list = append(list, Finding{Warning, "net_namespace " + space, "has instances, which were not looked at", enters(space) + " moonkeep doctor"})
	}
	return list
}

// processesOf returns the processes of a program in this thread's network namespace,
// as far as this process may know.
func processesOf(name string) (pids []string) {
	here, err := os.Readlink("/proc/thread-self/ns/net")
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
	mac       net.HardwareAddr
	addresses []netip.Addr
}

func lookAt(device string) (s linkState) {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return linkState{err: err}
	}
	s.flags, s.mac = i.Flags, i.HardwareAddr
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
func examineLink(n linkNeeds, s linkState) (list []Finding) {
	what := "interface " + n.device
	bad := func(l Level, text, advice string) { list = append(list, Finding{l, what, text, advice}) }
	if s.err != nil {
		text := "cannot be looked at: " + s.err.Error()
		if strings.Contains(text, "no such network interface") { // package net does not export it
			text = "does not exist on this host"
		}
		bad(Problem, text, "make the interface, or name the right one; ip link lists them")
		return list
	}
	switch {
	case s.flags&net.FlagUp == 0:
		bad(Problem, "is down", "ip link set "+n.device+" up")
	case s.flags&net.FlagRunning == 0:
		bad(Problem, "has no carrier: its instances would be FAULT", "look at the cable, the switch port or the interface below")
	}
	if n.multicast && s.flags&net.FlagMulticast == 0 {
		bad(Problem, "knows no multicast", "use unicast_peer, or ip link set "+n.device+" multicast on")
	}
	const infiniband = 20 // octets of a hardware address
	if n.instance && len(s.mac) == infiniband {
		bad(Warning, "is InfiniBand, on which no gratuitous ARP and no neighbour advertisement is sent: clients find a new master when what they know of the old one expires",
			"have them ask again soon (net.ipv4.neigh.default.base_reachable_time_ms), or use Ethernet")
	}
	own := func(six bool) bool {
		return slices.ContainsFunc(s.addresses, func(a netip.Addr) bool {
			return a.Is6() == six && (!six || a.IsLinkLocalUnicast()) && !slices.Contains(n.virtual, a)
		})
	}
	if n.source4 && !own(false) {
		bad(Problem, "has no IPv4 address of its own, from which adverts could come", "give it one, or set mcast_src_ip or unicast_src_ip")
	}
	if n.instance && len(n.vrids6) > 0 && !own(true) {
		bad(Problem, "has no link-local IPv6 address, from which adverts come (RFC 9568 5.1.2.1)", "look at disable_ipv6 and addr_gen_mode of the interface")
	}
	if len(list) == 0 {
		bad(OK, "is up and has what the instances need", "")
	}
	return list
}

// readSetting returns a setting below /proc/sys.
func readSetting(name string) (string, error) {
	text, err := os.ReadFile("/proc/sys/" + name)
	return strings.TrimSpace(string(text)), err
}

// examineSettings judges what sysctl(8) sets and moonkeep does not.
func examineSettings(n *needs, read func(string) (string, error)) (list []Finding) {
	for _, l := range n.links {
		if l.six && lookAt(l.device).err == nil {
			list = append(list, examineSetting(read, "net/ipv6/conf/"+l.device+"/disable_ipv6", "0", "the interface takes no IPv6 address"))
		}
	}
	return list
}

// atBoot is how a setting of this host outlives a boot.
const atBoot = ", and in /etc/sysctl.d for the next boot"

// examineSetting judges one; why says what is wrong with any other value.
func examineSetting(read func(string) (string, error), name, value, why string) Finding {
	switch is, err := read(name); {
	case errors.Is(err, fs.ErrNotExist):
		return Finding{Problem, name, "is not there: " + why, "boot a kernel that has it"}
	case err != nil:
		return Finding{Warning, name, err.Error(), ""}
	case is != value:
		return Finding{Problem, name, "is " + is + ": " + why,
			"sysctl -w " + strings.ReplaceAll(name, "/", ".") + "=" + value + atBoot}
	default:
		return Finding{OK, name, "is " + is, ""}
	}
}

// clockState asks the kernel whether something keeps the clock right.
func clockState() (synchronised bool, err error) {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return false, err
	}
	return t.Status&unix.STA_UNSYNC == 0, nil
}

func examineClock(synchronised bool, err error) Finding {
	switch {
	case err != nil:
		return Finding{Warning, "clock", "cannot be asked about: " + err.Error(), ""}
	case !synchronised:
		return Finding{Problem, "clock", "is not synchronised: auth_hmac drops adverts whose time is off",
			"run chrony or systemd-timesyncd, or set anti_replay monotonic"}
	}
	return Finding{OK, "clock", "is synchronised", ""}
}
