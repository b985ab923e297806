//go:build linux

package kernel

import (
	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/node"
)

// Sessions implements engine.Kernel.
func (k *Kernel) Sessions(list []bfd.Config) error {
	// A report of an older state must not come after it.
	k.looking.Lock()
	defer k.looking.Unlock()
	interfaces := func(name string) int {
		i, _ := k.conn.Interface(name) // one that cannot be read is placed by the next report
		return i.Index
	}
	return k.ns.Do(func() error { return k.bfd.Set(list, interfaces) })
}

// SendBFD implements engine.Kernel.
func (k *Kernel) SendBFD(a *node.Action) error { return k.bfd.Send(a) }
