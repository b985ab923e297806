package netspec

import (
	"slices"
	"strings"
)

// Within is the name of an interface in another network namespace than the
// daemon's own: the namespace's name, a slash, which no interface has in its
// name, and the interface's. Without a namespace it is the interface's name.
func Within(space, name string) string {
	if space == "" {
		return name
	}
	return space + "/" + name
}

// Split undoes Within. A namespace that is named by a path has slashes itself.
func Split(name string) (space, within string) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

// Within returns the route as one of the namespace: Space says so, and so do
// the names of its interfaces.
func (r Route) Within(space string) Route {
	r.Space = space
	return r.Renamed(func(name string) string { return Within(space, name) })
}

// Bare undoes Within.
func (r Route) Bare() Route {
	r.Space = ""
	return r.Renamed(bare)
}

// Within returns the rule as one of the namespace.
func (r Rule) Within(space string) Rule {
	r.Space = space
	if r.In != "" {
		r.In = Within(space, r.In)
	}
	if r.Out != "" {
		r.Out = Within(space, r.Out)
	}
	return r
}

// Bare undoes Within.
func (r Rule) Bare() Rule {
	r.Space, r.In, r.Out = "", bare(r.In), bare(r.Out)
	return r
}

func bare(name string) string {
	_, name = Split(name)
	return name
}

// Within returns all as routes and rules of the namespace.
func (r Routing) Within(space string) Routing {
	r.Routes, r.Rules = slices.Clone(r.Routes), slices.Clone(r.Rules)
	for i := range r.Routes {
		r.Routes[i] = r.Routes[i].Within(space)
	}
	for i := range r.Rules {
		r.Rules[i] = r.Rules[i].Within(space)
	}
	return r
}
