package engine

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// halfDeaf is a kernel that cannot send to one address.
type halfDeaf struct {
	*fakeKernel
	refuses netip.Addr
}

func (k *halfDeaf) send(a *node.Action) error {
	if a.Destination == k.refuses {
		return errors.New("no route to host")
	}
	return k.fakeKernel.send(a)
}

// TestUnreachablePeer: a peer that adverts do not reach is told of once, and the
// others' adverts leave.
func TestUnreachablePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := one()
		third := netip.MustParseAddr("192.0.2.3")
		plan.Node.Instances[0].Router.Unicast = vrrp.Unicast{On: true, Peers: []vrrp.Peer{{Addr: peer}, {Addr: third}}}
		r := prepare(plan, Options{})
		ctx, cancel := context.WithCancel(context.Background())
		r.cancel = cancel
		go func() { r.err <- r.Run(ctx, &halfDeaf{r.kernel, peer}) }()
		after(time.Second + interval/2)
		if got := len(r.kernel.made("send")); got != 11 {
			t.Errorf("%d adverts to the other peer, want 11", got)
		}
		if got := r.log.count("cannot be sent"); got != 1 || !strings.Contains(r.log.all(), "adverts to 192.0.2.2 cannot be sent") {
			t.Errorf("told %d times, want once, with the peer:\n%s", got, r.log.all())
		}
		if got := r.log.count("leave again"); got != 0 {
			t.Errorf("told %d times that adverts leave again", got)
		}
		r.stop(t)
	})
}

// Send implements Kernel.
func (k *halfDeaf) Send(adverts []node.Action, errs []error) { sendEach(k.send, adverts, errs) }
