//go:build linux

// Package realserver prepares a host to be a real server of services that send
// it packets as they came from the client (DR) or inside others (TUN), and puts
// back what it changed.
//
// Such a host must have the service's address without telling anybody, or it
// would take the address from the director: the address stands on lo, or on the
// tunnel's interface, and ARP is answered and used with the addresses of the
// asking interface only. What a tunnel delivers comes from clients whose route
// back leads elsewhere, which rp_filter must allow.
//
// What was changed is written into a file before it is, so that Down finds it
// after a restart. The package decides for no address; the command realserver
// drives it.
package realserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/core/kernel/durable"
	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// Plan is what a real server is to have.
type Plan struct {
	// Direct are addresses of services that reach it by DR, Tunnelled those by
	// TUN, each once.
	Direct, Tunnelled []netip.Addr
	// Others are addresses of services that reach it in ways that are left to the
	// administrator.
	Others []Other
}

// Other is an address that is to be set up by hand.
type Other struct {
	Address netip.Addr
	// Needs says how packets come, and what takes them.
	Needs string
}

// The interfaces that tunnels end on; the modules ipip and ip6_tunnel make
// them.
const (
	tunnel4 = "tunl0"
	tunnel6 = "ip6tnl0"
)

// Setting is a setting below /proc/sys/net and why it is made.
type Setting struct{ Name, Value, Why string }

// Settings are those that the plan needs, in the order in which they are made:
// before the addresses, so that no ARP is answered for them even once.
func (p Plan) Settings() (list []Setting) {
	if p.has(false) {
		for _, device := range []string{"all", "lo"} {
			list = append(list,
				Setting{"ipv4/conf/" + device + "/arp_ignore", "1", "answer ARP for addresses of the asking interface only"},
				Setting{"ipv4/conf/" + device + "/arp_announce", "2", "ask by ARP with addresses of the asking interface only"})
		}
	}
	if slices.ContainsFunc(p.Tunnelled, netip.Addr.Is4) {
		for _, device := range []string{"all", tunnel4} {
			list = append(list, Setting{"ipv4/conf/" + device + "/rp_filter", "0", "take packets of clients from the tunnel"})
		}
	}
	return list
}

// has reports whether there is an address of a family.
func (p Plan) has(v6 bool) bool {
	is := func(a netip.Addr) bool { return a.Is6() == v6 }
	return slices.ContainsFunc(p.Direct, is) || slices.ContainsFunc(p.Tunnelled, is)
}

// Addresses are those that the plan needs, with their interfaces.
func (p Plan) Addresses() (list []netspec.Address) {
	add := func(a netip.Addr, device string) {
		list = append(list, netspec.Address{Prefix: netip.PrefixFrom(a, a.BitLen()), Device: device})
	}
	for _, a := range p.Direct {
		add(a, "lo")
	}
	for _, a := range p.Tunnelled {
		if a.Is4() {
			add(a, tunnel4)
		} else {
			add(a, tunnel6)
		}
	}
	return list
}

// state is what was changed, as the file has it.
type state struct {
	// Boot names the boot in which it was: nothing of it is left in another, where the
	// indexes of interfaces are those of others. Empty is any.
	Boot      string          `json:"boot,omitempty"`
	Settings  []sysctl.Change `json:"settings"`
	Addresses []placed        `json:"addresses"`
	// Up are interfaces that were down.
	Up []string `json:"interfaces_set_up"`
}

// placed is an address that was added.
type placed struct {
	Prefix netip.Prefix `json:"address"`
	Device string       `json:"interface"`
}

// Host is the network namespace that is prepared, and the file that says what
// was changed in it.
type Host struct {
	file     string
	ns       *netns.NS
	conn     *link.Conn
	settings *sysctl.Settings
	done     state
	// past is true when the file is of an earlier boot.
	past bool
}

// Open reads the file, if there is one, for the network namespace of the
// calling thread.
func Open(file string) (*Host, error) {
	h := &Host{file: file}
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read what was changed before: %w", err)
	default:
		if err := json.Unmarshal(text, &h.done); err != nil {
			return nil, fmt.Errorf("read what was changed before: %s: %w", file, err)
		}
	}
	boot := bootID()
	if boot != "" && h.done.Boot != "" && h.done.Boot != boot {
		h.done, h.past = state{}, true
	}
	h.done.Boot = boot
	if h.ns, err = netns.Current(); err != nil {
		return nil, err
	}
	if h.conn, err = link.Open(); err != nil {
		return nil, errors.Join(err, h.ns.Close())
	}
	h.settings = sysctl.New(h.ns, func(list []sysctl.Change) error {
		h.done.Settings = list
		return h.write()
	})
	h.settings.Adopt(h.done.Settings)
	return h, nil
}

