// Package build translates a valid config.Config into what the machines and
// the edges take. It is a pure function of its argument: it reads no file and
// asks the host nothing. Whoever read the Config has already reported what is
// wrong with it, but for what only shows in the translation: the rules of
// strict mode (Strict).
//
// One thing is added that nobody wrote: the interfaces of addresses, routes and
// rules are tracked without being named (as in keepalived, unless no_track).
package build

import (
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/track"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Node returns the node that c describes, without a seed. It shares no memory
// with c.
func Node(c *config.Config) node.Config { return NodeKeeping(c, nil) }

// NodeKeeping is Node, which takes over what is kept.
func NodeKeeping(c *config.Config, kept *Kept) node.Config {
	var n node.Config
	members := make(map[string]bool)
	for i := range c.Groups {
		for _, m := range c.Groups[i].Members {
			members[m] = true
		}
		n.Groups = append(n.Groups, group(&c.Groups[i]))
	}
	p, spaces := newPreferences(), split(c)
	n.Instances = make([]node.Instance, 0, len(c.Instances))
	n.Static = static(c, p)
	for i := range c.Instances {
		s := spaces[c.Instances[i].NetNamespace]
		in := &s.config.Instances[s.next]
		n.Instances = append(n.Instances, s.place(instance(in, &c.Global, members[in.Name], p, s.layout, s.next)))
		s.next++
	}
	for i := range c.BFDs {
		n.Sessions = append(n.Sessions, session(&c.BFDs[i]))
	}
	for i := range c.Scripts {
		n.Scripts = append(n.Scripts, script(&c.Scripts[i], &c.Global))
	}
	tell(&n, c)
	for i := range c.TrackFiles {
		n.Files = append(n.Files, node.File{Name: c.TrackFiles[i].Name, Path: c.TrackFiles[i].File})
	}
	for i := range c.TrackProcesses {
		n.Processes = append(n.Processes, process(&c.TrackProcesses[i]))
	}
	n.Delays = delays(c)
	n.Services = services(c, kept)
	return n
}

// Sought returns the addresses of virtual servers with ha_suspend, once.
func Sought(c *config.Config) []netip.Addr {
	var all []netip.Addr
	for i := range c.VirtualServers {
		if v := &c.VirtualServers[i]; v.HASuspend && v.Address.IsValid() {
			all = append(all, v.Address.Addr())
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// Virtual returns every virtual address of c, which is that of one network
// namespace (see Within), once, advertised and excluded ones, in the order of
// the configuration. Those of an owner (priority 255) are
// left out: they are its interface's own, and adverts are sent from them.
func Virtual(c *config.Config) []netip.Addr {
	var all []netip.Addr
	seen := make(map[netip.Addr]bool)
	for i := range c.Instances {
		if c.Instances[i].Priority == 255 {
			continue
		}
		for _, list := range [2][]config.Address{c.Instances[i].Addresses, c.Instances[i].Excluded} {
			for _, a := range list {
				if addr := a.Addr(); !seen[addr] {
					seen[addr] = true
					all = append(all, addr)
				}
			}
		}
	}
	return all
}

// Own returns the addresses of the owners of c (priority 255), which are
// addresses of their interfaces.
func Own(c *config.Config) []netip.Addr {
	var all []netip.Addr
	for i := range c.Instances {
		if c.Instances[i].Priority != 255 {
			continue
		}
		for _, list := range [2][]config.Address{c.Instances[i].Addresses, c.Instances[i].Excluded} {
			for _, a := range list {
				all = append(all, a.Addr())
			}
		}
	}
	return all
}

// Interfaces returns the name of every interface that c needs, sorted: those
// of instances, of addresses, of routes and rules, and of trackers. Those of other network
// namespaces than the daemon's own are named by both (netspec.Within).
func Interfaces(c *config.Config) []string {
	all := interfacesOf(Within(c, ""))
	for _, space := range Spaces(c) {
		for _, name := range interfacesOf(Within(c, space)) {
			all = append(all, netspec.Within(space, name))
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}

func interfacesOf(c *config.Config) []string {
	names := make(map[string]bool)
	add := func(tracks []config.Track) {
		for _, t := range tracks {
			names[t.Name] = true
		}
	}
	for i := range c.Instances {
		in := &c.Instances[i]
		names[in.Interface] = true
		for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
			for _, a := range list {
				names[a.Device] = true
			}
		}
		add(in.TrackInterfaces)
		for k := range in.Routes {
			r := netspec.Route{Hop: netspec.NextHop{Device: in.Routes[k].Device}}
			for _, h := range in.Routes[k].NextHops {
				r.NextHops = append(r.NextHops, netspec.NextHop{Device: h.Device})
			}
			for _, name := range r.Devices() {
				names[name] = true
			}
		}
		for k := range in.Rules {
			names[in.Rules[k].In], names[in.Rules[k].Out] = true, true
		}
	}
	for _, s := range static(c, newPreferences()) {
		for _, a := range s.Addresses {
			names[a.Device] = true
		}
		for i := range s.Routing.Routes {
			for _, name := range s.Routing.Routes[i].Devices() {
				names[name] = true
			}
		}
		for i := range s.Routing.Rules {
			for _, name := range s.Routing.Rules[i].Devices() {
				names[name] = true
			}
		}
	}
	for i := range c.Groups {
		add(c.Groups[i].TrackInterfaces)
	}
	delete(names, "")
	return slices.Sorted(maps.Keys(names))
}

func instance(in *config.Instance, global *config.Global, member bool, p *preferences, l *layout, index int) node.Instance {
	n := node.Instance{
		Name:          in.Name,
		Interface:     l.carrier(in, index),
		Router:        router(in, global, member),
		Source:        source(in),
		TrackSource:   in.TrackSource && source(in).IsValid(),
		Addresses:     specs(l, in, in.Addresses),
		Excluded:      specs(l, in, in.Excluded),
		IgnorePrimary: in.IgnorePrimary,
		Interfaces:    interfaces(in.TrackInterfaces),
		Scripts:       scripts(in.TrackScripts),
		Sessions:      sessions(in.TrackBFDs),
		Files:         files(in.TrackFiles),
		Processes:     processes(in.TrackProcesses),
	}
	// What cannot be said to the kernel is Unbuilt's to refuse.
	n.Routing, _ = routing(in.Routes, in.Rules, in.Interface, p)
	n.Router.Shared = l.shared(n.Addresses, n.Excluded)
	n.Extra = l.extra(in, n.Interface, n.Addresses, n.Excluded)
	follow := func(name string) {
		tracked := slices.ContainsFunc(n.Interfaces, func(t node.TrackInterface) bool { return t.Name == name })
		if name != in.Interface && name != n.Interface && name != "" && !tracked {
			n.Interfaces = append(n.Interfaces, node.TrackInterface{Name: name})
		}
	}
	for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
		for _, a := range list {
			if !a.NoTrack {
				follow(a.Device)
			}
		}
	}
	for _, name := range routeInterfaces(&n.Routing) {
		follow(name)
	}
	return n
}

// slot spreads the adverts of instances that start together, the same way each
// time. Those of an interface share one slot in four: a receiver wakes for each
// interface on its own.
func slot(name, device string) int {
	const phases = 4
	h := fnv.New32a()
	h.Write([]byte(name))
	phase := 0
	for _, c := range []byte(device) {
		phase += int(c) // neighbours such as eth0 and eth1 differ
	}
	return 1 + int(h.Sum32()>>8%(vrrp.Slots/phases))*phases + phase%phases
}

func router(in *config.Instance, global *config.Global, member bool) vrrp.Config {
	r := vrrp.Config{
		Version:           vrrp.Version(in.Version),
		VRID:              uint8(in.VRID),
		Priority:          uint8(in.Priority),
		Interval:          in.AdvertInt,
		Slot:              slot(in.Name, in.Interface),
		InitialMaster:     bool(in.Master),
		NoPreempt:         in.NoPreempt,
		PreemptDelay:      in.PreemptDelay,
		DownAdverts:       in.DownTimerAdverts,
		Checksum:          vrrp.ChecksumPseudo,
		LowerPrioNoAdvert: in.LowerPrioNoAdvert,
		YieldSilently:     in.Strict || in.HigherPrioSendAdvert != nil && !*in.HigherPrioSendAdvert,
		CheckAddresses:    true,
		SkipSameMaster:    in.SkipCheckAdvAddr,
		Announce: vrrp.AnnounceConfig{
			Repeat:          in.Garp.MasterRepeat,
			Delay:           in.Garp.MasterDelay,
			Refresh:         in.Garp.MasterRefresh,
			RefreshRepeat:   in.Garp.MasterRefreshRepeat,
			LowerPrioRepeat: in.Garp.LowerPrioRepeat,
			LowerPrioDelay:  in.Garp.LowerPrioDelay,
		},
		Strict:              in.Strict,
		Interop:             in.InteropV2,
		NoAccept:            in.NoAccept || in.Strict && !in.Accept,
		OwnerIgnoresAdverts: in.OwnerIgnoreAdverts || in.Strict,
		StallPriority:       uint8(in.TimerExpiredBackup),
		Hold:                member,
	}
	if in.ChecksumMessage {
		r.Checksum = vrrp.ChecksumMessage
	}
	r.IPv6 = in.NativeIPv6
	if in.Unicast() {
		r.Unicast = unicast(in)
	}
	authenticate(&r, in)
	for _, a := range in.Addresses {
		r.Addresses = append(r.Addresses, a.Addr())
	}
	r.Group = group4or6(in, global, &r)
	return r
}

// group4or6 is the multicast group of an instance, the zero value for the usual
// one of its family and for unicast.
func group4or6(in *config.Instance, global *config.Global, r *vrrp.Config) netip.Addr {
	six, known := r.Family()
	g := in.Group(global, known && six || !known && source(in).Is6())
	if r.Unicast.On || g == vrrp.Group(g.Is6()) {
		return netip.Addr{}
	}
	return g
}

// source is the address that adverts are sent from. keepalived has one for both
// keywords, so that each does for the other.
func source(in *config.Instance) netip.Addr {
	first, second := in.Source, in.UnicastSource
	if in.Unicast() {
		first, second = second, first
	}
	if first.IsValid() {
		return first
	}
	return second
}

// unicast returns how adverts go to peers.
func unicast(in *config.Instance) vrrp.Unicast {
	u := vrrp.Unicast{On: true, TTL: uint8(in.UnicastTTL), FaultWithoutPeer: in.UnicastFaultNoPeer, AnySource: !in.CheckUnicastSource, OldChecksum: vrrp.OldChecksumDetect}
	for _, p := range in.UnicastPeers {
		peer := vrrp.Peer{Addr: p.Address}
		if p.MinTTL != nil {
			peer.MinTTL = uint8(*p.MinTTL)
		}
		if p.MaxTTL != nil {
			peer.MaxTTL = uint8(*p.MaxTTL)
		}
		u.Peers = append(u.Peers, peer)
	}
	switch in.OldUnicastChecksum {
	case "compatible":
		u.OldChecksum = vrrp.OldChecksumSend
	case "never":
		u.OldChecksum = vrrp.OldChecksumRefuse
	}
	return u
}

// Promoted returns the interfaces on which other addresses of a network are to
// stay when its first is removed, sorted. c is that of one network namespace (see Within).
func Promoted(c *config.Config) []string {
	names := make(map[string]bool)
	l := lay(c)
	for i := range c.Instances {
		in := &c.Instances[i]
		if !in.PromoteSecondaries {
			continue
		}
		for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
			for _, a := range specs(l, in, list) {
				names[a.Device] = names[a.Device] || a.Addr().Is4()
			}
		}
	}
	maps.DeleteFunc(names, func(_ string, four bool) bool { return !four })
	return slices.Sorted(maps.Keys(names))
}

// specs returns the addresses with the instance's interface where none is
// named, or one of the node's own in its place. An IPv6 address of a host, which is in
// no network, is never preferred unless a lifetime was given: the node's own
// connections must not begin from an address that moves away.
func specs(l *layout, in *config.Instance, list []config.Address) []netspec.Address {
	if len(list) == 0 {
		return nil
	}
	all := make([]netspec.Address, 0, len(list))
	for i := range list {
		a := &list[i]
		s := a.Spec()
		if own := l.address[a]; own != "" {
			s.Device = own
		} else if s.Device == "" {
			s.Device = in.Interface
		}
		if a.PreferredLft == nil && s.Addr().Is6() && s.Prefix.IsSingleIP() {
			s.Limited = true
		}
		all = append(all, s)
	}
	return all
}

func interfaces(tracks []config.Track) []node.TrackInterface {
	var all []node.TrackInterface
	for _, t := range tracks {
		all = append(all, node.TrackInterface{Name: t.Name, Weight: t.Weight, Reverse: t.Reverse})
	}
	return all
}

func scripts(tracks []config.Track) []node.TrackScript {
	var all []node.TrackScript
	for _, t := range tracks {
		all = append(all, node.TrackScript{Name: t.Name, Weight: t.Weight, Reverse: t.Reverse})
	}
	return all
}

func group(g *config.SyncGroup) node.Group {
	return node.Group{
		Name:        g.Name,
		Members:     slices.Clone(g.Members),
		Interfaces:  interfaces(g.TrackInterfaces),
		Scripts:     scripts(g.TrackScripts),
		Sessions:    sessions(g.TrackBFDs),
		Files:       files(g.TrackFiles),
		Processes:   processes(g.TrackProcesses),
		KeepWeights: g.KeepWeights,
	}
}

func script(s *config.Script, global *config.Global) node.Script {
	return node.Script{
		Name:     s.Name,
		Interval: s.Interval,
		Rise:     s.Rise,
		Fall:     s.Fall,
		InitFail: s.InitFail, Smoothing: Smoothing(s.Smoothing),
		Identity: identity(s, global),
	}
}

// Smoothing is how a weight follows what is measured; at once when s is nil.
func Smoothing(s *config.Smoothing) track.Smoothing {
	if s == nil {
		return track.Smoothing{}
	}
	return track.Smoothing{TimeConstant: s.TimeConstant, Min: s.Min, Max: s.Max, Step: s.Step, SlowStart: s.SlowStart}
}

// identity writes down what a run of s executes and as whom. Every part is
// quoted, so that no two different scripts can read the same.
func identity(s *config.Script, global *config.Global) string {
	user, grp := s.User, s.Group
	if user == "" {
		user, grp = global.ScriptUser, global.ScriptGroup
	}
	var b strings.Builder
	part := func(kind, value string) {
		b.WriteString(kind)
		b.WriteString(strconv.Quote(value))
	}
	part("user", user)
	part("group", grp)
	for _, a := range s.Argv {
		part("argv", a)
	}
	if s.Plugin != nil {
		p := probe(&config.Config{Global: *global}, &config.VirtualServer{}, &config.RealServer{}, s.Plugin, 0, new(texts))
		part("plugin", p.Identity())
	}
	if s.Lua != "" {
		part("lua", s.Lua)
		for _, a := range s.Allow {
			part("allow", a)
		}
		for _, k := range slices.Sorted(maps.Keys(s.Args)) {
			part("arg", k)
			part("=", config.ArgWord(s.Args[k]))
		}
	}
	return b.String()
}
