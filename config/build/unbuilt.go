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
	u := unbuilt{}
	s := schema.New()
	u.block(s.Root(), reflect.ValueOf(c).Elem(), "")
	return append(u.found, unroutable(c)...)
}

type unbuilt struct{ found []string }

func (u *unbuilt) add(format string, args ...any) {
	u.found = append(u.found, fmt.Sprintf(format, args...))
}

// block looks for fields that are marked unbuilt in v, a struct of b.
func (u *unbuilt) block(b *schema.Block, v reflect.Value, path string) {
	for i := range b.Fields {
		f := &b.Fields[i]
		x := f.Value(v)
		if !x.IsValid() || !f.Pointer && x.IsZero() || x.Kind() == reflect.Slice && x.Len() == 0 {
			continue
		}
		at := path + f.Key
		switch {
		case f.Unbuilt != "":
			u.add("%s: %s", at, f.Unbuilt)
		case f.Kind == schema.KindBlock:
			u.block(f.Elem, x, at+": ")
		case f.Kind == schema.KindBlocks:
			for i := range x.Len() {
				u.item(f, reflect.Indirect(x.Index(i)), at)
			}
		}
	}
}

// item looks into one item of a list.
func (u *unbuilt) item(f *schema.Field, x reflect.Value, at string) {
	if name := f.Elem.Field("name"); name != nil {
		at += " " + name.Format(name.Value(x))
	}
	u.block(f.Elem, x, at+": ")
}
