package node

import (
	"fmt"
	"slices"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/track"
)

// reservice replaces the services. A check that was there before, of the same
// server of the same service and with the same identity, keeps its state,
// timers and the run that is under way; a changed one keeps the state of the one
// before until its first result. It runs before what the checks follow is
// attached.
func (n *Node) reservice(now mono.Instant, cfg []Service) {
	n.generation++
	n.touched = nil // what was touched is judged anew; its array would hold services that are gone
	old := map[string]*service{}
	for i := range n.services {
		old[n.services[i].cfg.Name] = &n.services[i]
	}
	servers, checks := 0, 0
	for i := range cfg {
		servers += len(cfg[i].Servers)
		for k := range cfg[i].Servers {
			checks += len(cfg[i].Servers[k].Checks)
		}
	}
	before := n.services
	n.services = make([]service, len(cfg))
	n.servers = make([]*server, 0, servers)
	n.queue = checkQueue{checks: make([]*checker, 0, checks), heap: slices.Grow(n.queue.heap[:0], checks)}
	n.carried = map[uint64]uint32{}
	n.probing.Checks, n.probing.Dark = checks, 0
	fresh := 0
	for i := range cfg {
		v := &n.services[i]
		*v = service{cfg: &cfg[i], since: now}
		was := old[v.cfg.Name]
		if was != nil {
			v.sleeps, was.stays = was.sleeps, true
		} else {
			fresh++
		}
		if was != nil && sameServers(was.cfg.Servers, v.cfg.Servers) {
			n.takeOver(now, v, was)
		} else {
			n.reserve(now, v, was)
		}
	}
	n.attachChecks()
	n.rehand(now)
	n.tellRemoved(before)
	n.out = slices.Grow(n.out, fresh+fewActions) // most have their quorum to tell
	for i := range n.services {
		v := &n.services[i]
		n.restand(now, v, old[v.cfg.Name])
	}
	n.requorums(now)
	n.relay(old)
	n.rebalance(now)
	n.queue.fill()
	n.stirred = true
}

// reserve makes the servers of a service; was is the one before, nil for a new one.
func (n *Node) reserve(now mono.Instant, v, was *service) {
	v.servers = make([]server, len(v.cfg.Servers))
	checks := 0
	for k := range v.cfg.Servers {
		checks += len(v.cfg.Servers[k].Checks)
	}
	list := make([]checker, checks)
	find := was.finder()
	for k := range v.servers {
		s := &v.servers[k]
		s.cfg, s.service = &v.cfg.Servers[k], v
		some := len(s.cfg.Checks)
		s.checks, list = list[:some:some], list[some:]
		b := find(k, s.cfg.Name)
		if b != nil {
			b.stays = true
		}
		n.recheck(now, s, b, n.number(s))
	}
}

// sameServers reports whether two services have one list of servers, as one has after a reload
// that has not changed it.
func sameServers(a, b []Server) bool { return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] }

// takeOver gives a service the servers of the one before. There may be tens of thousands:
// they are not made anew.
func (n *Node) takeOver(now mono.Instant, v, was *service) {
	v.servers = was.servers
	for k := range v.servers {
		s := &v.servers[k]
		s.service, s.hand, s.down, s.stays = v, nil, 0, true
		id := n.number(s)
		for i := range s.checks {
			n.place(now, &s.checks[i], &s.cfg.Checks[i], s, id+uint32(i), &s.checks[i], true)
		}
	}
}

// number gives the checks of a server the next numbers, and returns the first.
func (n *Node) number(s *server) (first uint32) {
	n.servers = append(n.servers, s)
	first = uint32(len(n.queue.checks))
	for i := range s.checks {
		n.queue.checks = append(n.queue.checks, &s.checks[i])
	}
	return first
}

// fewActions are those that a call comes to beside what it tells of services.
const fewActions = 16

