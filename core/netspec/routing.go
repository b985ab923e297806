package netspec

import "slices"

// Routing are routes and policy rules that are held together.
type Routing struct {
	Routes []Route
	Rules  []Rule
}

// Empty reports whether there is none.
func (r Routing) Empty() bool { return len(r.Routes) == 0 && len(r.Rules) == 0 }

// Equal reports whether r and s are the same, in the same order.
func (r Routing) Equal(s Routing) bool {
	return slices.EqualFunc(r.Routes, s.Routes, Route.Equal) && slices.Equal(r.Rules, s.Rules)
}

// Has reports whether the route is among them.
func (r Routing) Has(route Route) bool { return slices.ContainsFunc(r.Routes, route.Equal) }

// HasRule reports whether the rule is among them.
func (r Routing) HasRule(rule Rule) bool { return slices.Contains(r.Rules, rule) }

// Without returns what is not in s.
func (r Routing) Without(s Routing) Routing {
	return Routing{
		Routes: slices.DeleteFunc(slices.Clone(r.Routes), s.Has),
		Rules:  slices.DeleteFunc(slices.Clone(r.Rules), s.HasRule),
	}
}

// With returns r and behind it what of s is not in it.
func (r Routing) With(s Routing) Routing {
	more := s.Without(r)
	return Routing{Routes: slices.Concat(r.Routes, more.Routes), Rules: slices.Concat(r.Rules, more.Rules)}
}

// Devices returns the names of the interfaces that the route leaves by, each
// once.
func (r *Route) Devices() []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	add(r.Hop.Device)
	for _, h := range r.NextHops {
		add(h.Device)
	}
	return names
}

// Renamed returns the route with other names of interfaces: those that name
// returns for the present ones.
func (r Route) Renamed(name func(string) string) Route {
	if r.Hop.Device != "" {
		r.Hop.Device = name(r.Hop.Device)
	}
	r.NextHops = slices.Clone(r.NextHops)
	for i := range r.NextHops {
		if h := &r.NextHops[i]; h.Device != "" {
			h.Device = name(h.Device)
		}
	}
	return r
}
