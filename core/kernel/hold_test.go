//go:build linux

package kernel

import (
	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// Take is Kernel.Claim for one instance.
func Take(k *Kernel, instance string, addresses []netspec.Address, noAccept bool) error {
	var errs [1]error
	k.Claim([]engine.Holding{{Instance: instance, Addresses: addresses, NoAccept: noAccept}}, errs[:])
	return errs[0]
}

// Drop is Kernel.Release for one instance.
func Drop(k *Kernel, instance string, addresses []netspec.Address) error {
	var errs [1]error
	k.Release([]engine.Holding{{Instance: instance, Addresses: addresses}}, errs[:])
	return errs[0]
}
