package build

import (
	"reflect"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/node"
)

// Kept are the virtual servers that a configuration has in common with the one before it: a
// reload takes over those whose text is the same (config/keepalived). What was built of them
// is what would be built again. Of nil there are none.
type Kept struct {
	was    *node.Config
	places map[*config.RealServer]int // in was.Services, by the first real server
	// first are the numbers of the first checks of was.Services, and of the one behind them.
	first []uint32
}

// KeptOf finds what a configuration has in common with an earlier one, of which this came.
func KeptOf(c, earlier *config.Config, was *node.Config) *Kept {
	// The real servers of one that is defined twice are those of both.
	if earlier == nil || len(was.Services) != len(earlier.VirtualServers) || !alikeAround(c, earlier) {
		return nil
	}
	k := &Kept{was: was, places: make(map[*config.RealServer]int, len(was.Services)), first: make([]uint32, 1, 1+len(was.Services))}
	number := uint32(0)
	for i := range was.Services {
		if list := earlier.VirtualServers[i].RealServers; len(list) > 0 {
			k.places[&list[0]] = i
		}
		for s := range was.Services[i].Servers {
			number += uint32(len(was.Services[i].Servers[s].Checks))
		}
		k.first = append(k.first, number)
	}
	return k
}

// alikeAround reports whether all is the same that decides beside a virtual server itself what
// becomes of it.
func alikeAround(c, earlier *config.Config) bool {
	same := func(a, b any) bool { return sameValues(reflect.ValueOf(a), reflect.ValueOf(b)) }
	return same(c.Global, earlier.Global) && same(c.SSL, earlier.SSL) && same(c.Plugins, earlier.Plugins) &&
		same(c.VirtualServerGroups, earlier.VirtualServerGroups) && same(c.TrackFiles, earlier.TrackFiles)
}

// sameValues reports whether two values of one type are the same, wherever they were written: lines
// above them come and go. Unlike schema.Equal it counts which keys were written, as builders do.
func sameValues(v, w reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() || w.IsNil() {
			return v.IsNil() == w.IsNil()
		}
		return v.Elem().Type() == w.Elem().Type() && sameValues(v.Elem(), w.Elem())
	case reflect.Slice:
		if v.Len() != w.Len() {
			return false
		}
		for i := range v.Len() {
			if !sameValues(v.Index(i), w.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if v.Len() != w.Len() {
			return false
		}
		for _, key := range v.MapKeys() {
			if other := w.MapIndex(key); !other.IsValid() || !sameValues(v.MapIndex(key), other) {
				return false
			}
		}
		return true
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type() != reflect.TypeFor[config.Position]() && !sameValues(v.Field(i), w.Field(i)) {
				return false
			}
		}
		return true
	}
	return v.Equal(w)
}

// service is what was built of a virtual server with these members, and the number that its
// first check had; nil when it was none or another one.
func (k *Kept) service(v *config.VirtualServer, list []member) (was *node.Service, first uint32) {
	if k == nil || len(list) == 0 || list[len(list)-1].of != v {
		return nil, 0
	}
	place, is := k.places[&v.RealServers[0]]
	if !is {
		return nil, 0
	}
	return &k.was.Services[place], k.first[place]
}

// size is how many checks a service has.
func size(s *node.Service) (checks uint32) {
	for i := range s.Servers {
		checks += uint32(len(s.Servers[i].Checks))
	}
	return checks
}
