//go:build linux

package kernel

import (
	"cmp"
	"fmt"

	"github.com/moonkeep/moonkeep/core/kernel/wire"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// sending is scratch for one Send after the other.
type sending struct {
	sender  wire.Sender
	sockets []*wire.Socket // of each advert; nil when it was dealt with
	adverts []*node.Action // those of one socket
	errs    []*error
}

// Send implements engine.Kernel. Adverts of one socket leave in as few system
// calls as possible.
func (k *Kernel) Send(adverts []node.Action, errs []error) {
	x := &k.sending
	open := *k.sockets.Load()
	x.sockets = x.sockets[:0]
	for i := range adverts {
		a := &adverts[i]
		s := open[outlet{a.Interface, a.Destination.Is6(), a.Protocol == vrrp.ProtocolAH}]
		if s == nil {
			errs[i] = fmt.Errorf("send to %s: no VRRP socket is open on %s", a.Destination, cmp.Or(a.Interface, "any interface"))
		}
		x.sockets = append(x.sockets, s)
	}
	for first, s := range x.sockets {
		if s == nil {
			continue
		}
		x.adverts, x.errs = x.adverts[:0], x.errs[:0]
		for i := first; i < len(adverts); i++ {
			if x.sockets[i] == s {
				x.sockets[i] = nil
				x.adverts, x.errs = append(x.adverts, &adverts[i]), append(x.errs, &errs[i])
			}
		}
		x.sender.Send(s, x.adverts, x.errs)
	}
}
