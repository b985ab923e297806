package node

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// wall is the wall clock at instant 0.
const wall = int64(1_790_000_000) * int64(second)

var (
	source6 = netip.MustParseAddr("fe80::5")
	higher6 = netip.MustParseAddr("fe80::6")
)

// wired returns a node that knows the time, and eth0 to be up.
func wired(t *testing.T, instances ...Instance) *Node {
	t.Helper()
	n := New(0, Config{Instances: instances})
	n.Step(0, &Clock{Wall: wall})
	n.Tick(0)
	n.Step(0, &Link{Name: "eth0", Exists: true, Up: true, Index: 2, Primary: source, Primary6: source6, MTU: 1500})
	return n
}

// elapse ticks until an instant and returns copies of the adverts that left.
func elapse(n *Node, until mono.Instant) (sent []Action) {
	for n.Deadline() <= until {
		sent = append(sent, adverts(n.Tick(n.Deadline()))...)
	}
	return sent
}

func adverts(actions []Action) (sent []Action) {
	for _, a := range actions {
		if a.Kind == Send {
			a.Payload = bytes.Clone(a.Payload)
			sent = append(sent, a)
		}
	}
	return sent
}

// arrives is an advert as the receiver gets it.
func arrives(a *Action) *Received {
	p := vrrp.Packet{
		Interface: a.Interface, Source: a.Source, Destination: a.Destination, TTL: int(a.TTL),
		Protocol: a.Protocol, Payload: a.Payload,
	}
	if a.Protocol == vrrp.ProtocolAH {
		p.Header = vrrp.AppendIPv4Header(nil, a.Source, a.Destination, a.Protocol, a.TTL, a.ID, len(a.Payload))
	}
	return &Received{Packet: p}
}

func role(t *testing.T, n *Node, name string, want vrrp.Role) {
	t.Helper()
	for _, in := range n.Status(0).Instances {
		if in.Name == name && in.Role != want {
			t.Errorf("%s is %v (faults %v, waiting %v, refused %v), want %v", name, in.Role, in.Faults, in.Waiting, in.Counts.Rejected, want)
		}
	}
}

// instance6 returns a version 3 instance over IPv6.
func instance6(name string, vrid, priority uint8) Instance {
	in := instance3(name, vrid, priority)
	in.Addresses, in.Router.Addresses = nil, nil
	for _, a := range []string{"fe80::100", "2001:db8::100"} {
		in.Addresses = append(in.Addresses, netspec.Address{Prefix: netip.MustParsePrefix(a + "/64"), Device: "eth0"})
		in.Router.Addresses = append(in.Router.Addresses, netip.MustParseAddr(a))
	}
	return in
}

func unicastTo(in Instance, peers ...netip.Addr) Instance {
	in.Router.Unicast = vrrp.Unicast{On: true}
	for _, p := range peers {
		in.Router.Unicast.Peers = append(in.Router.Unicast.Peers, vrrp.Peer{Addr: p})
	}
	return in
}

func signed(in Instance) Instance {
	in.Router.HMAC = vrrp.HMAC{Mode: vrrp.HMACEnforce, Active: 1, Keys: []vrrp.Key{{ID: 1, Secret: vrrp.Secret(strings.Repeat("k", 32))}}}
	return in
}

func sealed(in Instance) Instance {
	in.Router.Version, in.Router.Auth = vrrp.V2, vrrp.AuthAH
	copy(in.Router.Password[:], "1234")
	return in
}

