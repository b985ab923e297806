package engine

import (
	"context"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
)

// handledAtOnce is how many servers people take a hand in at one instant at most. It is
// more than people name as a rule, and adverts that are due meanwhile do not wait long.
const handledAtOnce = 1024

// Handle has people take a hand in real servers, those that are named together at one
// instant (node.Handle), and returns all in which they have one then. An error says that
// some of them are left; a part may be done.
func (e *Engine) Handle(ctx context.Context, list []node.Hand) (all []node.Hand, err error) {
	return handInChunks(ctx, e, list, handledAtOnce, func(some []node.Hand) node.Event { return &node.Handle{List: some} })
}

// handInChunks has the node take events of at most so many each. Of the last one it asks in
// which servers people have a hand at the same instant: who goes then hears of no error
// after all is done.
func handInChunks[T any](ctx context.Context, e *Engine, list []T, most int, event func([]T) node.Event) (all []node.Hand, err error) {
	if len(list) == 0 {
		return e.Hands(ctx)
	}
	for len(list) > 0 && err == nil {
		some := list[:min(len(list), most)]
		list = list[len(some):]
		last := len(list) == 0
		err = e.ask(ctx, func(now mono.Instant) {
			e.carry(e.node.Step(now, event(some)))
			if last {
				all = e.node.Hands(now)
			}
		})
	}
	return all, err
}

// Hands returns the real servers in which people have a hand.
func (e *Engine) Hands(ctx context.Context) (all []node.Hand, err error) {
	err = e.ask(ctx, func(now mono.Instant) { all = e.node.Hands(now) })
	return all, err
}

// Draining returns the real servers that are being drained. Who sees that some have no
// connections any more tells Drained.
func (e *Engine) Draining(ctx context.Context) (list []node.Draining, err error) {
	err = e.ask(ctx, func(mono.Instant) { list = e.node.Draining() })
	return list, err
}

// drainedAtOnce is how many servers lose their places in one turn of the loop at most.
// Adverts that are due meanwhile wait for one.
const drainedAtOnce = 256

// Drained says that these real servers have no connections any more (node.Drained), and
// returns all in which people have a hand then, as Handle does.
func (e *Engine) Drained(ctx context.Context, list []node.Draining) (all []node.Hand, err error) {
	return handInChunks(ctx, e, list, drainedAtOnce, func(some []node.Draining) node.Event { return &node.Drained{List: some} })
}
