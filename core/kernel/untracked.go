//go:build linux

package kernel

import "github.com/moonkeep/moonkeep/core/netspec"

// untracked is what an instance is to have and serves without if need be.
type untracked struct{ instance, text string }

// serves notes whether what is not tracked (no_track) could be set, and tells the log
// once in which words the kernel refused it. changing is held.
func (k *Kernel) serves(instance, text string, err error) {
	at := untracked{instance, text}
	if err == nil {
		delete(k.without, at)
		return
	}
	if k.without[at] == err.Error() {
		return
	}
	k.without[at] = err.Error()
	k.log.Warn("cannot set an address, route or rule that is not tracked: the instance serves without it", "instance", instance, "err", err)
}

// forgo forgets what serves noted of what an instance gives up. changing is held.
func (k *Kernel) forgo(instance string, addresses []netspec.Address, routing netspec.Routing) {
	if len(k.without) == 0 {
		return
	}
	for _, a := range addresses {
		delete(k.without, untracked{instance, a.String()})
	}
	for _, r := range routing.Routes {
		delete(k.without, untracked{instance, r.String()})
	}
	for _, r := range routing.Rules {
		delete(k.without, untracked{instance, r.String()})
	}
}
