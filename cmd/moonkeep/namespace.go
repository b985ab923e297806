package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
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
		return fmt.Errorf("net_namespace %s: %w; that needs CAP_SYS_ADMIN, and under systemd RestrictNamespaces=net", name, err)
	}
	return fmt.Errorf("net_namespace %s: %w", name, err)
}

// place has the daemon in the namespace that its configuration names, and is an
// error when a later one names another.
func (d *daemon) place(name string) error {
	running := d.current()
	switch {
	case running == nil:
		return inside(name)
	case running.Global.NetNamespace != name:
		return fmt.Errorf("net_namespace cannot change from %q to %q without a restart", running.Global.NetNamespace, name)
	}
	return nil
}

// hostOf asks the host for what a configuration needs, in the network namespace
// that it names.
func hostOf(c *config.Config) (found config.Findings) {
	if c.Global.NetNamespace == "" {
		return load.Host(c, compileLua)
	}
	ns, err := netns.Open(c.Global.NetNamespace)
	if err == nil {
		defer ns.Close()
		err = ns.Do(func() error { found = load.Host(c, compileLua); return nil })
	}
	if err != nil {
		found.Add(c.Global.Written.At("net_namespace", config.Position{}), config.Error, "no-interface", "net_namespace: its interfaces cannot be looked at: %v", err)
	}
	return found
}
