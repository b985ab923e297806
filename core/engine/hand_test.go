package engine

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/node"
)

// tables counts how many servers the table was asked for, each time that it was.
type tables []int

func (l *tables) Set(t balance.Table) {
	for _, s := range t {
		*l = append(*l, len(s.Destinations))
	}
}

// TestHandsInTurns: people who name servers together reach all of them in one turn of the
// loop, unless they are very many; and servers that are drained lose their places so many
// in a turn, that adverts go out meanwhile.
func TestHandsInTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const servers = handledAtOnce + 10
		p := one()
		v := node.Service{Name: "web", Tuple: "<web>", Quorum: 1, Layout: balance.Layout{Keys: []balance.Key{{Fwmark: 1}}}}
		hands := make([]node.Hand, servers)
		for i := range servers {
			name := fmt.Sprint("s", i)
			v.Servers = append(v.Servers, node.Server{Name: name, Tuple: "<s>", Weight: 1})
			v.Layout.Servers = append(v.Layout.Servers, balance.Destination{Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 80)})
			hands[i] = node.Hand{Service: "web", Server: name, Wish: node.WishDrain, Weight: -1}
		}
		p.Node.Services = []node.Service{v}
		var asked tables
		r := prepare(p, Options{Balancer: &asked})
		r.begin()
		after(time.Second)
		is := func(what string, want ...int) {
			t.Helper()
			synctest.Wait()
			if fmt.Sprint(asked) != fmt.Sprint(want) {
				t.Errorf("%s: the table was asked for %v servers, want %v", what, asked, want)
			}
			asked = nil
		}
		is("the start", servers)
		handle := func(list []node.Hand) {
			t.Helper()
			if all, err := r.Handle(t.Context(), list); err != nil || len(all) != len(list) {
				t.Errorf("people have a hand in %d servers, want %d: %v", len(all), len(list), err)
			}
		}
		handle(hands[:500])
		is("a drain of 500", servers)
		handle(hands)
		is("a drain of all", servers, servers)
		list, err := r.Draining(t.Context())
		if err != nil || len(list) != servers {
			t.Fatalf("%d servers are drained, want %d: %v", len(list), servers, err)
		}
		if _, err := r.Drained(t.Context(), list[:2*drainedAtOnce+1]); err != nil {
			t.Error(err)
		}
		is("their end", servers-drainedAtOnce, servers-2*drainedAtOnce, servers-2*drainedAtOnce-1)
		r.stop(t)
	})
}

// leaver is a balancer that has who asked for it go while it is asked.
type leaver struct{ leave func() }

func (l *leaver) Set(balance.Table) {
	if l.leave != nil {
		l.leave()
	}
}

// TestHandOfOneWhoGoes: who goes while it is being done hears of no error after it is done.
func TestHandOfOneWhoGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := one()
		v := node.Service{Name: "web", Tuple: "<web>", Quorum: 1, Layout: balance.Layout{Keys: []balance.Key{{Fwmark: 1}}}}
		v.Servers = append(v.Servers, node.Server{Name: "s", Tuple: "<s>", Weight: 1})
		v.Layout.Servers = append(v.Layout.Servers, balance.Destination{Address: netip.MustParseAddrPort("10.0.0.1:80")})
		p.Node.Services = []node.Service{v}
		var l leaver
		r := prepare(p, Options{Balancer: &l})
		r.begin()
		after(time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		l.leave = cancel
		all, err := r.Handle(ctx, []node.Hand{{Service: "web", Server: "s", Wish: node.WishDown, Weight: -1}})
		if err != nil || len(all) != 1 {
			t.Errorf("people have a hand in %v: %v, want one server", all, err)
		}
		if ctx.Err() == nil {
			t.Error("the table was not asked for")
		}
		r.stop(t)
	})
}
