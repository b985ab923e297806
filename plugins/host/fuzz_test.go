//go:build linux

package host

import (
	"bufio"
	"bytes"
	"log/slog"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
)

// FuzzProtocol feeds a host what a plugin may send: bytes of protobuf, or a
// line of JSON. Whatever they are, the host neither panics nor answers what
// was not asked, nor answers twice; and when the plugin is given up, the
// probes that are left are answered.
func FuzzProtocol(f *testing.F) {
	add := func(m *checkerpb.FromPlugin) {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(false, b)
	}
	w := int32(-5)
	add(&checkerpb.FromPlugin{Hello: &checkerpb.Hello{Name: "F"}})
	add(&checkerpb.FromPlugin{Pong: 1, Prepared: []*checkerpb.Prepared{{Check: 0}, {Check: 9, Error: "no"}}})
	add(&checkerpb.FromPlugin{Results: []*checkerpb.Result{{Check: 0, Probe: 1, Verdict: 1, Weight: &w}, {Check: 1, Probe: 2, Verdict: 2, Message: "a\nb\x00"}}})
	add(&checkerpb.FromPlugin{Results: []*checkerpb.Result{{Check: 0, Probe: 1, LatencyUs: 1<<64 - 1}, {Check: 0, Probe: 1}, {Check: 2, Probe: 1}}})
	add(&checkerpb.FromPlugin{Logs: []*checkerpb.Log{{Level: -99, Message: "x", Check: 7, HasCheck: true, Attributes: []string{"a"}}}})
	for _, line := range []string{
		`{"hello":{"protocol":1,"name":"F"}}`, `{"hello":{"protocol":2}}`, `{"results":[{"check":0,"probe":1,"verdict":"ok","weight":3,"details":[{"name":"a","text":"b"}]}]}`,
		`{"prepared":[{"check":1,"error":"no"}],"pong":4,"logs":[{"level":"warn","message":"m","check":1}]}`, `{"results":[{"verdict":"maybe"}]}`, `[]`, `{`,
	} {
		f.Add(true, []byte(line))
	}
	f.Fuzz(func(t *testing.T, asLine bool, data []byte) {
		var m *checkerpb.FromPlugin
		var err error
		if asLine {
			m, err = newLines(nil, nil, bufio.NewReader(bytes.NewReader(append(data, '\n')))).recv()
		} else {
			m, err = decodeMessage(data)
		}
		if err != nil {
			return
		}
		answered := map[uint32]int{}
		set := &Set{tell: func(_ uint32, list []node.Answer) {
			for _, a := range list {
				answered[a.Seq]++
				if len(a.Message) > maxText+100 {
					t.Errorf("a message of %d bytes", len(a.Message))
				}
			}
		}}
		g := newGroup(&Host{opts: Options{Log: slog.New(slog.DiscardHandler)}}, groupKey{name: "F"}, 1)
		g.host.opts.defaults()
		i := &instance{group: g, starter: &starter{}, number: 1, out: make(chan *checkerpb.FromHost, 1), quit: make(chan struct{}), hello: &checkerpb.Hello{}}
		g.current, g.awake = i, time.Now()
		const n = 3
		for k := range uint32(n) {
			c := check(k, "F", string(rune('a'+k)))
			id := g.take(slotKey{identity: c.Identity}, c.Subject)
			g.begin(&ask{set: set, slot: id, check: c.Subject, number: k, seq: 100 + k, at: g.awake})
			g.slots[id].sent, g.slots[id].prepared = i, 1
			i.under++
		}
		if err := g.message(i, m); err != nil {
			g.lose(i, err.Error())
		} else if err := g.message(i, m); err != nil { // and all of it again
			g.lose(i, err.Error())
		}
		g.tell()
		if !i.dead {
			g.lose(i, "the end")
		}
		g.tell()
		for seq, times := range answered {
			if seq < 100 || seq >= 100+n || times != 1 {
				t.Errorf("answer %d came %d times", seq, times)
			}
		}
		if len(answered) != n || len(g.under.ids) != 0 || i.under != 0 {
			t.Errorf("of %d probes %d are answered, %d under way, %d at the plugin", n, len(answered), len(g.under.ids), i.under)
		}
	})
}
