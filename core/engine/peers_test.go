package engine

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
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

// TestRenamedIsToldAnew holds that what a reload calls otherwise is not said to be
// unheard for good, nor a peer that it removes.
func TestRenamedIsToldAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := one()
		third := netip.MustParseAddr("192.0.2.3")
		plan.Node.Instances[0].Router.Unicast = vrrp.Unicast{On: true, Peers: []vrrp.Peer{{Addr: peer}, {Addr: third}}}
		plan.Node.Sessions = []node.Session{sessionWith("S", 9)}
		r := prepare(plan, Options{})
		var mended atomic.Bool
		r.kernel.on("bfd", func() error {
			if !mended.Load() {
				return errors.New("network is unreachable")
			}
			return nil
		})
		ctx, cancel := context.WithCancel(context.Background())
		r.cancel = cancel
		go func() { r.err <- r.Run(ctx, &halfDeaf{r.kernel, peer}) }()
		after(2 * time.Second)
		failing := func() (failure string) {
			t.Helper()
			s, _, err := r.Status(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range s.Sessions {
				failure += w.Failure
			}
			return failure
		}
		if failing() == "" {
			t.Fatal("the session is said to be heard")
		}
		next := one()
		next.Node.Instances[0].Name = "VI_2"
		next.Node.Instances[0].Router.Unicast = vrrp.Unicast{On: true, Peers: []vrrp.Peer{{Addr: third}}}
		next.Node.Sessions = []node.Session{sessionWith("T", 9)}
		if err := r.Reload(context.Background(), next); err != nil {
			t.Fatal(err)
		}
		mended.Store(true)
		after(5 * time.Second)
		if got := failing(); got != "" {
			t.Errorf("by the name of now: %q", got)
		}
		r.stop(t)
		if len(r.failed)+len(r.bfdFailed) != 0 {
			t.Errorf("the engine remembers %v, %v", r.failed, r.bfdFailed)
		}
	})
}

// Send implements Kernel.
func (k *halfDeaf) Send(adverts []node.Action, errs []error) { sendEach(k.send, adverts, errs) }
