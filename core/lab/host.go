//go:build linux

package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// host is one network namespace and a connection to its tables.
type host struct {
	ns   *netns.NS
	conn *link.Conn
}

// newHost makes a namespace with its loopback interface up.
func newHost() (*host, error) {
	ns, err := netns.New()
	if err != nil {
		return nil, err
	}
	h := &host{ns: ns}
	if err := ns.Do(func() (err error) {
		h.conn, err = link.Open()
		return err
	}); err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	// A host that waits a second for its link-local address would begin with a
	// fault that no file asks for; nobody else can have it here.
	err = ns.Do(func() error {
		for _, of := range [...]string{"all", "default"} {
			if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+of+"/accept_dad", []byte("0"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("set up a host: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	if err := h.conn.SetUp("lo"); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *host) close() error { return errors.Join(h.conn.Close(), h.ns.Close()) }

// reset takes away what a daemon stacked on the host's interfaces and every
// address that is not its own, and gives back those that are missing, as a
// reboot does. The link-local address
// that the kernel made is its own: a daemon sets none that is to be looked for
// elsewhere first.
func (h *host) reset(own []Interface) error {
	state, err := h.conn.State()
	if err != nil {
		return err
	}
	for i := range state.All() {
		if i.Kind == link.MACVLAN || i.Kind == link.IPVLAN {
			if err := h.conn.Delete(i.Name); err != nil {
				return err
			}
		}
	}
	for _, x := range own {
		have, err := h.conn.List(x.Name)
		if err != nil {
			return err
		}
		foreign := slices.DeleteFunc(have, func(a netspec.Address) bool {
			return a.DAD || slices.Contains(x.Addresses, a.Prefix)
		})
		if err := h.conn.Remove(foreign...); err != nil {
			return err
		}
		var want []netspec.Address
		for _, p := range x.Addresses {
			want = append(want, netspec.Address{Prefix: p, Device: x.Name, DAD: p.Addr().Is6()})
		}
		if _, err := h.conn.Add(want...); err != nil {
			return err
		}
	}
	return nil
}

// upPatience is how long a new interface may take to be up; the kernel says so
// from a queue, some milliseconds after both ends were set up.
const upPatience = 5 * time.Second

// waitUp waits until the interfaces are up.
func (h *host) waitUp(names []string) error {
	end := time.Now().Add(upPatience)
	for _, name := range names {
		for {
			i, err := h.conn.Interface(name)
			if err != nil {
				return err
			}
			if i.Up {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("interface %s is not up %s after it was set up", name, upPatience)
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// has reports whether the address stands on the interface, or on one that a
// virtual router has on top of it.
func (h *host) has(addr netip.Addr, dev string) (bool, error) {
	state, err := h.conn.State()
	if err != nil {
		return false, err
	}
	below, exists := state.Find(dev)
	if !exists {
		return false, fmt.Errorf("%w %s", link.ErrNoInterface, dev)
	}
	for i := range state.All() {
		above := i.Parent == below.Index && (i.Kind == link.MACVLAN || i.Kind == link.IPVLAN)
		if (above || i.Index == below.Index) && slices.ContainsFunc(state.Addresses(i.Index), func(a netspec.Address) bool { return a.Addr() == addr }) {
			return true, nil
		}
	}
	return false, nil
}

// network is the bridges, in a namespace of their own, that join the hosts.
type network struct {
	fabric *host
	links  []string
	// down and cut are the ports that are down and the hosts that are
	// partitioned: what the kernel forgets when a port comes up again.
	down map[string]bool
	cut  map[int]bool
	// ports are the interfaces of each host, by host.
	ports map[int][]string
}

// client is the number of the client's host; the nodes' begin at 0.
const client = -1

func newNetwork(links []string) (*network, error) {
	fabric, err := newHost()
	if err != nil {
		return nil, err
	}
	n := &network{fabric: fabric, links: links, down: map[string]bool{}, cut: map[int]bool{}, ports: map[int][]string{}}
	for i := range links {
		err := fabric.conn.AddBridge(bridge(i))
		if err == nil {
			err = fabric.conn.SetUp(bridge(i))
		}
		if err != nil {
			return nil, errors.Join(err, fabric.close())
		}
	}
	return n, nil
}

func bridge(link int) string { return fmt.Sprintf("br%d", link) }

// port is the name of the bridge's end of a host's cable.
func (n *network) port(host int, name string) string {
	return fmt.Sprintf("p%d-%d", host+1, slices.Index(n.links, name))
}

// plug gives the host its interfaces, connected and with their addresses.
func (n *network) plug(number int, h *host, interfaces []Interface) error {
	c := n.fabric.conn
	for _, x := range interfaces {
		p := n.port(number, x.Name)
		err := c.AddVeth(p, x.Name, h.ns)
		if err == nil {
			err = c.SetMaster(p, bridge(slices.Index(n.links, x.Name)))
		}
		if err == nil {
			err = c.SetUp(p)
		}
		if err == nil {
			err = h.conn.SetUp(x.Name)
		}
		if err != nil {
			return err
		}
		n.ports[number] = append(n.ports[number], p)
	}
	if err := h.reset(interfaces); err != nil {
		return err
	}
	// A daemon that starts before its interface is up would begin with a
	// fault that no file asks for.
	var names []string
	for _, x := range interfaces {
		names = append(names, x.Name)
	}
	return errors.Join(h.waitUp(names), n.fabric.waitUp(n.ports[number]))
}

// cable pulls the host's cable out or plugs it in.
func (n *network) cable(number int, name string, in bool) error {
	p := n.port(number, name)
	n.down[p] = !in
	if !in {
		return n.fabric.conn.SetDown(p)
	}
	if err := n.fabric.conn.SetUp(p); err != nil {
		return err
	}
	return n.apply(number, p)
}

// partition cuts the host off, or ends that; its interfaces stay up.
func (n *network) partition(number int, cut bool) error {
	n.cut[number] = cut
	for _, p := range n.ports[number] {
		if err := n.apply(number, p); err != nil {
			return err
		}
	}
	return nil
}

// apply gives a port that is up the state that it should have.
func (n *network) apply(number int, port string) error {
	state := link.Forwarding
	if n.cut[number] {
		state = link.Disabled
	}
	if n.down[port] {
		return nil
	}
	return n.fabric.conn.SetPortState(port, state)
}

// setUpClient lets the client see without filtering or hiding anything. Its
// interfaces must be there.
func setUpClient(h *host, interfaces []Interface) error {
	type setting struct{ path, value string }
	settings := []setting{{"conf/all/rp_filter", "0"}}
	for _, x := range interfaces {
		settings = append(settings,
			// Two links may carry the same network.
			setting{"conf/" + x.Name + "/rp_filter", "0"},
			// Probes that wait for the resolution of an address that nobody
			// has would all be answered when somebody takes it: an outage of
			// half a second would vanish. Room for none means the latest only.
			setting{"neigh/" + x.Name + "/unres_qlen_bytes", "0"})
	}
	return h.ns.Do(func() error {
		for _, s := range settings {
			if err := os.WriteFile("/proc/sys/net/ipv4/"+s.path, []byte(s.value), 0); err != nil {
				return fmt.Errorf("set up the client: %w", err)
			}
		}
		return nil
	})
}