// TestPairs: two nodes that are configured alike elect the higher one over each
// transport, and the other takes over when it is gone.
func TestPairs(t *testing.T) {
	v3 := func(p uint8) Instance { return instance3("V", 51, p) }
	v6 := func(p uint8) Instance { return instance6("V", 51, p) }
	for _, tt := range []struct {
		rule string
		make func(priority uint8, peer, peer6 netip.Addr) Instance
	}{
		{"C-2 version 3", func(p uint8, _, _ netip.Addr) Instance { return v3(p) }},
		{"C-3 IPv6", func(p uint8, _, _ netip.Addr) Instance { return v6(p) }},
		{"U-1 unicast", func(p uint8, peer, _ netip.Addr) Instance { return unicastTo(v3(p), peer) }},
		{"U-5 IPv6 in unicast", func(p uint8, _, peer netip.Addr) Instance { return unicastTo(v6(p), peer) }},
		{"H-7 HMAC", func(p uint8, _, _ netip.Addr) Instance { return signed(v3(p)) }},
		{"H-10 HMAC over IPv6", func(p uint8, _, _ netip.Addr) Instance { return signed(v6(p)) }},
		{"H-12 HMAC in unicast", func(p uint8, peer, _ netip.Addr) Instance { return signed(unicastTo(v3(p), peer)) }},
		{"F2-10 AH", func(p uint8, _, _ netip.Addr) Instance { return sealed(v3(p)) }},
		{"F2-10 AH in unicast", func(p uint8, peer, _ netip.Addr) Instance { return sealed(unicastTo(v3(p), peer)) }},
		{"X-1 both versions", func(p uint8, _, _ netip.Addr) Instance { in := v3(p); in.Router.Interop = true; return in }},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			a := wired(t, tt.make(100, higher, higher6))
			b := New(0, Config{Instances: []Instance{tt.make(200, source, source6)}})
			b.Step(0, &Clock{Wall: wall})
			b.Step(0, &Link{Name: "eth0", Exists: true, Up: true, Index: 2, Primary: higher, Primary6: higher6, MTU: 1500})
			elapse(a, mono.Instant(4*second))
			role(t, a, "V", vrrp.Master)
			carry := func(from, to *Node, until mono.Instant) (count int) {
				for at := mono.Min(from.Deadline(), to.Deadline()); at <= until; at = mono.Min(from.Deadline(), to.Deadline()) {
					for _, n := range [][2]*Node{{from, to}, {to, from}} {
						for _, s := range adverts(n[0].Tick(at)) {
							count++
							for _, reply := range adverts(n[1].Step(at, arrives(&s))) {
								n[0].Step(at, arrives(&reply))
							}
						}
					}
				}
				return count
			}
			carry(a, b, mono.Instant(9*second))
			role(t, a, "V", vrrp.Backup)
			role(t, b, "V", vrrp.Master)
			for _, n := range []*Node{a, b} {
				for i, refused := range n.Status(0).Instances[0].Counts.Rejected {
					if refused != 0 {
						t.Errorf("%d refused: %v", refused, vrrp.Rejection(i))
					}
				}
			}
			elapse(a, mono.Instant(15*second))
			role(t, a, "V", vrrp.Master)
		})
	}
}

// TestT2Source: what an instance sends from, and its fault without it.
func TestT2Source(t *testing.T) {
	global := netip.MustParseAddr("2001:db8::5")
	configured := unicastTo(instance6("V", 1, 100), higher6)
	configured.Source = global
	anywhere := unicastTo(instance3("V", 1, 100), higher)
	anywhere.Interface = ""
	routed := anywhere
	routed.Source = source
	lonely := unicastTo(instance3("V", 1, 100))
	needy := lonely
	needy.Router.Unicast.FaultWithoutPeer = true
	for _, tt := range []struct {
		name  string
		in    Instance
		link  Link
		want  netip.Addr
		fault string
	}{
		{"IPv4", instance3("V", 1, 100), Link{Primary: source, Primary6: source6}, source, ""},
		{"IPv6", instance6("V", 1, 100), Link{Primary: source, Primary6: source6}, source6, ""},
		{"only IPv6 for IPv4", instance3("V", 1, 100), Link{Primary6: source6}, netip.Addr{}, "has no IPv4 address"},
		{"only IPv4 for IPv6", instance6("V", 1, 100), Link{Primary: source}, netip.Addr{}, "has no link-local IPv6 address"},
		{"configured", configured, Link{Primary6: source6}, global, ""},
		{"no interface", routed, Link{}, source, ""},
		{"neither interface nor source", anywhere, Link{}, netip.Addr{}, "neither an interface nor a source"},
		{"no peers", lonely, Link{Primary: source}, source, ""},
		{"no peers, but one is needed", needy, Link{Primary: source}, netip.Addr{}, "no unicast peer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := New(0, Config{Instances: []Instance{tt.in}})
			n.Tick(0)
			tt.link.Name, tt.link.Exists, tt.link.Up = "eth0", true, true
			n.Step(0, &tt.link)
			st := n.Status(0).Instances[0]
			if tt.fault != "" {
				if st.Role != vrrp.Fault || !strings.Contains(strings.Join(st.Faults, " "), tt.fault) {
					t.Errorf("role is %v, faults %v, want %q", st.Role, st.Faults, tt.fault)
				}
				return
			}
			sent := elapse(n, mono.Instant(4*second))
			if st = n.Status(0).Instances[0]; st.Role != vrrp.Master || st.Source != tt.want {
				t.Fatalf("role is %v, source %v, want MASTER and %v: %v", st.Role, st.Source, tt.want, st.Faults)
			}
			if len(sent) == 0 && tt.name != "no peers" || len(sent) > 0 && (sent[0].Source != tt.want || sent[0].Interface != tt.in.Interface) {
				t.Errorf("sent %+v", sent)
			}
		})
	}
}

