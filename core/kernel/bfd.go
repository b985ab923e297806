//go:build linux

package kernel

import (
	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/node"
)

// Sessions implements engine.Kernel.
func (k *Kernel) Sessions(list []bfd.Config) error {
	return k.ns.Do(func() error { return k.bfd.Set(list) })
}

// SendBFD implements engine.Kernel.
func (k *Kernel) SendBFD(a *node.Action) error { return k.bfd.Send(a) }
