//go:build linux

package host

import (
	"log/slog"
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
	g.refusal = s.check.Label + ": " + why
	s.refused = "the plugin cannot make this check: " + why
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
func prepareOf(c *Check, id uint32, state string) *checkerpb.Prepare {
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