// TestC7Keys: routers that share interface and VRID are independent when family,
// group or peers differ.
func TestC7Keys(t *testing.T) {
	group := netip.MustParseAddr("224.0.0.99")
	elsewhere := instance3("group", 1, 100)
	elsewhere.Router.Group = group
	far := netip.MustParseAddr("198.51.100.6")
	n := wired(t, instance3("plain", 1, 100), elsewhere, unicastTo(instance3("peer", 1, 100), higher),
		unicastTo(instance3("far", 1, 100), far), instance6("six", 1, 100))
	advert := func(in Instance, from, to netip.Addr) *Received {
		return &Received{Packet: vrrp.Packet{Interface: "eth0", Source: from, Destination: to, TTL: 255, Payload: in.Router.Append(nil, 200, from, to)}}
	}
	v4, v6 := instance3("", 1, 200), instance6("", 1, 200)
	n.Step(0, advert(v4, higher, vrrp.Group(false)))
	n.Step(0, advert(v4, higher, group))
	n.Step(0, advert(v4, higher, source))
	n.Step(0, advert(v4, far, source))
	n.Step(0, advert(v6, higher6, vrrp.Group(true)))
	for _, in := range n.Status(0).Instances {
		if in.Counts.Received != 1 {
			t.Errorf("%s heard %d adverts, want 1: %v", in.Name, in.Counts.Received, in.Counts.Rejected)
		}
	}
	n.Step(0, advert(v4, lower, source)) // of nobody
	st := n.Status(0).Instances[0]
	if st.Counts.Rejected[vrrp.RejectMode] != 1 {
		t.Errorf("a stranger's advert is counted as %v", st.Counts.Rejected)
	}
}

// TestReloadIdentity: which instances a reload keeps.
func TestReloadIdentity(t *testing.T) {
	another := netip.MustParseAddr("192.0.2.7")
	to := func(name string, peers ...netip.Addr) Instance { return unicastTo(instance3(name, 1, 100), peers...) }
	regrouped := instance3("V", 1, 100)
	regrouped.Router.Group = netip.MustParseAddr("224.0.0.99")
	for _, tt := range []struct {
		name          string
		before, after []Instance
		kept          []string // by new name
		claims        int      // anew, under a new name
	}{
		{"same", []Instance{to("V", higher)}, []Instance{to("V", higher)}, []string{"V"}, 0},
		{"another peer", []Instance{to("V", higher)}, []Instance{to("V", another)}, []string{"V"}, 0},
		{"renamed", []Instance{to("V", higher)}, []Instance{to("W", higher, another)}, []string{"W"}, 1},
		{"renamed, with another peer", []Instance{to("V", higher)}, []Instance{to("W", another)}, nil, 0},
		{"to multicast", []Instance{to("V", higher)}, []Instance{instance3("V", 1, 100)}, nil, 0},
		{"to unicast", []Instance{instance3("V", 1, 100)}, []Instance{to("V", higher)}, nil, 0},
		{"another group", []Instance{instance3("V", 1, 100)}, []Instance{regrouped}, nil, 0},
		{"renamed in multicast", []Instance{instance3("V", 1, 100)}, []Instance{instance3("W", 1, 100)}, []string{"W"}, 1},
		{"one of two", []Instance{to("V", higher), to("W", another)}, []Instance{to("W", another)}, []string{"W"}, 0},
		{"names swapped", []Instance{to("V", higher), to("W", another)}, []Instance{to("W", higher), to("V", another)}, []string{"V", "W"}, 0},
		{"one more", []Instance{to("V", higher)}, []Instance{to("U", another), to("V", higher)}, []string{"V"}, 0},
		{"split", []Instance{to("V", higher, another)}, []Instance{to("W", higher), to("X", another)}, []string{"W"}, 1},
		{"peers swapped", []Instance{to("V", higher), to("W", another)}, []Instance{to("V", another), to("W", higher)}, []string{"V", "W"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := wired(t, tt.before...)
			elapse(n, mono.Instant(4*second))
			actions := n.Reconfigure(mono.Instant(4*second), Config{Instances: tt.after})
			deleted, claims := 0, 0
			for _, a := range actions {
				if a.Kind == Claim {
					claims++
				}
				if a.Change != nil && a.Change.Deleted {
					deleted++
				}
			}
			var kept []string
			for _, in := range n.Status(0).Instances {
				if in.Role == vrrp.Master {
					kept = append(kept, in.Name)
				}
			}
			slices.Sort(kept)
			if !slices.Equal(kept, tt.kept) || deleted != len(tt.before)-len(tt.kept) || claims != tt.claims {
				t.Errorf("kept %v, deleted %d, claimed %d, want %v, %d and %d", kept, deleted, claims, tt.kept, len(tt.before)-len(tt.kept), tt.claims)
			}
		})
	}
}

