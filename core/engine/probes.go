package engine

import (
	"context"
	"fmt"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
)

const (
	// resultsLen is how many batches of answers wait for the loop. Who has more
	// waits for room: no answer is lost, and what is late is the business of
	// the node, which takes no answer in time for an unknown one.
	resultsLen = 64
	// perBatch is how many answers come in one batch at most, and from how many on the
	// node is given no further ones at the same time, so that adverts get their turn between.
	perBatch = 256
	// perPiece is how many real servers are copied out at once, for the same
	// reason.
	perPiece = 256
)

// beginProbes says where the answers of a plan's probes go.
func (e *Engine) beginProbes(p *Plan) {
	if p.Probes != nil {
		p.Probes.Begin(e.answer)
	}
}

// answer takes answers, which are the engine's from then on, and waits for room.
// It must not be called by the loop.
func (e *Engine) answer(generation uint32, answers []node.Answer) {
	for len(answers) > 0 {
		n := min(len(answers), perBatch)
		select {
		case e.results <- &node.Probed{Generation: generation, Answers: answers[:n:n]}:
			e.opts.Alarm.Ring()
		case <-e.done:
			return
		}
		answers = answers[n:]
	}
}

// gather adds to answers those that wait behind them. A change of one of tens of thousands of
// servers of a service costs as much as that of hundreds at once: when a rack dies, its
// thousands of answers come in small batches, faster than each could be judged alone.
func (e *Engine) gather(p *node.Probed) node.Event {
	e.gathered.List = append(e.gathered.List[:0], p)
	for n := len(p.Answers); n < perBatch; {
		select {
		case p = <-e.results:
			e.gathered.List = append(e.gathered.List, p)
			n += len(p.Answers)
		default:
			return &e.gathered
		}
	}
	return &e.gathered
}

// probe has probes made.
func (e *Engine) probe(a *node.Action) {
	if e.plan.Probes != nil {
		e.plan.Probes.Start(a.Generation, a.Asks)
	}
}

// endProbes ends the probes of a plan that is not, or no longer, in force.
func endProbes(p *Plan) error {
	if p.Probes == nil {
		return nil
	}
	if err := p.Probes.Close(); err != nil {
		return fmt.Errorf("end checking: %w", err)
	}
	return nil
}

// Services is how virtual servers and their real servers stand.
type Services struct {
	node.ServicesStatus
	// Servers are those of all services, one after the other.
	Servers []node.ServerStatus
}

// Services asks the node, piece by piece, so that tens of thousands of real
// servers delay no advert. The pieces are of moments that are close together.
// When reloads come faster than it can ask it gives up.
func (e *Engine) Services(ctx context.Context) (*Services, error) {
	const tries = 5
	for range tries {
		s, whole, err := e.pieces(ctx)
		if err != nil || whole {
			return s, err
		}
	}
	return nil, fmt.Errorf("ask for the real servers: the configuration changed %d times meanwhile", tries)
}

// pieces reports whether all pieces were of one configuration.
func (e *Engine) pieces(ctx context.Context) (s *Services, whole bool, err error) {
	s = &Services{}
	if err := e.ask(ctx, func(now mono.Instant) { s.ServicesStatus = *e.node.Services(now) }); err != nil {
		return nil, false, err
	}
	all := 0
	for i := range s.Services {
		all += s.Services[i].Servers
	}
	s.Servers = make([]node.ServerStatus, 0, all)
	for same := true; len(s.Servers) < all; {
		err := e.ask(ctx, func(mono.Instant) {
			if same = e.node.Generation() == s.Generation; same {
				s.Servers = e.node.Servers(s.Servers, len(s.Servers), perPiece)
			}
		})
		if err != nil || !same {
			return nil, false, err
		}
	}
	return s, true, nil
}
