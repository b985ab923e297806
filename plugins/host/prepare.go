//go:build linux

package host

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
)

// prepare has the message prepare a check, unless the process knows it.
func (i *instance) prepare(m *checkerpb.FromHost, s *slot, id uint32) {
	if s.prepared == i.number {
		return
	}
	s.prepared = i.number
	i.group.refuse(s, "")
	state := s.state
	if i.group.failures >= tripped {
		state = "" // it may be what ends each process
	}
	i.asking++
	m.Prepare = append(m.Prepare, prepareOf(s.check, id, state))
}

// cannot comes before why a check that is refused has no result.
const cannot = "the plugin cannot make this check: "

// example is a check that the process refuses, and why; empty when there is none.
func (g *group) example() string {
	if g.refused == 0 {
		return ""
	}
	if int(g.refusal) >= len(g.slots) || g.slots[g.refusal].refused == "" {
		g.refusal = uint32(slices.IndexFunc(g.slots, func(s slot) bool { return s.refused != "" }))
	}
	s := &g.slots[g.refusal]
	return s.check.Label + ": " + strings.TrimPrefix(s.refused, cannot)
}

// Refused are the checks that the processes which run refuse.
func (h *Host) Refused() []*Subject {
	h.mu.Lock()
	groups := make([]*group, 0, len(h.groups))
	for _, g := range h.groups {
		groups = append(groups, g)
	}
	h.mu.Unlock()
	var list []*Subject
	for _, g := range groups {
		g.order(func() {
			if g.refused == 0 {
				return
			}
			for i := range g.slots {
				if g.slots[i].refused != "" {
					list = append(list, g.slots[i].check)
				}
			}
		})
	}
	return list
}

// refuse notes why the process cannot make a check; empty is that it can, as far as is
// known.
func (g *group) refuse(s *slot, why string) {
	if s.refused != "" {
		g.refused--
	}
	if s.refused = ""; why == "" {
		return
	}
	g.refused++
	s.refused = cannot + why
	if g.host.opts.Shown {
		return
	}
	args := []any{"check", s.check.Label, "why", why}
	if s.check.Where != "" {
		args = append(args, "at", s.check.Where)
	}
	g.write(slog.LevelError, "a plugin refuses a check, which has no result until the configuration is put right", args...)
}

// prepareOf has a check prepared.
func prepareOf(c *Subject, id uint32, state string) *checkerpb.Prepare {
	t := &checkerpb.Target{
		Port: uint32(c.Target.Address.Port()), BindPort: uint32(c.Target.BindPort), BindIf: c.Target.BindIf,
		Fwmark: c.Target.Fwmark, TimeoutUs: uint64(max(0, c.Target.Timeout) / time.Microsecond),
	}
	if a := c.Target.Address.Addr(); a.IsValid() {
		t.Address = a.String()
	}
	if c.Target.BindTo.IsValid() {
		t.Bindto = c.Target.BindTo.String()
	}
	if c.Target.Weight != nil {
		w := uint32(max(0, *c.Target.Weight))
		t.Weight = &w
	}
	options := string(c.Options)
	if options == "" || options == "null" {
		options = "{}"
	}
	return &checkerpb.Prepare{Check: id, Target: t, Options: options, Label: c.Label, State: state}
}