// TestH15Clock: the time in an advert is the wall clock's, which Clock sets, and
// which a new instance knows too.
func TestH15Clock(t *testing.T) {
	seconds := func(a *Action) uint32 {
		return binary.BigEndian.Uint32(a.Payload[len(a.Payload)-24:])
	}
	n := wired(t, signed(instance3("V", 1, 100)))
	sent := elapse(n, mono.Instant(10*second))
	at := sent[len(sent)-1]
	if got, want := seconds(&at), uint32(wall/int64(second))+9; got != want {
		t.Errorf("time %d, want %d", got, want)
	}
	n.Step(mono.Instant(10*second), &Clock{Wall: wall + 110*int64(second)})
	sent = elapse(n, mono.Instant(11*second))
	if got, want := seconds(&sent[0]), uint32(wall/int64(second))+110; got != want {
		t.Errorf("time %d after the clock was set, want %d", got, want)
	}
	n.Reconfigure(mono.Instant(11*second), Config{Instances: []Instance{signed(instance3("W", 2, 100))}})
	sent = elapse(n, mono.Instant(15*second))
	if got, want := seconds(&sent[0]), uint32(wall/int64(second))+114; got != want {
		t.Errorf("time %d of a new instance, want %d", got, want)
	}
}

// TestPayloadsOfOneCall: what a call returns stays until the next, also when a
// router writes again into its buffer.
func TestPayloadsOfOneCall(t *testing.T) {
	var instances []Instance
	for i := range 100 {
		instances = append(instances, signed(instance3(fmt.Sprint("V", i), uint8(i+1), 100)))
	}
	n := wired(t, instances...)
	elapse(n, mono.Instant(5*second))
	actions := n.Tick(mono.Instant(6 * second))
	var before [][]byte
	for i := range actions {
		before = append(before, bytes.Clone(actions[i].Payload))
	}
	for _, in := range n.instances {
		in.acts = in.router.Tick(mono.Instant(7*second), in.acts[:0]) // as a second advert within the call
	}
	sent := 0
	for i := range actions {
		if !bytes.Equal(actions[i].Payload, before[i]) {
			t.Fatalf("the payload of action %d changed", i)
		}
		if actions[i].Kind == Send {
			sent++
		}
	}
	if sent != 100 {
		t.Errorf("%d adverts, want 100", sent)
	}
}

