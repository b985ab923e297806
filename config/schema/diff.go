package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// Change is one difference between two configurations.
type Change struct {
	// Path leads to it in native keys, with the names of blocks:
	// "vrrp_instances VI_1: priority".
	Path string
	// Old and New are the values in native notation. Of a block or list that
	// was added one is empty, of one that was removed the other; both are
	// empty for what is secret or has no short form.
	Old, New string
	// Kind says what happened.
	Kind ChangeKind
	// At is where the new value stands, or the old one if there is none.
	At config.Position
	// Blocks lead to it, the whole first. The last is the block that was
	// added or removed when Field is nil, else the one that Field is in.
	Blocks []Place
	Field  *Field
}

// Place is one of the blocks that lead to a change.
type Place struct {
	// Field is the field of the block around it that holds it; nil for the
	// whole.
	Field *Field
	// ID tells an item of a list from others; empty for what is no item.
	ID string
	// Old and New are the block in the two configurations; one is not valid
	// when it was added or removed.
	Old, New reflect.Value
}

// ChangeKind is what happened to a value.
type ChangeKind uint8

// The kinds of a change.
const (
	Changed ChangeKind = iota
	Added
	Removed
	// Moved is a list whose items are the same, in another order.
	Moved
)

// String renders one line.
func (c Change) String() string {
	switch {
	case c.Kind == Added:
		return strings.TrimRight(fmt.Sprintf("%s added %s", c.Path, c.New), " ")
	case c.Kind == Removed:
		return strings.TrimRight(fmt.Sprintf("%s removed %s", c.Path, c.Old), " ")
	case c.Kind == Moved:
		return c.Path + " in another order"
	case c.Old == "" && c.New == "":
		return c.Path + " changed"
	}
	return fmt.Sprintf("%s %s -> %s", c.Path, orNone(c.Old), orNone(c.New))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Diff returns what changed from a to b, in the order of the structs, items
// of a list in b's order with those only in a behind them. Both are pointers
// to structs of the configuration, of one type. Items of lists are matched by
// their identity: their name, else their address, else their text.
func (s *Schema) Diff(a, b any) []Change {
	v, w := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	d := differ{places: []Place{{Old: v, New: w}}}
	d.block(s.blocks[v.Type()], v, w, "", config.Position{})
	return d.changes
}

type differ struct {
	changes []Change
	// places lead to the present block.
	places []Place
}

// add notes a change of a field of the present block.
func (d *differ) add(f *Field, c Change) {
	c.Field, c.Blocks = f, slices.Clone(d.places)
	d.changes = append(d.changes, c)
}

// addBlock notes a block that is on one side only.
func (d *differ) addBlock(p Place, c Change) {
	c.Blocks = append(slices.Clone(d.places), p)
	d.changes = append(d.changes, c)
}

// enter compares two values of a block within the present one.
func (d *differ) enter(p Place, path string, around config.Position) {
	d.places = append(d.places, p)
	d.block(p.Field.Elem, p.Old, p.New, path, around)
	d.places = d.places[:len(d.places)-1]
}

// block compares two structs; around is the place of what holds them.
func (d *differ) block(b *Block, v, w reflect.Value, path string, around config.Position) {
	for i := range b.Fields {
		f := &b.Fields[i]
		x, y := f.Value(v), f.Value(w)
		if !x.IsValid() && !y.IsValid() || x.IsValid() && y.IsValid() && equal(x, y) {
			continue
		}
		at := b.where(f, around, w, v)
		where := path + f.Key
		switch {
		case f.Kind == KindBlock && (!x.IsValid() || !y.IsValid()):
			kind := Added
			if !y.IsValid() {
				kind = Removed
			}
			d.addBlock(Place{Field: f, Old: x, New: y}, Change{Path: where, Kind: kind, At: at})
		case !x.IsValid():
			d.add(f, Change{Path: where, Kind: Added, New: f.Format(y), At: at})
		case !y.IsValid():
			d.add(f, Change{Path: where, Kind: Removed, Old: f.Format(x), At: at})
		case f.Kind == KindBlock || f.Kind == KindProgram:
			d.enter(Place{Field: f, Old: x, New: y}, where+": ", at)
		case f.Kind == KindBlocks:
			d.list(f, x, y, where, at)
		default:
			d.add(f, Change{Path: where, Old: f.Format(x), New: f.Format(y), At: at})
		}
	}
}

// where is where a field was written, in the first of the structs that says;
// else where the first of them stands, else around.
func (b *Block) where(f *Field, around config.Position, structs ...reflect.Value) config.Position {
	at := around
	for _, v := range structs {
		if p := b.At(v); p != nil && at == around && p.Line() > 0 {
			at = *p
		}
		if keys := b.Written(v); keys != nil && keys.Has(f.Key) {
			return keys.At(f.Key, at)
		}
	}
	return at
}

// list compares two lists of structs.
func (d *differ) list(f *Field, x, y reflect.Value, path string, at config.Position) {
	old := make(map[string]reflect.Value, x.Len())
	var order []string
	for i, id := range identities(f.Elem, x) {
		old[id] = reflect.Indirect(x.Index(i))
		order = append(order, id)
	}
	before := len(d.changes)
	var kept []string
	for i, id := range identities(f.Elem, y) {
		item := reflect.Indirect(y.Index(i))
		was, ok := old[id]
		if !ok {
			d.addBlock(Place{Field: f, ID: id, New: item}, Change{Path: path + " " + id, Kind: Added, At: f.Elem.place(item)})
			continue
		}
		delete(old, id)
		kept = append(kept, id)
		if !equal(was, item) {
			d.enter(Place{Field: f, ID: id, Old: was, New: item}, path+" "+id+": ", at)
		}
	}
	moved, next := false, 0
	for _, id := range order {
		if was, gone := old[id]; gone {
			d.addBlock(Place{Field: f, ID: id, Old: was}, Change{Path: path + " " + id, Kind: Removed, At: f.Elem.place(was)})
			continue
		}
		moved = moved || kept[next] != id
		next++
	}
	if moved && len(d.changes) == before {
		d.add(f, Change{Path: path, Kind: Moved, At: at})
	}
}

func (b *Block) place(v reflect.Value) config.Position {
	if p := b.At(v); p != nil {
		return *p
	}
	return config.Position{}
}

// identities names the items of a list: equal ones by their number among
// these too.
func identities(b *Block, list reflect.Value) []string {
	all := make([]string, list.Len())
	seen := make(map[string]int, list.Len())
	for i := range all {
		id := identity(b, reflect.Indirect(list.Index(i)))
		seen[id]++
		if n := seen[id]; n > 1 {
			id = fmt.Sprintf("%s (%d)", id, n)
		}
		all[i] = id
	}
	return all
}

// identity is what a block says of itself by a method Identity, else its name
// or address, else everything in it.
func identity(b *Block, v reflect.Value) string {
	if v.CanAddr() {
		if x, ok := v.Addr().Interface().(interface{ Identity() string }); ok {
			return x.Identity()
		}
	}
	for _, key := range [...]string{"name", "address"} {
		if f := b.Field(key); f != nil {
			if value := f.Value(v); value.IsValid() && !value.IsZero() {
				return f.Format(value)
			}
		}
	}
	var words []string
	for i := range b.Fields {
		f := &b.Fields[i]
		value := f.Value(v)
		if !value.IsValid() || value.IsZero() {
			continue
		}
		text := f.Format(value)
		if f.Kind == KindBlock {
			text = identity(f.Elem, value)
		}
		words = append(words, strings.TrimSpace(f.Key+" "+text))
	}
	return strings.Join(words, " ")
}