// bootID names the boot; empty where the kernel does not tell.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Close closes what Open opened; what was changed stays.
func (h *Host) Close() error { return errors.Join(h.conn.Close(), h.ns.Close()) }

// write replaces the file, or removes it when nothing is changed any more.
func (h *Host) write() error {
	if len(h.done.Settings)+len(h.done.Addresses)+len(h.done.Up) == 0 {
		if err := durable.Remove(h.file); err != nil {
			return fmt.Errorf("remove what says what was changed: %w", err)
		}
		return nil
	}
	text, err := json.MarshalIndent(h.done, "", "  ")
	if err == nil {
		err = durable.Replace(h.file, append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write down what is changed: %w", err)
	}
	return nil
}

// Up makes the host have what the plan says, and puts back what an earlier Up
// changed beyond that. Each change is told in half a sentence. Where something is to be
// set up by hand and is not, or an interface is missing, nothing is changed.
func (h *Host) Up(p Plan, tell func(string)) error {
	byHand, err := h.byHand(p)
	if err != nil {
		return err
	}
	if len(byHand) > 0 {
		return fmt.Errorf("nothing was changed, since this is to be set up by hand first: %s", strings.Join(byHand, "; "))
	}
	want := p.Addresses()
	if err := h.ready(want); err != nil {
		return err
	}
	for _, s := range p.Settings() {
		before, err := h.settings.Read(s.Name)
		if err == nil {
			err = h.settings.Set(s.Name, s.Value)
		}
		if err != nil {
			return fmt.Errorf("set %s to %s: %w", s.Name, s.Value, err)
		}
		if before != s.Value {
			tell(fmt.Sprintf("%s: %s -> %s (%s)", s.Name, before, s.Value, s.Why))
		}
	}
	for _, old := range slices.Clone(h.done.Addresses) {
		if !slices.ContainsFunc(want, func(a netspec.Address) bool { return a.Prefix == old.Prefix && a.Device == old.Device }) {
			if err := h.remove(old, tell); err != nil {
				return err
			}
		}
	}
	for _, a := range want {
		if err := h.add(a, tell); err != nil {
			return err
		}
	}
	return h.putBack(p, tell)
}

// putBack puts back what of interfaces and settings the plan does not need. It
// goes on after an error.
func (h *Host) putBack(p Plan, tell func(string)) error {
	addresses, settings := p.Addresses(), p.Settings()
	var failed []error
	for _, device := range slices.Clone(h.done.Up) {
		if !slices.ContainsFunc(addresses, func(a netspec.Address) bool { return a.Device == device }) {
			failed = append(failed, h.setDown(device, tell))
		}
	}
	for _, c := range slices.Clone(h.done.Settings) {
		if slices.ContainsFunc(settings, func(s Setting) bool { return s.Name == c.Name }) {
			continue
		}
		if err := h.settings.Restore(c.Name); err != nil {
			failed = append(failed, err)
			continue
		}
		tell(fmt.Sprintf("%s: %s -> %s", c.Name, c.Value, c.Before))
	}
	return errors.Join(failed...)
}

func (h *Host) setDown(device string, tell func(string)) error {
	if err := h.conn.SetDown(device); err != nil && !errors.Is(err, link.ErrNoInterface) {
		return err
	}
	h.done.Up = slices.DeleteFunc(h.done.Up, func(x string) bool { return x == device })
	tell(fmt.Sprintf("%s: set down", device))
	return h.write()
}

// ready says which of the interfaces that are to have these addresses is not there.
func (h *Host) ready(want []netspec.Address) error {
	all, err := h.conn.State()
	if err != nil {
		return fmt.Errorf("read the addresses of this host: %w", err)
	}
	modules := map[string]string{tunnel4: "ipip", tunnel6: "ip6_tunnel"}
	for _, a := range want {
		if _, there := all.Find(a.Device); there {
			continue
		}
		if m := modules[a.Device]; m != "" {
			return fmt.Errorf("there is no interface %s, which services by TUN need: load the module %s (modprobe %s)", a.Device, m, m)
		}
		return fmt.Errorf("add %s: %w %s", a, link.ErrNoInterface, a.Device)
	}
	return nil
}

// add makes one address stand.
func (h *Host) add(a netspec.Address, tell func(string)) error {
	all, err := h.conn.State()
	if err != nil {
		return fmt.Errorf("read the addresses of this host: %w", err)
	}
	i, there := all.Find(a.Device)
	if !there { // any more
		return fmt.Errorf("add %s: %w %s", a, link.ErrNoInterface, a.Device)
	}
	if !i.Up {
		if !slices.Contains(h.done.Up, a.Device) {
			h.done.Up = append(h.done.Up, a.Device)
			if err := h.write(); err != nil {
				return err
			}
		}
		if err := h.conn.SetUp(a.Device); err != nil {
			return err
		}
		tell(fmt.Sprintf("%s: set up", a.Device))
	}
	if all.Stands(a) {
		return nil // ours from before, or the administrator's
	}
	// It is there already when an earlier Up ended before it was added, or
	// somebody else removed it.
	if p := (placed{a.Prefix, a.Device}); !slices.Contains(h.done.Addresses, p) {
		h.done.Addresses = append(h.done.Addresses, p)
		if err := h.write(); err != nil {
			return err
		}
	}
	if _, err := h.conn.Add(a); err != nil {
		return err
	}
	tell(fmt.Sprintf("%s: added to %s", a.Prefix, a.Device))
	return nil
}

func (h *Host) remove(p placed, tell func(string)) error {
	if err := h.conn.Remove(netspec.Address{Prefix: p.Prefix, Device: p.Device}); err != nil {
		return err
	}
	h.done.Addresses = slices.DeleteFunc(h.done.Addresses, func(x placed) bool { return x == p })
	tell(fmt.Sprintf("%s: removed from %s", p.Prefix, p.Device))
	return h.write()
}

// Down puts back everything that Up changed, the addresses first. It goes on
// after an error; what could not be put back stays in the file.
func (h *Host) Down(tell func(string)) error {
	var failed []error
	for _, p := range slices.Clone(h.done.Addresses) {
		failed = append(failed, h.remove(p, tell))
	}
	failed = append(failed, h.putBack(Plan{}, tell))
	if h.past {
		failed = append(failed, h.write())
	}
	return errors.Join(failed...)
}

// byHand says what is to be set up by hand and is not: an address that stands
// somewhere was, unless an earlier Up put it there for another way that the plan
// no longer has, and this one will remove it.
func (h *Host) byHand(p Plan) (list []string, err error) {
	if len(p.Others) == 0 {
		return nil, nil
	}
	all, err := h.conn.State()
	if err != nil {
		return nil, fmt.Errorf("read the addresses of this host: %w", err)
	}
	has, leaves := map[netip.Addr]bool{}, map[netip.Addr]string{}
	want := p.Addresses()
	for i := range all.All() {
		for _, a := range all.Addresses(i.Index) {
			stays := slices.ContainsFunc(want, func(w netspec.Address) bool { return w.Prefix == a.Prefix && w.Device == a.Device })
			if !stays && slices.Contains(h.done.Addresses, placed{a.Prefix, a.Device}) {
				leaves[a.Prefix.Addr()] = a.Device
			} else {
				has[a.Prefix.Addr()] = true
			}
		}
	}
	for _, o := range p.Others {
		switch device, there := leaves[o.Address]; {
		case has[o.Address]:
		case there:
			list = append(list, fmt.Sprintf("%s is on %s only, where an earlier up put it: %s", o.Address, device, o.Needs))
		default:
			list = append(list, fmt.Sprintf("%s is on no interface: %s", o.Address, o.Needs))
		}
	}
	return list, nil
}

// Missing says what of the plan the host does not have, in half a sentence
// each.
func (h *Host) Missing(p Plan) (list []string, err error) {
	for _, s := range p.Settings() {
		switch value, err := h.settings.Read(s.Name); {
		case errors.Is(err, fs.ErrNotExist):
			list = append(list, fmt.Sprintf("%s: there is no such interface", s.Name))
		case err != nil:
			return nil, err
		case value != s.Value:
			list = append(list, fmt.Sprintf("%s is %s, not %s (%s)", s.Name, value, s.Value, s.Why))
		}
	}
	all, err := h.conn.State()
	if err != nil {
		return nil, fmt.Errorf("read the addresses of this host: %w", err)
	}
	var down []string
	for _, a := range p.Addresses() {
		if !all.Stands(a) {
			list = append(list, fmt.Sprintf("%s is not on %s", a.Prefix, a.Device))
		}
		if i, there := all.Find(a.Device); there && !i.Up && !slices.Contains(down, a.Device) {
			down = append(down, a.Device)
			list = append(list, fmt.Sprintf("%s is down", a.Device))
		}
	}
	byHand, err := h.byHand(p)
	return append(list, byHand...), err
}

// Own returns the addresses that the host has, without those that Up added.
func (h *Host) Own() (own []netip.Addr, err error) {
	all, err := h.conn.State()
	if err != nil {
		return nil, fmt.Errorf("read the addresses of this host: %w", err)
	}
	for i := range all.All() {
		for _, a := range all.Addresses(i.Index) {
			p := placed{a.Prefix, a.Device}
			if !slices.Contains(h.done.Addresses, p) {
				own = append(own, a.Prefix.Addr())
			}
		}
	}
	return own, nil
}
