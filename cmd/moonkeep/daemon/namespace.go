package daemon

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/lua"
)

// inside has the whole daemon in the network namespace of that name, "" being the
// one that it was started in: its program is run anew there, with the same
// arguments and process number, before it has begun anything. It returns nil when
// it is there already.
func inside(name string) error {
	if name == "" {
		return nil
	}
	ns, err := netns.Open(name)
	if err != nil {
		return fmt.Errorf("net_namespace: %w; `ip netns add` makes one", err)
	}
	defer ns.Close()
	here, err := netns.Current()
	if err != nil {
		return err
	}
	defer here.Close()
	if here.Same(ns) {
		return nil
	}
	program, err := os.Executable()
	if err == nil {
		err = ns.Exec(program, os.Args, os.Environ())
	}
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("net_namespace %s: %w; that needs CAP_SYS_ADMIN: in a unit of systemd CapabilityBoundingSet=CAP_SYS_ADMIN, and no RestrictNamespaces=", name, err)
	}
	return fmt.Errorf("net_namespace %s: %w", name, err)
}

// enter has the daemon in the namespace that its configuration names, and is an
// error when a later one names another, or another for IPVS.
func (d *daemon) enter(name, ipvs string) error {
	running := d.current()
	switch {
	case running == nil:
		return inside(name)
	case running.Global.NetNamespace != name:
		return fmt.Errorf("net_namespace cannot change from %q to %q without a restart", running.Global.NetNamespace, name)
	case running.Global.NetNamespaceIPVS != ipvs:
		return fmt.Errorf("net_namespace_ipvs cannot change from %q to %q without a restart", running.Global.NetNamespaceIPVS, ipvs)
	}
	return nil
}

// hostOf asks the host for what a configuration needs, in the network namespace
// that it names.
func hostOf(c *config.Config, library *lua.Library) (found config.Findings) {
	if c.Global.NetNamespace == "" {
		return hostHere(c, library)
	}
	ns, err := netns.Open(c.Global.NetNamespace)
	if err == nil {
		defer ns.Close()
		err = ns.Do(func() error { found = hostHere(c, library); return nil })
	}
	if err != nil {
		found.Add(c.Global.Written.At("net_namespace", config.Position{}), config.Error, "no-interface", "net_namespace: its interfaces cannot be looked at: %v", err)
	}
	return found
}

// hostHere asks the host for what a configuration needs, in the calling thread's
// network namespace and in those that its instances name.
func hostHere(c *config.Config, library *lua.Library) config.Findings {
	found := append(missingHere(c, library), doubtfulHere(c)...)
	found.Sort()
	return found
}

// missingHere is what of hostHere decides whether the configuration can run.
func missingHere(c *config.Config, library *lua.Library) config.Findings {
	found := load.Host(c, compiles(library))
	eachSpace(c, func(in *config.Instance, within *config.Config, err error) {
		switch {
		case errors.Is(err, os.ErrPermission):
			found.Add(in.Written.At("net_namespace", in.At), config.Warning, "no-interface", "vrrp_instance %s: net_namespace: its interfaces cannot be looked at: %v", in.Name, err)
		case err != nil:
			found.Add(in.Written.At("net_namespace", in.At), config.Error, "no-interface", "vrrp_instance %s: net_namespace: %v; `ip netns add` makes one", in.Name, err)
		default:
			found = append(found, load.Interfaces(within, "the network namespace "+in.NetNamespace)...)
		}
	})
	found.Sort()
	return found
}

// doubtfulHere is the rest of hostHere: warnings about a configuration that runs, which
// take their time.
func doubtfulHere(c *config.Config) config.Findings {
	found := load.Subnets(build.Within(c, ""))
	eachSpace(c, func(_ *config.Instance, within *config.Config, err error) {
		if err == nil { // else missingHere has told
			found = append(found, load.Subnets(within)...)
		}
	})
	return found
}

// eachSpace calls f in each network namespace that instances name, with the first
// of them and with what of the configuration is in it; or elsewhere with an error
// when it cannot be entered.
func eachSpace(c *config.Config, f func(first *config.Instance, within *config.Config, err error)) {
	for i := range c.Instances {
		in := &c.Instances[i]
		space := in.NetNamespace
		if space == "" || slices.ContainsFunc(c.Instances[:i], func(x config.Instance) bool { return x.NetNamespace == space }) {
			continue
		}
		ns, err := netns.Open(space)
		if err == nil {
			err = ns.Do(func() error {
				f(in, build.Within(c, space), nil)
				return nil
			})
			err = errors.Join(err, ns.Close())
		}
		if err != nil {
			f(in, nil, err)
		}
	}
}
