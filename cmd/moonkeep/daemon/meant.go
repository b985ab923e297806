package daemon

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/node"
)

// firstOf is a list for people, of so many at most.
func firstOf(list []string, most int) string {
	text := strings.Join(list[:min(len(list), most)], ", ")
	if n := len(list) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// handKey tells the hands of real servers apart.
type handKey struct{ service, server string }

func keyOf(h node.Hand) handKey { return handKey{h.Service, h.Server} }

// allMeant returns the real servers that are meant by one or the other of some texts, in
// one service or in all, each once: those of c, else those that people have a hand in,
// which are gone. They have the node.Hand.Everywhere that is meant with them. It is an
// error when one text means none.
func allMeant(c *config.Config, before []node.Hand, service string, names []string) (list []node.Hand, err error) {
	known := newKnown(c, service)
	at := map[handKey]int{}
	for _, name := range names {
		some, err := known.meant(name)
		if err != nil {
			if some = remembered(before, service, name); len(some) == 0 {
				return nil, err
			}
		}
		for _, h := range some {
			h.Everywhere = everywhere(service, name)
			if i, again := at[keyOf(h)]; again {
				list[i] = h
				continue
			}
			at[keyOf(h)] = len(list)
			list = append(list, h)
		}
	}
	return list, nil
}

// everywhere is what is meant of node.Hand.Everywhere.
func everywhere(service, server string) string {
	if service != "" {
		return ""
	}
	return canonical(server)
}

// canonical is the one way to write an address, or an address and port, in which
// the node has it.
func canonical(server string) string {
	if a, err := netip.ParseAddr(strings.Trim(server, "[]")); err == nil {
		return a.String()
	}
	if a, err := netip.ParseAddrPort(server); err == nil {
		return a.String()
	}
	return server
}

// elsewhere returns what a request for some names changes in hands that it does not name:
// what is taken back in one service is not meant everywhere any more, and what is asked
// for everywhere counts for what is remembered of services that are gone.
func elsewhere(before, named []node.Hand, names []string, r control.ServersRequest) (list []node.Hand) {
	is, free := make(map[handKey]bool, len(named)), map[string]bool{}
	for _, n := range named {
		is[keyOf(n)] = true
		if n.Wish == node.WishAuto && n.Weight < 0 {
			for _, name := range meanings(n.Server) {
				free[name] = true
			}
		}
	}
	asked := map[string]bool{}
	for _, name := range names {
		asked[canonical(name)] = true
	}
	for _, h := range before {
		switch {
		case is[keyOf(h)]:
			continue
		case r.Service != "" && free[h.Everywhere]:
			h.Everywhere = ""
		case r.Service == "" && slices.ContainsFunc(meanings(h.Server), func(name string) bool { return asked[name] }):
			if r.Wish != "" {
				h.Wish, h.Limit, h.Left = wishes()[r.Wish], time.Duration(r.Limit*float64(time.Second)), 0
			}
			if r.Weight != nil {
				h.Weight, h.WeightHere = max(-1, *r.Weight), false
			}
		default:
			continue
		}
		list = append(list, h)
	}
	return list
}

// remembered returns the hands that a text means in servers that are gone.
func remembered(before []node.Hand, service, server string) (list []node.Hand) {
	server = canonical(server)
	var services []string
	for _, h := range before {
		if slices.Contains(meanings(h.Server), server) {
			services = append(services, h.Service)
		}
	}
	services = named(called(service), services)
	for _, h := range before {
		if slices.Contains(meanings(h.Server), server) && slices.Contains(services, h.Service) {
			list = append(list, h)
		}
	}
	return list
}

// meanings are what a server with this name may be called: that, and its address.
func meanings(server string) []string {
	if whole, err := netip.ParseAddrPort(server); err == nil {
		return []string{server, whole.Addr().String()}
	}
	return []string{server}
}

// called is the name of a service that may be written as ipvsadm and keepalived
// do: FWM 3, FWM 3 IPv6.
func called(service string) string {
	words := strings.Fields(service)
	if len(words) < 2 || words[0] != "FWM" {
		return service
	}
	words[0] = "fwmark"
	if len(words) > 2 && words[2] == "IPv6" {
		words[2] = "inet6"
	}
	return strings.Join(words, " ")
}

// mostNamed is how many virtual servers an error lists, and real servers a line of the log.
const mostNamed = 10

// named returns those of the virtual servers that a text means: all if it is empty, else
// whose name, or the end of it, it is; if it is none's, those whose address without the
// port it is.
func named(service string, all []string) (list []string) {
	if service == "" {
		return all
	}
	for _, name := range all {
		if service == name || strings.HasSuffix(name, " "+service) {
			list = append(list, name)
		}
	}
	if len(list) > 0 {
		return list
	}
	for _, name := range all {
		whole, err := netip.ParseAddrPort(name[strings.LastIndexByte(name, ' ')+1:])
		if err == nil && whole.Addr().String() == canonical(service) {
			list = append(list, name)
		}
	}
	return list
}

// known are real servers, those of one virtual server or of all, by their addresses.
type known struct {
	service  string
	services []string // all that there are
	servers  []string
	at       map[netip.Addr][]knownServer
}

type knownServer struct {
	netip.AddrPort
	node.Hand
}

// newKnown looks for those of c, in one service or in all.
func newKnown(c *config.Config, service string) *known {
	all := build.Servers(c)
	k := &known{service: called(service), services: slices.Sorted(maps.Keys(all)), at: map[netip.Addr][]knownServer{}}
	for _, name := range named(k.service, k.services) {
		for _, n := range all[name] {
			k.servers = append(k.servers, n)
			a, err := netip.ParseAddrPort(n)
			if err != nil { // a server of all ports
				one, _ := netip.ParseAddr(n)
				a = netip.AddrPortFrom(one, 0)
			}
			k.at[a.Addr()] = append(k.at[a.Addr()], knownServer{a, node.Hand{Service: name, Server: n}})
		}
	}
	return k
}

// meant returns those that are meant by a text.
func (k *known) meant(server string) (list []node.Hand, err error) {
	var whole netip.AddrPort
	address, err := netip.ParseAddr(strings.Trim(server, "[]"))
	if err != nil {
		if whole, err = netip.ParseAddrPort(server); err != nil {
			return nil, fmt.Errorf("%q is no real server: give its ADDRESS or ADDRESS:PORT", server)
		}
		address = whole.Addr()
	}
	for _, s := range k.at[address] {
		if !whole.IsValid() || s.AddrPort == whole {
			list = append(list, s.Hand)
		}
	}
	if len(list) > 0 {
		return list, nil
	}
	if len(k.servers) == 0 && k.service != "" {
		why := near(k.service, k.services)
		switch {
		case len(k.services) == 0:
			why = "; there are none"
		case why == "" && len(k.services) <= mostNamed:
			why = "; there are " + strings.Join(k.services, ", ")
		}
		return nil, fmt.Errorf("there is no virtual server %q%s", k.service, why)
	}
	return nil, fmt.Errorf("there is no real server %s%s", server, near(server, k.servers))
}

func near(name string, known []string) string {
	if n := config.Nearest(name, known); n != "" {
		return fmt.Sprintf("; did you mean %s?", n)
	}
	return ""
}
