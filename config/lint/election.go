package lint

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

// ranked returns one seat for each node, the highest priority first while
// nothing fails. Equals keep the order of the files.
func ranked(seats []*seat) []*seat {
	order := slices.Clone(seats)
	slices.SortStableFunc(order, func(a, b *seat) int { return cmp.Compare(b.healthy, a.healthy) })
	var out []*seat
	for _, s := range order {
		if !slices.ContainsFunc(out, func(o *seat) bool { return o.of == s.of }) {
			out = append(out, s)
		}
	}
	return out
}

// election looks at who becomes master when all is well.
func election(seats []*seat, found *config.Findings) {
	best := ranked(seats)[0]
	priorities := make(map[int]*seat)
	sources := make(map[netip.Addr]*seat)
	masters := 0
	for _, s := range seats {
		if s.in.Master {
			masters++
		}
		other := priorities[s.healthy]
		if other == nil {
			priorities[s.healthy] = s
		} else if other.of != s.of {
			equal(s, other, found)
		}
		if s.of != best.of && s.in.Master && best.in.Master && s.in.Priority != owner {
			s.warn(found, place(s.in, "state"), "two-masters", "state MASTER here and in %s: both claim the addresses when they start together; write state BACKUP here", best.node)
		}
		if src := s.in.Source; src.IsValid() {
			if other := sources[src]; other != nil && other.of != s.of {
				s.warn(found, place(s.in, "mcast_src_ip"), "peers-source", "mcast_src_ip %s is that of %s too: each takes the other's adverts for its own", src, other.node)
			}
			sources[src] = s
		}
	}
	unheard(seats, best, found)
	comesBack(seats, best, found)
	for _, s := range seats {
		if bool(s.in.Master) && masters == 1 && s.healthy < best.healthy && !best.in.NoPreempt {
			s.warn(found, place(s.in, "state"), "master-not-best", "state MASTER and priority %d here, but %s has priority %d: when both start, the addresses come here first and move there at once; write state BACKUP, or give this node the higher priority",
				s.healthy, best.node, best.healthy)
		}
	}
}

// unheard reports nodes that cannot hear the owner of the addresses while they
// hold them.
func unheard(seats []*seat, best *seat, found *config.Findings) {
	if best.in.Priority != owner || best.in.Six() {
		return
	}
	for _, s := range seats {
		if s.of != best.of && s.in.Priority != owner && s.in.UseVMAC == nil && s.in.UseIPVLAN == nil && s.in.Interface != "" {
			s.warn(found, place(s.in, "interface"), "owner-unheard", "%s owns the addresses (priority 255): its adverts come from an address that this node holds while it is MASTER, and the kernel drops such packets, so that both stay MASTER when the owner returns; set net.ipv4.conf.%s.accept_local to 1 here, or use use_vmac, or give no node 255", best.node, s.in.Interface)
		}
	}
}

// comesBack reports nodes that were all told not to preempt, except the one
// that can.
func comesBack(seats []*seat, best *seat, found *config.Findings) {
	for _, s := range seats {
		if s.of != best.of && !s.in.NoPreempt {
			return
		}
	}
	if len(best.trackers) > 0 || best.in.NoPreempt || best.in.Priority == owner || best.in.Written.Has("nopreempt") {
		// Movement tells what nopreempt does to weights, and the reader why
		// it is not in force where it was written.
		return
	}
	best.warn(found, place(best.in, "priority"), "nopreempt-missing", "every other node has nopreempt, and this one with the highest priority (%d) does not: it takes the addresses back whenever it returns, which is what nopreempt is to prevent; write nopreempt here too, with state BACKUP, or take it out there", best.healthy)
}

// equal reports two nodes with one priority.
func equal(s, other *seat, found *config.Findings) {
	if s.in.Priority == owner {
		s.warn(found, place(s.in, "priority"), "two-owners", "priority 255 here and in %s: each owns the addresses and neither gives way for long; give 255 to the one node whose interface has them as its own, or to none (254 and less)", other.node)
		return
	}
	s.warn(found, place(s.in, "priority"), "peers-priority", "priority %d is that of %s too: of the two whoever has the higher address wins, which nobody wrote down; give different priorities",
		s.healthy, other.node)
}