// tellRemoved tells of servers that were up, and of services that had their quorum,
// and are gone: whoever was told that they came has something to undo.
func (n *Node) tellRemoved(before []service) {
	const why = "it was removed from the configuration"
	for i := range before {
		v := &before[i]
		for k := range v.servers {
			if s := &v.servers[k]; s.up && !s.stays {
				n.tellService(ServerDown, v, s, why).Deleted = true
			}
		}
		if v.has && !v.stays {
			n.tellService(QuorumLost, v, nil, why).Deleted = true
		}
	}
}

// finder returns a function that finds a server by its name, which it probably
// has at that place. With tens of thousands of servers it counts that the loop
// of the engine waits for a reload.
func (v *service) finder() func(at int, name string) *server {
	var byName map[string]*server
	return func(at int, name string) *server {
		switch {
		case v == nil:
			return nil
		case at < len(v.servers) && v.servers[at].cfg.Name == name:
			return &v.servers[at]
		case byName == nil:
			byName = make(map[string]*server, len(v.servers))
			for i := range v.servers {
				byName[v.servers[i].cfg.Name] = &v.servers[i]
			}
		}
		return byName[name]
	}
}

// recheck makes the checks of a server, whose first has the number id. was is
// the server before, nil for a new one.
func (n *Node) recheck(now mono.Instant, s *server, was *server, id uint32) {
	if was != nil && alike(s.cfg.Checks, was.cfg.Checks) {
		for i := range s.checks {
			n.place(now, &s.checks[i], &s.cfg.Checks[i], s, id+uint32(i), &was.checks[i], true)
		}
		return
	}
	var before []*checker // those that none has taken the place of
	if was != nil {
		before = make([]*checker, len(was.checks))
		for i := range was.checks {
			before[i] = &was.checks[i]
		}
	}
	made := make([]bool, len(s.checks))
	for pass := range 4 {
		for i := range s.checks {
			if made[i] {
				continue
			}
			cfg := &s.cfg.Checks[i]
			found := -1
			for k, b := range before {
				if b != nil && (pass == 0 && b.cfg.Identity == cfg.Identity || pass == 1 && b.cfg.Kind == cfg.Kind || pass == 2) {
					found = k
					break
				}
			}
			if found < 0 && pass < 3 {
				continue
			}
			made[i] = true
			var lender *checker
			if found >= 0 {
				lender, before[found] = before[found], nil
			}
			n.place(now, &s.checks[i], cfg, s, id+uint32(i), lender, pass == 0)
		}
	}
}

// alike reports whether two lists are of the same checks, in order.
func alike(a, b []Check) bool {
	return slices.EqualFunc(a, b, func(x, y Check) bool { return x.Identity == y.Identity })
}

// place makes one check. lender, if not nil, is the one whose place it takes:
// the same one, or one whose state it keeps until its first result.
func (n *Node) place(now mono.Instant, c *checker, cfg *Check, s *server, id uint32, lender *checker, same bool) {
	if same {
		*c = *lender
	}
	c.cfg, c.server, c.id, c.place = cfg, s, id, 0
	c.resmooth(now, lender)
	switch {
	case cfg.File != "" || cfg.Session != "":
		if lender == nil {
			c.up = !cfg.Life.Alpha
		} else if !same {
			c.up, c.expects = lender.working(), lender.session != nil && (lender.known || lender.expects)
		}
		return
	case same:
		c.life.Reconfigure(now, cfg.Life)
		if c.life.Running() {
			n.carried[c.asked] = id
		}
		if c.dark {
			n.probing.Dark++
		}
		return
	}
	c.life.Begin(now, cfg.Life, n.draw())
	switch {
	case lender == nil:
	case lender.follows():
		c.life.Assume(lender.up)
	default:
		c.life.Inherit(&lender.life)
	}
	if lender != nil {
		c.weighs, c.weight = lender.weighs, lender.weight
	}
	if s.service.sleeps {
		c.life.Suspend()
	}
}

