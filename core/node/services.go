package node

import (
	"fmt"
	"net/netip"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/track"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// service is a virtual server as it is.
type service struct {
	cfg     *Service
	servers []server
	quorum  balance.Quorum
	// sum is that of the weights of servers that are up.
	sum   int64
	has   bool // the quorum
	since mono.Instant
	// sleeps says that its address is not here.
	sleeps bool
	// stays says that a reload found it again.
	stays bool
	// places are those that the table was last asked for, if it was.
	places []balance.Place
	placed bool
	// kept are the servers that serve in a panic, which panics says it is.
	kept   []bool
	panics bool
	// rise is when the weight of a server that came back rises next; nil until
	// the first time.
	rise *timed
	// touched is true when the sum changed in this call of the node.
	touched bool
}

// server is a real server as it is.
type server struct {
	cfg     *Server
	service *service
	checks  []checker
	// down is how many checks are, and undecided how many have no result of
	// their own yet.
	down, undecided int
	added           int64 // by checks, to the weight
	weight          int
	since           mono.Instant
	hand            *hand // nil when people have none in it
	// risesFrom is since when its weight rises, if rises says that it does, and
	// placed its weight in the table, if serves.
	risesFrom mono.Instant
	placed    int
	up        bool
	// unproven says that its checks rested in maintenance and have no result
	// since, so that what they said before is too old to count, and absent that
	// it had no place when it was left to them. While its service sleeps nothing
	// would prove it, and no client could meet it: there it never is.
	unproven, absent bool
	rises            bool
	// untold says that it began as not working, and nobody was told so yet.
	untold bool
	// stays says that a reload found it again.
	stays bool
	// serves says that it is to have clients unless people or the quorum forbid
	// it.
	serves bool
}

// name is the check for people.
func (c *checker) name() string { return CheckName(c.cfg.Kind, c.number(), c.cfg.Place) }

// CheckName is what tells a check from the others of its real server, for people: its
// kind, its number if it has one, and where it connects to if that is elsewhere.
func CheckName(kind string, number int, place string) string {
	if number > 0 {
		kind += fmt.Sprintf(" %d", number)
	}
	if place != "" {
		kind += " " + place
	}
	return kind
}

// number is that of a check among all of its server, from 1, when there are more of its
// kind and place; 0 else.
func (c *checker) number() (number int) {
	s, alike := c.server, 0
	for i := range s.cfg.Checks {
		if x := &s.cfg.Checks[i]; x.Kind == c.cfg.Kind && x.Place == c.cfg.Place {
			alike++
		}
		if &s.checks[i] == c {
			number = i + 1
		}
	}
	if alike < 2 {
		return 0
	}
	return number
}

// checkChanged lets a check that came up or went down count for its server.
func (n *Node) checkChanged(now mono.Instant, c *checker, why string) {
	s := c.server
	if c.working() {
		s.down--
	} else {
		s.down++
	}
	if why == "" {
		why = c.message
	}
	text := fmt.Sprintf("%s is %s", c.name(), upOrDown(c.working()))
	if why != "" {
		text += ": " + why
	}
	s.retell()
	if up := s.down == 0; up != s.up {
		n.serverChanged(now, s, up, text)
		return
	}
	level := Info
	if !c.working() {
		level = Warn
	}
	text += fmt.Sprintf("; %d of %d checks are down", s.down, len(s.checks))
	n.note(level, "", "check", fmt.Sprintf("real server %s of virtual server %s: %s", s.cfg.Name, s.service.cfg.Name, text))
	if s.service.cfg.TellChecks && !c.fresh {
		n.tellService(CheckTurned, s.service, s, text)
	}
	n.reweigh(now, c)
}

// retell counts what of its checks is to be counted anew; they are few.
func (s *server) retell() {
	s.added, s.undecided = 0, 0
	for i := range s.checks {
		c := &s.checks[i]
		s.added += c.adds()
		if !c.follows() && !c.life.Decided() {
			s.undecided++
		}
	}
}

// serverChanged lets a server that came up or went down count for its service.
func (n *Node) serverChanged(now mono.Instant, s *server, up bool, why string) {
	v := s.service
	s.up, s.untold, s.since, s.weight = up, false, now, balance.Weight(s.cfg.Weight, s.added)
	level, occasion := Warn, ServerDown
	if up {
		if !s.serves { // else a panic kept it, and it goes on
			s.begin(now)
		}
		level, occasion = Info, ServerUp
	}
	n.note(level, "", "server", fmt.Sprintf("real server %s of virtual server %s is %s: %s", s.cfg.Name, v.cfg.Name, upOrDown(up), why))
	n.tellService(occasion, v, s, why)
	n.touch(v)
}

// first takes the first result of a check that changed nothing. Where it is the
// failure of one in alpha mode, its server did not work before, which somebody is
// to be told.
func (n *Node) first(c *checker) {
	s := c.server
	s.retell()
	if !s.untold || c.working() || !c.cfg.Life.Alpha {
		return
	}
	s.untold = false
	why := fmt.Sprintf("its first %s failed", c.name())
	if c.message != "" {
		why += ": " + c.message
	}
	n.note(Warn, "", "server", fmt.Sprintf("real server %s of virtual server %s starts down: %s", s.cfg.Name, s.service.cfg.Name, why))
	n.tellService(ServerDown, s.service, s, why).Start = true
}

// prove has a server that left maintenance serve, or not, as its checks say, once
// each of them has said something since, or none is waited for any more.
func (n *Node) prove(now mono.Instant, s *server) {
	if !s.unproven {
		return
	}
	why := "has results since its maintenance"
	for i := range s.checks {
		switch c := &s.checks[i]; {
		case s.service.sleeps:
			why = "is not waited for after its maintenance, as its checks rest"
		case c.follows() || c.life.Decided():
		case c.life.Settled():
			why = "has no result since its maintenance, and the time to wait for one is over"
		default:
			return
		}
	}
	s.unproven = false
	if s.up {
		s.begin(now)
	}
	n.note(Info, "", "server", fmt.Sprintf("real server %s of virtual server %s %s: it is %s", s.cfg.Name, s.service.cfg.Name, why, upOrDown(s.up)))
	n.touch(s.service)
}

// reweigh lets the weight of a server count that a check has told of.
func (n *Node) reweigh(now mono.Instant, c *checker) {
	s := c.server
	s.retell()
	weight := balance.Weight(s.cfg.Weight, s.added)
	if weight == s.weight {
		return
	}
	why := fmt.Sprintf("%s changes its weight from %d to %d", c.name(), s.weight, weight)
	v := s.service
	s.weight = weight
	n.note(Info, "", "weight", fmt.Sprintf("real server %s of virtual server %s: %s", s.cfg.Name, v.cfg.Name, why))
	n.tellService(ServerWeighed, v, s, why)
	n.touch(v)
}

// touch has the sum of weights of a service looked at when the call of the node
// has done everything else: what it is on the way, while several of its servers
// change at one moment, does not count.
func (n *Node) touch(v *service) {
	if !v.touched {
		v.touched = true
		n.touched = append(n.touched, v)
	}
}

// requorums looks at the sums of the services that were touched.
func (n *Node) requorums(now mono.Instant) {
	for _, v := range n.touched {
		n.requorum(now, v)
		n.balancing.services = append(n.balancing.services, v)
	}
	n.touched = n.touched[:0]
}

// requorum lets the sum of weights of a service count.
func (n *Node) requorum(now mono.Instant, v *service) {
	v.touched = false
	v.sum = v.total()
	has := v.quorum.Holds(v.has, v.sum)
	if has == v.has {
		return
	}
	v.has, v.since = has, now
	level, occasion, text := Warn, QuorumLost, "Lost quorum"
	if has {
		level, occasion, text = Info, QuorumWon, "Gained quorum"
	}
	why := v.weighed()
	n.note(level, "", "quorum", fmt.Sprintf("%s of virtual server %s: %s", text, v.cfg.Name, why))
	n.tellService(occasion, v, nil, why)
}

// weighed says why it has its quorum, or has not.
func (v *service) weighed() string {
	return fmt.Sprintf("the weights of working servers are %d, quorum %d, hysteresis %d", v.sum, v.quorum.Need, v.quorum.Slack)
}

// tellService tells what happened to a service, or to one of its servers, and
// returns what is told.
func (n *Node) tellService(o Occasion, v *service, s *server, why string) *Change {
	n.seq++
	c := &Change{Occasion: o, Name: v.cfg.Name, Service: v.cfg.Tuple, Why: why, Seq: n.seq, Stop: n.stopping}
	if s != nil {
		c.Server, c.ServerName, c.Weight = s.cfg.Tuple, s.cfg.Name, s.weight
	}
	n.out = append(n.out, Action{Kind: Told, Change: c})
	return c
}

// fileTold lets what is in a file count for the checks that follow it.
func (n *Node) fileTold(now mono.Instant, f *file) {
	n.follow(now, f.checks, func(c *checker) bool { return c.seeFile(f) })
}

// sessionTold lets the state of a BFD session count for the checks that follow
// it.
func (n *Node) sessionTold(now mono.Instant, s *session) {
	n.follow(now, s.checks, func(c *checker) bool { return c.seeSession(s) })
}

// follow has checks look at what they follow.
func (n *Node) follow(now mono.Instant, checks []uint32, look func(*checker) bool) {
	for _, id := range checks {
		c := n.queue.checks[id]
		c.fresh = !c.known
		if look(c) {
			n.checkChanged(now, c, "")
			continue
		}
		n.reweigh(now, c)
		if c.fresh && c.known {
			n.first(c)
		}
	}
}

// seeFile takes the number in a file and reports whether the check came up or
// went down. A file that is of no use changes nothing: it might hold any
// number.
func (c *checker) seeFile(f *file) (changed bool) {
	if !f.known || f.read.Failure != "" {
		return false
	}
	added, failed := balance.FileEffect(f.read.Value, c.cfg.Weight, c.cfg.Reverse)
	c.message, c.known, c.added = "file "+f.cfg.Name+" is "+f.text(), true, added
	changed = c.up == failed
	c.up = !failed
	return changed
}

// seeSession is seeFile for a session. One that was never up says nothing yet; where
// it takes the place of another, not before its time to come up is over.
func (c *checker) seeSession(s *session) (changed bool) {
	up := s.life.State() == bfd.Up
	if !up && !c.known && (!c.expects || s.state() == track.Unknown) {
		return false
	}
	c.known, c.expects, c.message = true, false, fmt.Sprintf("BFD session %s is %v", s.cfg.Name, s.life.State())
	changed = c.up != up
	c.up = up
	return changed
}

// rouse has checks rest and run as the addresses of their services come and
// go.
func (n *Node) rouse(now mono.Instant) {
	if !n.stirred {
		return
	}
	n.stirred = false
	here := n.here()
	for i := range n.services {
		v := &n.services[i]
		sleeps := v.cfg.Awake.IsValid() && !here[v.cfg.Awake]
		if sleeps == v.sleeps {
			continue
		}
		v.sleeps = sleeps
		for k := range v.servers {
			for x := range v.servers[k].checks {
				n.wake(now, &v.servers[k].checks[x], !sleeps)
			}
			if sleeps {
				n.prove(now, &v.servers[k])
			}
		}
		state := "rest: its address is not here"
		switch {
		case !v.cfg.Awake.IsValid(): // since a reload
			state = "run, wherever its address is"
		case !sleeps:
			state = "run: its address is here"
		}
		n.note(Info, "", "check", fmt.Sprintf("checks of virtual server %s %s", v.cfg.Name, state))
	}
}

// wake has one check run, or rest.
func (n *Node) wake(now mono.Instant, c *checker, awake bool) {
	switch {
	case c.follows(), awake && c.server.rests():
		return
	case awake && c.server.service.sleeps: // at the end of a maintenance
		c.life.Renew(now)
		c.life.Suspend()
	case !awake:
		c.life.Suspend()
		n.darkened(now, c)
	case c.server.unproven:
		c.life.Renew(now)
	default:
		c.life.Resume(now, n.draw())
	}
	n.queue.set(c)
}

// here says of the addresses that services wait for whether they are here: an instance
// that has one is master, or the host has it by itself. Before that is known an address counts as
// held that no instance moves.
func (n *Node) here() map[netip.Addr]bool {
	all := map[netip.Addr]bool{}
	for i := range n.services {
		if a := n.services[i].cfg.Awake; a.IsValid() {
			all[a] = true
		}
	}
	if len(all) == 0 {
		return nil
	}
	masters := map[netip.Addr]bool{} // by address that is moved, whether a master has it
	for _, in := range n.instances {
		for a := range in.owns() {
			if all[a] {
				masters[a] = masters[a] || in.router.Role() == vrrp.Master
			}
		}
	}
	for a := range all {
		master, moved := masters[a]
		here, known := n.standing[a]
		all[a] = master || here || !known && !moved
	}
	return all
}

// draw returns a random number.
func (n *Node) draw() uint64 {
	return uint64(n.random.Uint32())<<32 | uint64(n.random.Uint32())
}

// stopServices ends all checks, and tells of services whose end is wanted to
// be told.
func (n *Node) stopServices() {
	for i := range n.services {
		v := &n.services[i]
		if !v.cfg.Omega {
			continue
		}
		for k := range v.servers {
			if s := &v.servers[k]; s.up {
				n.tellService(ServerDown, v, s, "stopping")
			}
		}
		n.tellService(QuorumLost, v, nil, "stopping") // also of one that had none, as keepalived
	}
}
