//go:build linux

package firewall

import (
	"bytes"
	"errors"
	"maps"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// kind is the set that a destination is in.
type kind int

const (
	ipv4 kind = iota
	ipv6
	linkLocal
	kinds
)

func kindOf(d Destination) kind {
	switch {
	case d.Addr.Is4():
		return ipv4
	case d.Device != "":
		return linkLocal
	}
	return ipv6
}

// nameLen is the length of an interface's name in nftables.
const nameLen = unix.IFNAMSIZ

// key returns the destination as it stands in its set.
func (d Destination) key() []byte {
	if kindOf(d) != linkLocal {
		return d.Addr.AsSlice()
	}
	name := make([]byte, nameLen, nameLen+16)
	copy(name, d.Device)
	return append(name, d.Addr.AsSlice()...)
}

// destination is the opposite of key. It is the zero value for what no key is.
func destination(k kind, key []byte) Destination {
	var d Destination
	if k == linkLocal {
		if len(key) < nameLen {
			return d
		}
		d.Device = string(bytes.TrimRight(key[:nameLen], "\x00"))
		key = key[nameLen:]
	}
	d.Addr, _ = netip.AddrFromSlice(key)
	return d
}

// linkLocalExample is an address for the set of its kind.
func linkLocalExample() netip.Addr { return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: 1}) }

// layout is what the table consists of:
//
//	table inet NAME {
//		set ipv4 { type ipv4_addr; }
//		set ipv6 { type ipv6_addr; }
//		set link_local { type ifname . ipv6_addr; }
//		chain input {
//			type filter hook input priority filter; policy accept;
//			icmpv6 type nd-neighbor-solicit accept
//			icmpv6 type nd-neighbor-advert accept
//			ip daddr @ipv4 counter drop
//			ip6 daddr @ipv6 counter drop
//			iifname . ip6 daddr @link_local counter drop
//		}
//	}
type layout struct {
	table *nftables.Table
	chain *nftables.Chain
	sets  [kinds]*nftables.Set
	rules [][]expr.Any
}

func (f *Firewall) layout() layout {
	t := &nftables.Table{Family: nftables.TableFamilyINet, Name: f.name}
	l := layout{
		table: t,
		chain: &nftables.Chain{
			Name: "input", Table: t, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
		},
		sets: [kinds]*nftables.Set{
			ipv4:      {Table: t, Name: "ipv4", KeyType: nftables.TypeIPAddr},
			ipv6:      {Table: t, Name: "ipv6", KeyType: nftables.TypeIP6Addr},
			linkLocal: {Table: t, Name: "link_local", KeyType: nftables.MustConcatSetType(nftables.TypeIFName, nftables.TypeIP6Addr), Concatenation: true},
		},
	}
	const reg, next = unix.NFT_REG_1, unix.NFT_REG_2
	load := func(offset, length, register uint32) expr.Any {
		return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length}
	}
	equal := func(value byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: []byte{value}} }
	family := func(value byte) []expr.Any {
		return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: reg}, equal(value)}
	}
	drop := func(k kind) []expr.Any {
		return []expr.Any{
			&expr.Lookup{SourceRegister: reg, SetName: l.sets[k].Name}, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop},
		}
	}
	accept := func(kind byte) []expr.Any {
		return []expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg}, equal(unix.IPPROTO_ICMPV6),
			&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1}, equal(kind),
			&expr.Verdict{Kind: expr.VerdictAccept},
		}
	}
	const (
		destination4, destination6  = 16, 24   // offsets in the IP headers
		solicitation, advertisement = 135, 136 // ICMPv6 types (RFC 4861 4.3, 4.4)
	)
	l.rules = [][]expr.Any{
		accept(solicitation),
		accept(advertisement),
		slices.Concat(family(unix.NFPROTO_IPV4), []expr.Any{load(destination4, 4, reg)}, drop(ipv4)),
		slices.Concat(family(unix.NFPROTO_IPV6), []expr.Any{load(destination6, 16, reg)}, drop(ipv6)),
		slices.Concat(family(unix.NFPROTO_IPV6), []expr.Any{
			&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: reg}, load(destination6, 16, next),
		}, drop(linkLocal)),
	}
	return l
}

// remove asks for the table to be gone. One that is not there is no error.
func (f *Firewall) remove(c *nftables.Conn) error {
	t := f.layout().table
	c.AddTable(t)
	c.DelTable(t)
	return nil
}

// fill asks for the table to hold what is to be dropped and nothing else; for
// none when that is nothing.
func (f *Firewall) fill(c *nftables.Conn) error {
	err := f.remove(c)
	if len(f.closed) == 0 {
		return err
	}
	l := f.layout()
	c.AddTable(l.table)
	c.AddChain(l.chain)
	for _, s := range l.sets {
		err = errors.Join(err, c.AddSet(s, nil))
	}
	err = errors.Join(err, f.change(c.SetAddElements, slices.Collect(maps.Keys(f.closed))))
	for _, r := range l.rules {
		c.AddRule(&nftables.Rule{Table: l.table, Chain: l.chain, Exprs: r})
	}
	return err
}

// chunk is how many elements one message may carry: the length of the list has
// 16 bits.
const chunk = 500

// change asks for elements to be added or deleted.
func (f *Firewall) change(with func(*nftables.Set, []nftables.SetElement) error, list []Destination) (err error) {
	l := f.layout()
	for k, elements := range sorted(list) {
		for some := range slices.Chunk(elements, chunk) {
			err = errors.Join(err, with(l.sets[k], some))
		}
	}
	return err
}
