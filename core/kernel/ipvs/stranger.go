//go:build linux

package ipvs

import (
	"fmt"

	"github.com/moonkeep/moonkeep/core/balance"
)

// stranger is a service that is not as it was left; was and is are nil for none.
type stranger struct {
	key     balance.Key
	was, is *balance.Service
}

// change says what somebody did to the service, of several things the first.
func (s *stranger) change() string {
	switch {
	case s.is == nil:
		return "the service was removed"
	case s.was == nil:
		return "the service was added"
	}
	ops := balance.Diff(balance.Table{s.key: s.was}, balance.Table{s.key: s.is})
	if len(ops) == 0 {
		return "" // they are not asked for
	}
	text, a := "", ops[0].Destination.Address
	switch ops[0].Kind {
	case balance.EditService:
		text = "its options were changed"
		if s.was.Options.Scheduler != s.is.Options.Scheduler {
			text = fmt.Sprintf("its scheduler was changed from %s to %s", s.was.Options.Scheduler, s.is.Options.Scheduler)
		}
	case balance.AddDestination:
		text = fmt.Sprintf("server %v was added", a)
	case balance.RemoveDestination:
		text = fmt.Sprintf("server %v was removed", a)
	default:
		text = fmt.Sprintf("server %v was changed", a)
		for _, d := range s.was.Destinations {
			if d.Address == a && d.Weight != ops[0].Destination.Weight {
				text = fmt.Sprintf("the weight of server %v was changed from %d to %d", a, d.Weight, ops[0].Destination.Weight)
			}
		}
	}
	if n := len(ops) - 1; n > 0 {
		text += fmt.Sprintf(", and %d more", n)
	}
	return text
}