// attachChecks finds out which checks follow each file and session, and lets
// what is known of these count.
func (n *Node) attachChecks() {
	for _, f := range n.fileOrder {
		f.checks = nil
	}
	for _, s := range n.sessions {
		s.checks = nil
	}
	for i := range n.queue.checks {
		c := n.queue.checks[i]
		if f := n.files[c.cfg.File]; f != nil {
			f.checks = append(f.checks, c.id)
			c.seeFile(f)
		}
		s := n.sessionsByName[c.cfg.Session]
		if c.session != nil && c.session != s {
			c.known, c.expects = false, c.known || c.expects
		}
		if c.session = s; s != nil {
			s.checks = append(s.checks, c.id)
			c.seeSession(s)
		}
	}
}

// restand finds out how a service stands, and tells in what that differs from
// how it stood before the reload; was is nil for a new one.
func (n *Node) restand(now mono.Instant, v, was *service) {
	find := was.finder()
	var all int64
	for i := range v.servers {
		s := &v.servers[i]
		all += int64(s.cfg.Weight)
		for k := range s.checks {
			if !s.checks[k].working() {
				s.down++
			}
		}
		s.retell()
		b := find(i, s.cfg.Name)
		s.weight, s.stays = balance.Weight(s.cfg.Weight, s.added), false
		if b == s { // it is taken over
			s.rises = s.rises && now.Sub(s.risesFrom) < was.cfg.SlowStart.Over
			continue
		}
		s.up, s.since = s.down == 0, now
		if b != nil {
			s.up, s.since, s.risesFrom, s.serves = b.up, b.since, b.risesFrom, b.serves
			s.unproven, s.absent = b.unproven, b.absent
			s.rises, s.untold = b.rises && now.Sub(b.risesFrom) < was.cfg.SlowStart.Over, b.untold
			continue
		}
		s.untold = !s.up
		if s.up && v.cfg.TellFirst {
			n.tellService(ServerUp, v, s, "it counts as working from the start").Start = true
		}
	}
	v.sum = v.total()
	v.quorum = balance.NewQuorum(v.cfg.Quorum, v.cfg.Hysteresis, all)
	if was == nil {
		n.begins(v)
		return
	}
	v.has, v.since = was.has, was.since
	for i := range v.servers {
		if s := &v.servers[i]; s.up != (s.down == 0) {
			n.serverChanged(now, s, s.down == 0, "its checks are others since the reload")
		}
		n.prove(now, &v.servers[i]) // there may be none left that it waits for
	}
	v.sum = v.total()
	another := !was.cfg.Sorry.Present || v.cfg.Layout.Sorry.Address != was.cfg.Layout.Sorry.Address
	if v.cfg.Sorry.Present && another && !v.has && !v.quorum.Holds(false, v.sum) {
		n.tellService(QuorumLost, v, nil, "another sorry server serves since the reload: "+v.weighed()).Start = true
	}
	n.touch(v)
}

// begins finds out whether a new service has its quorum, and tells it: whoever
// is told of the quorum may have something to do where it is there from the start. Of one
// without it there is nothing to tell unless a sorry server serves instead. There may be more
// services than the log has room for at once: what is usual is not noted.
func (n *Node) begins(v *service) {
	v.has = v.quorum.Holds(false, v.sum)
	switch why := v.weighed(); {
	case v.has:
		n.tellService(QuorumWon, v, nil, why).Start = true
	case v.cfg.Sorry.Present:
		n.note(Warn, "", "quorum", fmt.Sprintf("virtual server %s starts without quorum: %s", v.cfg.Name, why))
		n.tellService(QuorumLost, v, nil, why).Start = true
	}
}

// resmooth makes what is between the weights that are told and those that count,
// or lets it follow as it is configured now.
func (c *checker) resmooth(now mono.Instant, lender *checker) {
	switch {
	case c.cfg.Smoothing == nil:
		c.smooth = nil
	case c.smooth != nil:
		c.smooth.Reconfigure(*c.cfg.Smoothing)
	default:
		c.smooth = track.NewWeight(*c.cfg.Smoothing)
		if lender != nil && lender.weighs {
			c.smooth.Observe(now, float64(lender.weight))
		}
	}
}
