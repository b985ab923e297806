//go:build linux

package kernel

import "github.com/moonkeep/moonkeep/core/node"

// send sends one advert.
func send(k *Kernel, a *node.Action) error {
	errs := make([]error, 1)
	k.Send([]node.Action{*a}, errs)
	return errs[0]
}
