package build

import (
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/node"
)

// Server is the name of the server in node.Config, for people; empty for a
// script's. It is made at every call.
func (p *Probe) Server() string {
	if !p.server.IsValid() {
		return ""
	}
	return p.server.String()
}

// Label is what the log calls it. It is made at every call.
func (p *Probe) Label() string {
	if p.Script != "" {
		return p.Kind + " of vrrp_script " + p.Script
	}
	var room [192]byte // there may be tens of thousands: one text for each
	b := append(room[:0], p.Kind...)
	if place := p.Place(); place != "" {
		b = append(append(b, ' '), place...)
	}
	b = p.server.AppendTo(append(b, " of "...))
	b = append(append(b, " of virtual server "...), p.Service...)
	return string(b)
}

// At is where the check was written; false of a script's.
func (p *Probe) At() (at config.Position, ok bool) {
	if p.Script != "" {
		return config.Position{}, false
	}
	return p.among[p.index].At(), true
}

// Place is where it connects to, for people, when that is not its server; empty of what
// does not connect, and of a script's.
func (p *Probe) Place() string {
	switch {
	case !p.connects || !p.server.IsValid() || p.Address == p.server.AddrPort:
		return ""
	case p.Kind == "PING_CHECK": // it has no ports
		if p.Address.Addr() == p.server.Addr() {
			return ""
		}
		return p.Address.Addr().String()
	}
	return p.Address.String()
}

// Name is what package node calls a check of a real server that connects nowhere else,
// such as a script: its kind, and where the server has more of that kind, its number
// among all of its checks, from 1. It is made at every call.
func (p *Probe) Name() string {
	kind, alike, number := kindOf(&p.among[p.index]), 0, 0
	for i := range p.among {
		if kindOf(&p.among[i]) == kind {
			alike++
		}
	}
	if alike > 1 {
		number = p.index + 1
	}
	return node.CheckName(kind, number, "")
}

// kindOf is the kind of a check for people.
func kindOf(k *config.Check) string {
	switch {
	case k.Plugin != nil:
		return k.Plugin.Name
	case k.Lua != nil && k.Lua.Measures:
		return "weight_by"
	}
	return k.Kind()
}
