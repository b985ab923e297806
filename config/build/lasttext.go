package build

import (
	"encoding/json"
	"reflect"

	"github.com/moonkeep/moonkeep/config"
)

// texts are the last options of some kinds of check, as JSON: thousands of servers
// are most often checked in one way, and to write it costs a start much.
type texts struct {
	http lastText[config.HTTPCheck]
	ssl  lastText[config.SSLCheck]
}

type lastText[T any] struct {
	check *T // nil before the first
	text  json.RawMessage
	// next is room for the one after: tens of thousands are looked at some times.
	next *T
}

// room is what of is asked for next, to be filled in; what it has may be used again.
func (l *lastText[T]) room() *T {
	if l.next == nil {
		l.next = new(T)
	}
	return l.next
}

// of is the text of the check in room. render makes its object.
func (l *lastText[T]) of(render func() map[string]any) json.RawMessage {
	if l.check == nil || !reflect.DeepEqual(l.check, l.next) {
		l.text = text(render())
		l.check, l.next = l.next, l.check
	}
	return l.text
}