// TestSendFailedPeers: each peer that adverts do not reach is told of.
func TestSendFailedPeers(t *testing.T) {
	n := wired(t, unicastTo(instance3("V", 1, 100), lower, higher))
	told := func(to netip.Addr, failure string) string {
		t.Helper()
		for _, a := range n.Step(0, &SendFailed{Instance: "V", Destination: to, Failure: failure}) {
			if a.Kind == Noted && a.Note.Topic == "send" {
				return a.Note.Text
			}
		}
		return ""
	}
	for i, s := range []struct {
		to            netip.Addr
		failure, want string
	}{
		{lower, "no route", "adverts to 192.0.2.4 cannot be sent: no route"},
		{higher, "", ""},
		{lower, "no route", ""},
		{higher, "no route", "adverts to 192.0.2.6 cannot be sent: no route"},
		{lower, "", "adverts to 192.0.2.4 leave again"},
		{lower, "", ""},
		{higher, "", "adverts to 192.0.2.6 leave again"},
	} {
		if got := told(s.to, s.failure); got != s.want {
			t.Errorf("step %d: told %q, want %q", i, got, s.want)
		}
	}
}

// TestU4TTL: the TTL that is configured leaves.
func TestU4TTL(t *testing.T) {
	in := unicastTo(instance3("V", 1, 100), higher)
	in.Router.Unicast.TTL = 64
	if sent := elapse(wired(t, in), mono.Instant(4*second)); len(sent) == 0 || sent[0].TTL != 64 {
		t.Errorf("sent %+v", sent)
	}
}

// TestNoAllocationSigned: HMAC, AH and peers make no garbage either.
func TestNoAllocationSigned(t *testing.T) {
	for name, in := range map[string]Instance{
		"HMAC":    signed(instance3("V", 1, 100)),
		"AH":      sealed(instance3("V", 1, 100)),
		"unicast": unicastTo(instance3("V", 1, 100), lower, higher),
		"IPv6":    signed(instance6("V", 1, 100)),
	} {
		t.Run(name, func(t *testing.T) {
			n := wired(t, in)
			elapse(n, mono.Instant(5*second))
			now, sent := mono.Instant(5*second), 0
			tick := func() {
				now = now.Add(second)
				for _, a := range n.Tick(now) {
					if a.Kind == Send {
						sent++
					}
				}
			}
			tick()
			if got := testing.AllocsPerRun(100, tick); got != 0 {
				t.Errorf("%v allocations", got)
			}
			if sent < 102 {
				t.Errorf("%d adverts, want 102", sent)
			}
		})
	}
}

// FuzzReceived feeds instances of each transport any packet. None may panic, and
// none may move an instance that its rules refuse.
func FuzzReceived(f *testing.F) {
	instances := []Instance{
		unicastTo(instance3("V", 51, 100), higher), signed(instance3("V", 51, 100)), sealed(instance3("V", 51, 100)),
		instance6("V", 51, 100), signed(instance6("V", 51, 100)), sealed(unicastTo(instance3("V", 51, 100), higher)),
	}
	for i := range instances {
		in := &instances[i]
		from := higher
		if in.six() {
			from = higher6
		}
		f.Add(uint8(i), uint8(0), 255, true, []byte{}, in.Router.Append(nil, 200, from, vrrp.Group(in.six())))
		f.Add(uint8(i), uint8(vrrp.ProtocolAH), 255, false, make([]byte, 20), make([]byte, 44))
	}
	f.Fuzz(func(t *testing.T, kind, protocol uint8, ttl int, group bool, header, payload []byte) {
		in := instances[int(kind)%len(instances)]
		n := New(0, Config{Instances: []Instance{in}})
		n.Step(0, &Clock{Wall: wall})
		n.Tick(0)
		n.Step(0, &Link{Name: "eth0", Exists: true, Up: true, Index: 2, Primary: source, Primary6: source6, MTU: 1500})
		p := vrrp.Packet{Interface: "eth0", Source: higher, Destination: source, TTL: ttl, Protocol: protocol, Header: header, Payload: payload}
		if in.six() {
			p.Source, p.Destination = higher6, source6
		}
		if group {
			p.Destination = vrrp.Group(in.six())
		}
		_, rule := in.Router.Verify(&p)
		before := n.Status(0).Instances[0]
		n.Step(0, &Received{Packet: p})
		after := n.Status(0).Instances[0]
		if rule != vrrp.Accepted && (after.MasterDown != before.MasterDown || after.Counts.Received != 0 || after.HeardFrom.IsValid()) {
			t.Fatalf("%v, and yet %+v became %+v", rule, before, after)
		}
	})
}
