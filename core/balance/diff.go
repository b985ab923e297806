package balance

import "slices"

// OpKind is what an Op does.
type OpKind uint8

// The kinds, in the order in which Diff uses them for one service.
const (
	// AddService makes a service with Options; it has no destinations yet.
	AddService OpKind = iota
	// EditService gives it Options.
	EditService
	// AddDestination adds Destination to it.
	AddDestination
	// EditDestination gives the destination of this address what Destination
	// says.
	EditDestination
	// RemoveDestination removes the destination of this address.
	RemoveDestination
	// RemoveService removes it with all its destinations.
	RemoveService
)

// String is a word for logs.
func (k OpKind) String() string {
	return [...]string{"add service", "edit service", "add destination", "edit destination", "remove destination", "remove service"}[k]
}

// Op is one operation on the table.
type Op struct {
	Kind        OpKind
	Key         Key
	Options     Options
	Destination Destination
}

// Diff returns the operations that turn have into want. What is the same in
// both is not touched, a changed weight is one edit.
//
// A client never meets an empty service on the way: within a service
// destinations are added first, then weights that rise are set, then those that
// fall, and destinations go last. New services come first and those that go
// last, so that the address of a client is served as long as possible when an
// address moves from a service with a port to one without.
func Diff(have, want Table) []Op {
	size := 0
	for k, s := range want {
		if have[k] == nil {
			size += 1 + len(s.Destinations)
		}
	}
	return AppendDiff(make([]Op, 0, size), have, want) // a large table is made at once as a rule
}

// AppendDiff is Diff for who has room for the operations.
func AppendDiff(ops []Op, have, want Table) []Op {
	keys := want.Keys()
	for _, k := range keys {
		if have[k] == nil {
			ops = added(ops, k, want[k])
		}
	}
	for _, k := range keys {
		if old := have[k]; old != nil {
			ops = changed(ops, k, old, want[k])
		}
	}
	for _, k := range have.Keys() {
		if want[k] == nil {
			ops = append(ops, Op{Kind: RemoveService, Key: k})
		}
	}
	return ops
}

func added(ops []Op, k Key, s *Service) []Op {
	ops = append(ops, Op{Kind: AddService, Key: k, Options: s.Options})
	for _, d := range s.Destinations {
		ops = append(ops, Op{Kind: AddDestination, Key: k, Destination: d})
	}
	return ops
}

func changed(ops []Op, k Key, old, now *Service) []Op {
	if old == now {
		return ops
	}
	if old.Options != now.Options {
		ops = append(ops, Op{Kind: EditService, Key: k, Options: now.Options})
	}
	if slices.Equal(old.Destinations, now.Destinations) {
		return ops
	}
	var rise, fall, gone []Op
	i, j := 0, 0
	for i < len(old.Destinations) || j < len(now.Destinations) {
		switch order := orderAt(old.Destinations, now.Destinations, i, j); {
		case order < 0:
			gone = append(gone, Op{Kind: RemoveDestination, Key: k, Destination: old.Destinations[i]})
			i++
		case order > 0:
			ops = append(ops, Op{Kind: AddDestination, Key: k, Destination: now.Destinations[j]})
			j++
		default:
			if was, is := old.Destinations[i], now.Destinations[j]; was != is {
				op := Op{Kind: EditDestination, Key: k, Destination: is}
				if is.Weight < was.Weight {
					fall = append(fall, op)
				} else {
					rise = append(rise, op)
				}
			}
			i, j = i+1, j+1
		}
	}
	ops = append(ops, rise...)
	ops = append(ops, fall...)
	return append(ops, gone...)
}

// orderAt compares the next two destinations of two lists, one of which may
// be at its end.
func orderAt(old, now []Destination, i, j int) int {
	switch {
	case i == len(old):
		return 1
	case j == len(now):
		return -1
	}
	return old[i].Address.Compare(now[j].Address)
}

// Apply carries an operation out on a table, as the kernel would: it reports
// whether the kernel would take it.
func (t Table) Apply(op Op) bool {
	s := t[op.Key]
	switch op.Kind {
	case AddService:
		if s != nil {
			return false
		}
		t[op.Key] = &Service{Options: op.Options}
		return true
	case RemoveService:
		delete(t, op.Key)
		return s != nil
	}
	if s == nil {
		return false
	}
	c := *s
	t[op.Key] = &c
	if op.Kind == EditService {
		c.Options = op.Options
		return true
	}
	at, found := slices.BinarySearchFunc(s.Destinations, op.Destination, func(a, b Destination) int { return a.Address.Compare(b.Address) })
	c.Destinations = slices.Clone(s.Destinations)
	switch {
	case op.Kind == AddDestination && !found:
		c.Destinations = slices.Insert(c.Destinations, at, op.Destination)
	case op.Kind == EditDestination && found:
		c.Destinations[at] = op.Destination
	case op.Kind == RemoveDestination && found:
		c.Destinations = slices.Delete(c.Destinations, at, at+1)
	default:
		return false
	}
	return true
}
