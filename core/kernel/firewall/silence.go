//go:build linux

package firewall

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// Source is an interface that has the hardware address of a virtual router.
type Source struct {
	Device string
	MAC    [6]byte
}

// Silence keeps interfaces that have the same hardware address on all nodes from
// saying what only a master may: switches send what is for the address to
// whoever used it last. It stops what the kernel would say by itself: which
// multicast groups it listens to (IGMP, MLD), and answers to the gratuitous ARP
// of another node, which a master that hands over still would give.
//
// There are two tables:
//
//	table inet NAME {
//		set sources { type ifname; }
//		chain output {
//			type filter hook output priority filter; policy accept;
//			oifname @sources meta l4proto igmp counter drop
//			oifname @sources icmpv6 type 130-132 counter drop
//			oifname @sources icmpv6 type mld2-listener-report counter drop
//		}
//	}
//	table arp NAME {
//		set sources { type ifname . ether_addr; }
//		chain input {
//			type filter hook input priority filter; policy accept;
//			iifname . arp saddr ether @sources counter drop
//		}
//	}
//
// Its methods may be called by any goroutine; they wait for each other.
type Silence struct {
	mu       sync.Mutex
	firewall *Firewall
	sources  []Source
}

// NewSilence returns the tables with that name in a network namespace, which stays
// open until Close. Nothing is asked of the kernel yet.
func NewSilence(namespace *netns.NS, table string) *Silence {
	return &Silence{firewall: New(namespace, table)}
}

// Name is the name of both tables.
func (s *Silence) Name() string { return s.firewall.name }

// Close ends the connection. The tables stay while there are sources.
func (s *Silence) Close() error { return s.firewall.Close() }

// Set silences these interfaces, whether they are there or not, and no others.
// Without any there are no tables.
func (s *Silence) Set(sources []Source) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources = slices.SortedFunc(slices.Values(sources), func(a, b Source) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), slices.Compare(a.MAC[:], b.MAC[:]))
	})
	return s.set()
}

func (s *Silence) set() error {
	err := s.firewall.do(s.fill)
	if errors.Is(err, ErrUnavailable) && len(s.sources) == 0 {
		return nil // there is no table where there are none
	}
	if err != nil {
		return fmt.Errorf("silence %d interfaces with a virtual hardware address: %w", len(s.sources), err)
	}
	return nil
}

// Restore makes the tables anew when somebody removed one, or rules or interfaces
// of one.
func (s *Silence) Restore() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sources) == 0 || s.whole() {
		return nil
	}
	return s.set()
}

// whole reports whether the kernel has the tables with as many rules, and with the
// interfaces.
func (s *Silence) whole() bool {
	if s.firewall.conn == nil {
		return false
	}
	for _, t := range s.tables() {
		rules, err := s.firewall.conn.GetRules(t.table, t.chain)
		if err != nil || len(rules) != len(t.rules) {
			return false
		}
		elements, err := s.firewall.conn.GetSetElements(t.set)
		if err != nil {
			return false
		}
		found, wanted := make(map[string]bool), make(map[string]bool)
		for _, e := range elements {
			found[string(e.Key)] = true
		}
		for _, o := range s.sources {
			wanted[string(t.key(o))] = true
		}
		if !maps.Equal(found, wanted) {
			return false
		}
	}
	return true
}

// silent is one of the tables.
type silent struct {
	table *nftables.Table
	chain *nftables.Chain
	set   *nftables.Set
	key   func(Source) []byte
	rules [][]expr.Any
}

// hookARPInput is the kernel's NF_ARP_IN.
const hookARPInput = 0

func (s *Silence) tables() [2]silent {
	chain := func(t *nftables.Table, name string, hook nftables.ChainHook) *nftables.Chain {
		return &nftables.Chain{Name: name, Table: t, Type: nftables.ChainTypeFilter, Hooknum: &hook, Priority: nftables.ChainPriorityFilter}
	}
	inet := &nftables.Table{Family: nftables.TableFamilyINet, Name: s.firewall.name}
	arp := &nftables.Table{Family: nftables.TableFamilyARP, Name: s.firewall.name}
	pair := nftables.MustConcatSetType(nftables.TypeIFName, nftables.TypeEtherAddr)
	return [2]silent{{
		table: inet, chain: chain(inet, "output", *nftables.ChainHookOutput),
		set:   &nftables.Set{Table: inet, Name: "sources", KeyType: nftables.TypeIFName},
		key:   deviceKey,
		rules: reports(),
	}, {
		table: arp, chain: chain(arp, "input", hookARPInput),
		set:   &nftables.Set{Table: arp, Name: "sources", KeyType: pair, Concatenation: true},
		key:   func(o Source) []byte { return append(append(deviceKey(o), o.MAC[:]...), 0, 0) },
		rules: [][]expr.Any{echoes()},
	}}
}

func deviceKey(o Source) []byte {
	name := make([]byte, nameLen)
	copy(name, o.Device)
	return name
}

func (s *Silence) fill(c *nftables.Conn) (err error) {
	for _, t := range s.tables() {
		c.AddTable(t.table)
		c.DelTable(t.table)
		if len(s.sources) == 0 {
			continue
		}
		c.AddTable(t.table)
		c.AddChain(t.chain)
		err = errors.Join(err, c.AddSet(t.set, nil))
		for some := range slices.Chunk(s.sources, chunk) {
			var elements []nftables.SetElement
			for _, o := range some {
				elements = append(elements, nftables.SetElement{Key: t.key(o)})
			}
			err = errors.Join(err, c.SetAddElements(t.set, elements))
		}
		for _, r := range t.rules {
			c.AddRule(&nftables.Rule{Table: t.table, Chain: t.chain, Exprs: r})
		}
	}
	return err
}

// reports are the rules that drop reports of multicast groups.
func reports() [][]expr.Any {
	const reg = unix.NFT_REG_1
	const query, done, report2 = 130, 132, 143 // ICMPv6 types (RFC 2710, RFC 3810)
	out := func(protocol byte, more ...expr.Any) []expr.Any {
		return slices.Concat([]expr.Any{
			&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: reg},
			&expr.Lookup{SourceRegister: reg, SetName: "sources"},
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg},
			&expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: []byte{protocol}},
		}, more, []expr.Any{&expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop}})
	}
	kind := &expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1}
	return [][]expr.Any{
		out(unix.IPPROTO_IGMP),
		out(unix.IPPROTO_ICMPV6, kind, &expr.Range{Op: expr.CmpOpEq, Register: reg, FromData: []byte{query}, ToData: []byte{done}}),
		out(unix.IPPROTO_ICMPV6, kind, &expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: []byte{report2}}),
	}
}

// echoes is the rule that drops ARP which another node sent with the hardware
// address of the interface that it comes to.
func echoes() []expr.Any {
	const reg, next = unix.NFT_REG_1, unix.NFT_REG_2
	const sender = 8 // where in ARP for Ethernet the sender's hardware address is
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: reg},
		&expr.Payload{DestRegister: next, Base: expr.PayloadBaseNetworkHeader, Offset: sender, Len: 6},
		&expr.Lookup{SourceRegister: reg, SetName: "sources"},
		&expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop},
	}
}
