//go:build linux

package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// ruleInvert is the flag of a rule that matches what it does not say
// (FIB_RULE_INVERT).
const ruleInvert = 2

// AddRule makes the rule stand. One that stands already is no error. The error
// names the rule and what the kernel said.
func (c *Conn) AddRule(r netspec.Rule) error {
	err := c.setRule(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, r)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("add rule %s: %w", r, err)
	}
	return nil
}

// DeleteRule removes the rule. One that is not there is no error.
func (c *Conn) DeleteRule(r netspec.Rule) error {
	err := c.setRule(unix.RTM_DELRULE, 0, r)
	if err != nil && !absent(err) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove rule %s: %w", r, err)
	}
	return nil
}

func (c *Conn) setRule(kind, flags int, r netspec.Rule) error {
	n := r.Normal()
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{Family: family(n.Six), Tos: n.TOS, Type: uint8(n.Action), Table: unix.RT_TABLE_UNSPEC}}
	if n.Table < 256 {
		msg.Table = uint8(n.Table)
	}
	if n.Not {
		msg.Flags |= ruleInvert
	}
	req := &request{kind: kind, flags: flags}
	req.add(msg)
	add := func(kind int, value []byte) { req.add(nl.NewRtAttr(kind, value)) }
	number := func(kind int, value uint32) { add(kind, nl.Uint32Attr(value)) }
	number(nl.FRA_PRIORITY, n.Preference)
	add(nl.FRA_PROTOCOL, []byte{n.Protocol})
	if n.From.IsValid() {
		msg.Src_len = uint8(n.From.Bits())
		add(nl.FRA_SRC, n.From.Addr().AsSlice())
	}
	if n.To.IsValid() {
		msg.Dst_len = uint8(n.To.Bits())
		add(nl.FRA_DST, n.To.Addr().AsSlice())
	}
	if n.Table != 0 {
		number(nl.FRA_TABLE, n.Table)
	}
	if n.Mask != 0 {
		number(nl.FRA_FWMARK, n.Mark)
		number(nl.FRA_FWMASK, n.Mask)
	}
	if n.Realms != 0 {
		number(nl.FRA_FLOW, n.Realms)
	}
	if n.SuppressPrefixLength.Has {
		number(nl.FRA_SUPPRESS_PREFIXLEN, n.SuppressPrefixLength.Value)
	}
	if n.SuppressGroup.Has {
		number(nl.FRA_SUPPRESS_IFGROUP, n.SuppressGroup.Value)
	}
	if n.In != "" {
		add(nl.FRA_IIFNAME, nl.ZeroTerminated(n.In))
	}
	if n.Out != "" {
		add(nl.FRA_OIFNAME, nl.ZeroTerminated(n.Out))
	}
	if n.TunnelID != 0 {
		add(nl.FRA_TUN_ID, binary.BigEndian.AppendUint64(nil, n.TunnelID))
	}
	if n.HasUIDs {
		add(nl.FRA_UID_RANGE, append(nl.Uint32Attr(n.UIDs.Low), nl.Uint32Attr(n.UIDs.High)...))
	}
	if n.L3MDev {
		add(nl.FRA_L3MDEV, []byte{1})
	}
	if n.IPProto != 0 {
		add(nl.FRA_IP_PROTO, []byte{n.IPProto})
	}
	if n.SourcePorts != (netspec.Span{}) {
		add(nl.FRA_SPORT_RANGE, ports(n.SourcePorts))
	}
	if n.DestinationPorts != (netspec.Span{}) {
		add(nl.FRA_DPORT_RANGE, ports(n.DestinationPorts))
	}
	if n.Action == netspec.RuleGoto {
		number(nl.FRA_GOTO, n.Goto)
	}
	return c.execute(req)
}

func ports(s netspec.Span) []byte {
	return binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(nil, uint16(s.Low)), uint16(s.High))
}

// Rules are the rules that stood when they were read.
type Rules []netspec.Rule

