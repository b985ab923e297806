package build

import (
	"fmt"
	"reflect"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// Unbuilt names everything that c asks for and that Node would leave out
// although to run without it is wrong, a line for each; none when Node does
// all that matters. The readers say so too, with the place; this holds whoever
// wrote c.
func Unbuilt(c *config.Config) []string {
	u := unbuilt{leads: map[*schema.Block][]*schema.Field{}}
	u.block(schema.New().Root(), reflect.ValueOf(c).Elem(), nil)
	return append(u.found, unroutable(c)...)
}

type unbuilt struct {
	found []string
	// leads are the fields of a block that are marked unbuilt, and those in
	// which such ones may be: few of many, and there may be a thousand blocks.
	leads map[*schema.Block][]*schema.Field
}

// trail is how a block was come to, for those who ask.
type trail struct {
	up   *trail
	key  string
	item *schema.Block // that has a name, else nil
	v    reflect.Value
}

func (t *trail) String() string {
	if t == nil {
		return ""
	}
	text := t.up.String() + t.key
	if t.item != nil {
		if name := t.item.Field("name"); name != nil {
			text += " " + name.Format(name.Value(t.v))
		}
	}
	return text + ": "
}

func (u *unbuilt) add(format string, args ...any) {
	u.found = append(u.found, fmt.Sprintf(format, args...))
}

// lead returns the leads of a block.
func (u *unbuilt) lead(b *schema.Block) []*schema.Field {
	list, known := u.leads[b]
	if known {
		return list
	}
	u.leads[b] = nil // one that contains itself leads nowhere by that
	for i := range b.Fields {
		f := &b.Fields[i]
		inner := f.Kind == schema.KindBlock || f.Kind == schema.KindBlocks
		if f.Unbuilt != "" || inner && len(u.lead(f.Elem)) > 0 {
			list = append(list, f)
		}
	}
	u.leads[b] = list
	return list
}

// block looks for fields that are marked unbuilt in v, a struct of b.
func (u *unbuilt) block(b *schema.Block, v reflect.Value, at *trail) {
	for _, f := range u.lead(b) {
		x := f.Value(v)
		if !x.IsValid() || !f.Pointer && x.IsZero() || x.Kind() == reflect.Slice && x.Len() == 0 {
			continue
		}
		switch {
		case f.Unbuilt != "":
			u.add("%v%s: %s", at, f.Key, f.Unbuilt)
		case f.Kind == schema.KindBlock:
			u.block(f.Elem, x, &trail{up: at, key: f.Key})
		case f.Kind == schema.KindBlocks:
			for i := range x.Len() {
				item := reflect.Indirect(x.Index(i))
				u.block(f.Elem, item, &trail{up: at, key: f.Key, item: f.Elem, v: item})
			}
		}
	}
}
