package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/kernel/firewall"
	"github.com/moonkeep/moonkeep/core/kernel/ipvs"
	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// examineKernel tries, in a network namespace of its own, what the kernel is
// asked for; a module that can be loaded is loaded by that.
func examineKernel(n *needs) (list []Finding) {
	try := func(wanted bool, what, advice string, f func() error) {
		if !wanted {
			return
		}
		switch err := apart(f); {
		case errors.Is(err, errUntried):
			list = append(list, Finding{Warning, what, err.Error(), enabling(err, "make network namespaces possible")})
		case err != nil:
			list = append(list, Finding{Problem, what, err.Error(), advice})
		default:
			list = append(list, Finding{OK, what, "the kernel can do it", ""})
		}
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
		f := firewall.New(ns, "moonkeep_doctor")
		return errors.Join(f.Check(), f.Close())
	})
	if len(n.services) > 0 {
		if info, err := infoOfIPVS(); err == nil { // else each service says what is wrong
			list = append(list, Finding{OK, "IPVS", fmt.Sprintf("is version %s, with a connection table of %d buckets (conn_tab_bits of ip_vs)", info.Version, info.Buckets), ""})
		}
	}
	for _, kind := range slices.SortedFunc(maps.Keys(n.services), serviceKind.compare) {
		what, do := "IPVS with lvs_sched "+kind.scheduler, "modprobe ip_vs; modprobe ip_vs_"+kind.scheduler
		if kind.engine != "" {
			what, do = what+" and persistence_engine "+kind.engine, do+"; modprobe ip_vs_pe_"+kind.engine
		}
		if kind.six {
			what += " over IPv6"
		}
		try(true, what, do, func() error { return tryIPVS(n.services[kind], kind) })
	}
	return list
}

func (k serviceKind) compare(o serviceKind) int {
	order := cmp.Or(cmp.Compare(k.scheduler, o.scheduler), cmp.Compare(k.engine, o.engine))
	if order == 0 && k.six != o.six {
		return map[bool]int{false: -1, true: 1}[k.six]
	}
	return order
}

// errUntried is wrapped in the error of apart when f was not run.
var errUntried = errors.New("not tried, for want of a network namespace to try it in")

// apart runs f in an empty network namespace, which then is gone.
func apart(f func() error) error {
	ns, err := netns.New()
	if err != nil {
		return fmt.Errorf("%w: %w", errUntried, err)
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

// infoOfIPVS is what the kernel says of its IPVS.
func infoOfIPVS() (info ipvs.Info, err error) {
	err = apart(func() error {
		c, err := ipvs.Open(true)
		if err != nil {
			return err
		}
		info, err = c.Info()
		return errors.Join(err, c.Close())
	})
	return info, err
}

// tryIPVS makes a service, and by that asks for the modules that it needs.
func tryIPVS(k balance.Key, kind serviceKind) error {
	c, err := ipvs.Open(true)
	if err != nil {
		return err
	}
	defer c.Close()
	op := balance.Op{Kind: balance.AddService, Key: k, Options: balance.Options{Scheduler: kind.scheduler, Bits: 32}}
	if kind.engine != "" {
		op.Options.Flags, op.Options.Persistence, op.Options.Engine = balance.Persistent, 300, kind.engine
	}
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