// Rules reads the rules of both families, in the order in which they are asked.
func (c *Conn) Rules() (Rules, error) {
	var list Rules
	for _, six := range [2]bool{false, true} {
		begun := len(list)
		err := c.reads.read(unix.RTM_GETRULE, unix.NLM_F_DUMP, routeMessage(unix.RtMsg{Family: family(six)}), unix.RTM_NEWRULE,
			func() { list = list[:begun] },
			func(data []byte) error {
				r, err := parseRule(data)
				list = append(list, r)
				return err
			})
		if err != nil {
			return nil, fmt.Errorf("list rules: %w", err)
		}
	}
	return list, nil
}

// Stands reports whether the rule is there as wanted.
func (all Rules) Stands(want netspec.Rule) bool { return slices.Contains(all, want.Normal()) }

// parseRule reads one rule as the kernel shows it.
func parseRule(data []byte) (netspec.Rule, error) {
	var r netspec.Rule
	if len(data) < unix.SizeofRtMsg {
		return r, fmt.Errorf("short message of %d octets", len(data))
	}
	msg := nl.DeserializeRtMsg(data)
	r.Six, r.TOS, r.Action = msg.Family == unix.AF_INET6, msg.Tos, netspec.RuleAction(msg.Type)
	r.Table, r.Not = uint32(msg.Table), msg.Flags&ruleInvert != 0
	a := attrs{rest: data[unix.SizeofRtMsg:]}
	for a.next() {
		v := a.value
		switch int(a.kind) {
		case nl.FRA_PRIORITY:
			r.Preference = attrNumber(v)
		case nl.FRA_PROTOCOL:
			r.Protocol = attrOctet(v)
		case nl.FRA_SRC:
			r.From = attrPrefix(v, msg.Src_len)
		case nl.FRA_DST:
			r.To = attrPrefix(v, msg.Dst_len)
		case nl.FRA_TABLE:
			r.Table = attrNumber(v)
		case nl.FRA_FWMARK:
			r.Mark = attrNumber(v)
		case nl.FRA_FWMASK:
			r.Mask = attrNumber(v)
		case nl.FRA_FLOW:
			r.Realms = attrNumber(v)
		case nl.FRA_SUPPRESS_PREFIXLEN:
			r.SuppressPrefixLength = attrUnlessAll(v)
		case nl.FRA_SUPPRESS_IFGROUP:
			r.SuppressGroup = attrUnlessAll(v)
		case nl.FRA_IIFNAME:
			r.In = text(v)
		case nl.FRA_OIFNAME:
			r.Out = text(v)
		case nl.FRA_TUN_ID:
			if len(v) >= 8 {
				r.TunnelID = binary.BigEndian.Uint64(v)
			}
		case nl.FRA_UID_RANGE:
			if len(v) >= 8 {
				r.UIDs, r.HasUIDs = netspec.Span{Low: attrNumber(v), High: attrNumber(v[4:])}, true
			}
		case nl.FRA_L3MDEV:
			r.L3MDev = attrOctet(v) != 0
		case nl.FRA_IP_PROTO:
			r.IPProto = attrOctet(v)
		case nl.FRA_SPORT_RANGE:
			r.SourcePorts = attrPorts(v)
		case nl.FRA_DPORT_RANGE:
			r.DestinationPorts = attrPorts(v)
		case nl.FRA_GOTO:
			r.Goto = attrNumber(v)
		}
	}
	return r, a.err()
}

func attrOctet(value []byte) uint8 {
	if len(value) == 0 {
		return 0
	}
	return value[0]
}

func attrPrefix(value []byte, bits uint8) netip.Prefix {
	a, _ := netip.AddrFromSlice(value)
	return netip.PrefixFrom(a, int(bits))
}

func attrPorts(value []byte) netspec.Span {
	if len(value) < 4 {
		return netspec.Span{}
	}
	return netspec.Span{Low: uint32(binary.NativeEndian.Uint16(value)), High: uint32(binary.NativeEndian.Uint16(value[2:]))}
}

// attrUnlessAll is a number, for which all ones mean that there is none.
func attrUnlessAll(value []byte) netspec.Number {
	n := attrNumber(value)
	if len(value) < 4 || n == math.MaxUint32 {
		return netspec.Number{}
	}
	return netspec.Number{Has: true, Value: n}
}
