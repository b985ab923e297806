package netspec

import (
	"fmt"
	"net/netip"
	"strings"
)

// RuleAction is what is done with a packet that a rule matches.
type RuleAction uint8

// The actions of rtnetlink(7) (FR_ACT_*). The zero value of RuleAction means
// RuleLookup.
const (
	RuleLookup      RuleAction = 1
	RuleGoto        RuleAction = 2
	RuleNop         RuleAction = 3
	RuleBlackhole   RuleAction = 6
	RuleUnreachable RuleAction = 7
	RuleProhibit    RuleAction = 8
)

// Span is a range of numbers, both ends included; the zero value is none.
type Span struct{ Low, High uint32 }

// Number is a number that may be left out.
type Number struct {
	Has   bool
	Value uint32
}

// Rule is one policy routing rule as it should stand. It is comparable.
type Rule struct {
	// Six is true for IPv6.
	Six bool
	// From and To are what it matches; the zero value is all.
	From, To netip.Prefix
	// Not inverts the match.
	Not bool
	// Preference is its place; the lowest is asked first. It must be given: the
	// kernel would choose another each time.
	Preference uint32
	// Table is the routing table to look into; 0 means MainTable.
	Table uint32
	// TOS is the type of service that it matches; 0 is any.
	TOS uint8
	// Mark is the firewall mark that it matches in the bits of Mask; no Mask is
	// any.
	Mark, Mask uint32
	// Realms are SOURCE<<16 | DESTINATION; 0 is any.
	Realms uint32
	// SuppressPrefixLength rejects routes of this prefix length or a shorter
	// one, SuppressGroup those by interfaces of this group.
	SuppressPrefixLength, SuppressGroup Number
	// In and Out are the interfaces that packets come in and leave by; empty is
	// any.
	In, Out string
	// TunnelID is the tunnel that it matches; 0 is any.
	TunnelID uint64
	// UIDs are the users whose packets it matches.
	UIDs    Span
	HasUIDs bool
	// L3MDev looks into the table of the VRF that the packet belongs to.
	L3MDev bool
	// Protocol says who set it; 0 means Keepalived.
	Protocol uint8
	// IPProto is the protocol of IP that it matches; 0 is any.
	IPProto uint8
	// SourcePorts and DestinationPorts are the ports that it matches.
	SourcePorts, DestinationPorts Span
	Action                        RuleAction
	// Goto is the preference of the rule to go on with (RuleGoto).
	Goto uint32
	// NoTrack and Space are as in Route.
	NoTrack bool
	Space   string `json:",omitempty"`
}

// Devices returns the names of the interfaces that the rule matches, each once.
func (r *Rule) Devices() []string {
	switch {
	case r.In == "" && r.Out == "":
		return nil
	case r.Out == "" || r.Out == r.In:
		return []string{r.In}
	case r.In == "":
		return []string{r.Out}
	}
	return []string{r.In, r.Out}
}

// Normal returns the rule with the defaults of the kernel filled in, as the
// kernel shows it.
func (r Rule) Normal() Rule {
	if r.Action == 0 {
		r.Action = RuleLookup
	}
	if r.Table == 0 && r.Action == RuleLookup && !r.L3MDev {
		r.Table = MainTable
	}
	if r.Action != RuleLookup || r.L3MDev {
		r.Table = 0
	}
	if r.Protocol == 0 {
		r.Protocol = Keepalived
	}
	r.From, r.To = masked(r.From), masked(r.To)
	r.Mark &= r.Mask
	r.NoTrack = false
	return r
}

// masked clears the host bits. A prefix of all addresses is none.
func masked(p netip.Prefix) netip.Prefix {
	if !p.IsValid() || p.Bits() == 0 {
		return netip.Prefix{}
	}
	return p.Masked()
}

// String renders the rule in the way of ip(8), without what is seldom set.
func (r Rule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "preference %d", r.Preference)
	if r.Not {
		b.WriteString(" not")
	}
	if r.From.IsValid() {
		b.WriteString(" from " + r.From.String())
	}
	if r.To.IsValid() {
		b.WriteString(" to " + r.To.String())
	}
	if r.Mask != 0 {
		fmt.Fprintf(&b, " fwmark %#x/%#x", r.Mark, r.Mask)
	}
	if r.In != "" {
		b.WriteString(" iif " + r.In)
	}
	if r.Out != "" {
		b.WriteString(" oif " + r.Out)
	}
	n := r.Normal()
	switch n.Action {
	case RuleGoto:
		fmt.Fprintf(&b, " goto %d", r.Goto)
	case RuleNop:
		b.WriteString(" nop")
	case RuleBlackhole:
		b.WriteString(" blackhole")
	case RuleUnreachable:
		b.WriteString(" unreachable")
	case RuleProhibit:
		b.WriteString(" prohibit")
	default:
		if n.L3MDev {
			b.WriteString(" l3mdev")
		} else {
			fmt.Fprintf(&b, " table %d", n.Table)
		}
	}
	return b.String()
}
