//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// perInterface is how many virtual routers share an interface: nearly as many
// as there are numbers for.
const perInterface = 250

// The hosts of a network.
const (
	masterSide = iota
	backupSide
	sides
)

// network is two hosts with an interface for every perInterface virtual routers,
// joined by bridges in a namespace of their own, as by switches.
type network struct {
	n        int
	switches *host
	hosts    [sides]*host
}

// host is a namespace and a connection to its tables.
type host struct {
	ns   *netns.NS
	conn *link.Conn
}

func newHost() (*host, error) {
	ns, err := netns.New()
	if err != nil {
		return nil, err
	}
	h := &host{ns: ns}
	err = ns.Do(func() (err error) {
		h.conn, err = link.Open()
		return err
	})
	if err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	return h, h.conn.SetUp("lo")
}

func (h *host) close() error {
	if h == nil {
		return nil
	}
	return errors.Join(h.conn.Close(), h.ns.Close())
}

// interfaces is how many n virtual routers need.
func interfaces(n int) int { return (n + perInterface - 1) / perInterface }

// device, vrid and vip are those of virtual router i.
func device(i int) string { return fmt.Sprintf("e%d", i/perInterface) }
func vrid(i int) int      { return i%perInterface + 1 }
func vip(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 100, byte(i / perInterface), byte(vrid(i))})
}

// extraVIP is the address that a reload adds.
func extraVIP() netip.Addr { return netip.AddrFrom4([4]byte{10, 250, 0, 1}) }

// own is a host's own address on its k-th interface.
func own(side, k int) netip.Addr {
	return netip.AddrFrom4([4]byte{172, 16, byte(k), byte(side + 1)})
}

func newNetwork(n int) (_ *network, err error) {
	w := &network{n: n}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.switches, err = newHost(); err != nil {
		return nil, err
	}
	for side := range w.hosts {
		if w.hosts[side], err = newHost(); err != nil {
			return nil, err
		}
	}
	for k := range interfaces(n) {
		if err := w.connect(k); err != nil {
			return nil, err
		}
	}
	for _, h := range w.hosts {
		for k := range interfaces(n) {
			if err := h.waitUp(fmt.Sprintf("e%d", k)); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

// connect gives each host its k-th interface.
func (w *network) connect(k int) error {
	bridge := fmt.Sprintf("br%d", k)
	if err := errors.Join(w.switches.conn.AddBridge(bridge), w.switches.conn.SetUp(bridge)); err != nil {
		return err
	}
	for side, h := range w.hosts {
		name, port := fmt.Sprintf("e%d", k), fmt.Sprintf("p%d-%d", side, k)
		if err := w.switches.conn.AddVeth(port, name, h.ns); err != nil {
			return err
		}
		_, err := h.conn.Add(netspec.Address{Prefix: netip.PrefixFrom(own(side, k), 24), Device: name})
		err = errors.Join(err, w.switches.conn.SetMaster(port, bridge), w.switches.conn.SetUp(port), h.conn.SetUp(name))
		if err != nil {
			return err
		}
	}
	return nil
}

// upPatience is how long an interface may take to be up.
const upPatience = 5 * time.Second

func (h *host) waitUp(name string) error {
	for end := time.Now().Add(upPatience); ; time.Sleep(time.Millisecond) {
		i, err := h.conn.Interface(name)
		if err != nil || i.Up {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("interface %s is not up after %v", name, upPatience)
		}
	}
}

func (w *network) close() error {
	err := w.switches.close()
	for _, h := range w.hosts {
		err = errors.Join(err, h.close())
	}
	return err
}
