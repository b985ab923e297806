package document

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// Of returns the tree of a configuration. A block that knows which keys were
// written has these, in the order in which they were written; one that does
// not has every value that is not the default. Unless secrets is true the
// texts of secrets are left out and their nodes are Hidden.
func Of(s *schema.Schema, c *config.Config, secrets bool) *Node {
	m := maker{schema: s, secrets: secrets}
	root := &Node{Kind: Table, Value: reflect.ValueOf(c).Elem()}
	b := s.Root()
	for i := range b.Fields {
		f := &b.Fields[i]
		if n := m.field(f, f.Value(root.Value)); n != nil && (n.Kind == Literal || n.Kind == Text || len(n.Nodes) > 0) {
			root.Nodes = append(root.Nodes, n)
		}
	}
	return root
}

type maker struct {
	schema  *schema.Schema
	secrets bool
}

// field makes the node of a value, nil when there is none.
func (m maker) field(f *schema.Field, v reflect.Value) *Node {
	if !v.IsValid() {
		return nil
	}
	n := &Node{Key: f.Key, Field: f, Value: v}
	switch f.Kind {
	case schema.KindBlock:
		m.block(n, f.Elem, v, nil, "")
	case schema.KindBlocks:
		n.Kind = List
		for i := range v.Len() {
			item := &Node{Value: reflect.Indirect(v.Index(i))}
			m.block(item, f.Elem, item.Value, nil, "")
			n.Nodes = append(n.Nodes, short(item))
		}
	case schema.KindProgram:
		m.program(n, v.Interface().(config.Program))
	case schema.KindMap:
		n.Kind = Table
		n.Nodes = entries(v)
	case schema.KindWords, schema.KindInts, schema.KindScalars:
		n.Kind = List
		for i := range v.Len() {
			n.Nodes = append(n.Nodes, &Node{Kind: kindOf(f.Kind), Text: schema.Text(v.Index(i)), Value: v.Index(i)})
		}
	default:
		n.Kind = kindOf(f.Kind)
		if f.Secret && !m.secrets && schema.Text(v) != "" {
			n.Hidden = true
		} else {
			n.Text = schema.Text(v)
		}
	}
	return n
}

func kindOf(k schema.Kind) Kind {
	switch k {
	case schema.KindBool, schema.KindInt, schema.KindInts:
		return Literal
	}
	return Text
}

// short turns an item of which only the first key was written into that key's
// value, where the readers take a text for the whole.
func short(item *Node) *Node {
	switch item.Value.Interface().(type) {
	case config.Address, config.Track, config.Peer:
		if len(item.Nodes) == 1 && item.Nodes[0].Field.Required {
			item.Kind, item.Text, item.Nodes = Text, item.Nodes[0].Text, nil
		}
	}
	return item
}

// entries makes the nodes of a map, sorted by name.
func entries(v reflect.Value) []*Node {
	if args, ok := v.Interface().(config.Args); ok {
		return arguments(args)
	}
	words := v.Interface().(map[string]string)
	var nodes []*Node
	for _, key := range slices.Sorted(maps.Keys(words)) {
		nodes = append(nodes, &Node{Key: key, Kind: Text, Text: words[key]})
	}
	return nodes
}

// arguments makes the nodes of a script's arguments, sorted by name.
func arguments(args config.Args) []*Node {
	var nodes []*Node
	for _, name := range slices.Sorted(maps.Keys(args)) {
		n := &Node{Key: name, Kind: Literal, Text: config.ArgText(args[name])}
		if _, text := args[name].(string); text {
			n.Kind = Text
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// program makes a list of words, or a table when there is a user or a Lua file.
func (m maker) program(n *Node, p config.Program) {
	if p.Lua != "" {
		n.At, n.Kind = p.At, Table
		n.Nodes = []*Node{{Key: "lua", Kind: Text, Text: p.Lua, At: p.At}}
		if len(p.Allow) > 0 {
			allow := &Node{Key: "allow", Kind: List}
			for _, grant := range p.Allow {
				allow.Nodes = append(allow.Nodes, &Node{Kind: Text, Text: grant})
			}
			n.Nodes = append(n.Nodes, allow)
		}
		if len(p.Args) > 0 {
			n.Nodes = append(n.Nodes, &Node{Key: "args", Kind: Table, Nodes: arguments(p.Args)})
		}
		return
	}
	words := &Node{Key: "script", Kind: List, At: p.At}
	for _, w := range p.Argv {
		words.Nodes = append(words.Nodes, &Node{Kind: Text, Text: w})
	}
	n.At = p.At
	if p.User == "" {
		n.Kind, n.Nodes = List, words.Nodes
		return
	}
	n.Kind = Table
	n.Nodes = []*Node{words, {Key: "user", Kind: Text, Text: p.User}}
	if p.Group != "" {
		n.Nodes = append(n.Nodes, &Node{Key: "group", Kind: Text, Text: p.Group})
	}
}

// block fills n with the keys of a struct. Around and prefix are the keys
// that the block around a flat struct wrote, and what those of this struct
// begin with.
func (m maker) block(n *Node, b *schema.Block, v reflect.Value, around config.Keys, prefix string) {
	n.Kind = Table
	if at := b.At(v); at != nil {
		n.At = *at
	}
	var written config.Keys
	keeps := prefix != ""
	if w := b.Written(v); w != nil {
		written, keeps = *w, true
	}
	for i := range b.Fields {
		f := &b.Fields[i]
		at, wrote := place(f, written, around, prefix)
		value := f.Value(v)
		switch {
		case !value.IsValid():
			continue
		case wrote:
		case keeps && !f.Required && (f.Words != nil || f.Inherits != "") && !carried(f, written):
			continue // it was completed, not written
		case m.usual(f, value):
			continue
		}
		var c *Node
		if f.Kind == schema.KindBlock && f.IsFlat {
			c = &Node{Key: f.Key, Field: f, Value: value}
			m.block(c, f.Elem, value, written, f.Key+".")
			if len(c.Nodes) == 0 {
				continue
			}
		} else {
			c = m.field(f, value)
		}
		if dropped(c) {
			continue
		}
		if at.Line() > 0 {
			c.At = at
		}
		n.Nodes = append(n.Nodes, c)
	}
	slices.SortStableFunc(n.Nodes, func(a, b *Node) int {
		return cmp.Or(cmp.Compare(rank(a, written, around, prefix), rank(b, written, around, prefix)))
	})
}

// carried reports whether a key that has no keyword of its own stands behind
// that of another which was written.
func carried(f *schema.Field, written config.Keys) bool {
	behind := map[string]string{"group": "user", "script_group": "script_user", "reverse": "weight"}
	return f.Words == nil && behind[f.Key] != "" && written.Has(behind[f.Key])
}

// dropped reports whether what was written did not count, as a reader has
// said: there is no text, or nothing is left of a block that had keys.
func dropped(n *Node) bool {
	switch {
	case n.Kind == Text:
		return n.Text == "" && !n.Hidden
	case n.Kind == List && n.Field.Kind != schema.KindBlocks:
		// A keyword that needs no words may stand alone.
		return len(n.Nodes) == 0 && (n.Field.Bare != "[]" || n.Value.IsNil())
	case n.Kind == Table && n.Field.Kind == schema.KindBlock && len(n.Nodes) == 0:
		w := n.Field.Elem.Written(n.Value)
		return w != nil && len(*w) > 0
	}
	return false
}

// place is where a field was written: under its own key, under that of a
// block around it, or by one of the keys of a flat struct.
func place(f *schema.Field, written, around config.Keys, prefix string) (config.Position, bool) {
	for _, k := range written {
		if k.Name == f.Key || f.IsFlat && strings.HasPrefix(k.Name, f.Key+".") {
			return k.At, true
		}
	}
	if prefix == "" {
		return config.Position{}, false
	}
	for _, k := range around {
		if rest, ok := strings.CutPrefix(k.Name, prefix); ok && rest == f.Key {
			return k.At, true
		}
	}
	return config.Position{}, false
}

// rank orders the keys of a block: first what has no keyword and so names
// the block, then as they were written, then the rest.
func rank(n *Node, written, around config.Keys, prefix string) int {
	if n.Field.Words == nil && n.Field.Required {
		return -1
	}
	for i, k := range written {
		if k.Name == n.Key || strings.HasPrefix(k.Name, n.Key+".") {
			return i
		}
	}
	for i, k := range around {
		if prefix != "" && k.Name == prefix+n.Key {
			return i
		}
	}
	return 1 << 30
}

// usual reports whether a value is the one that is there when none is written.
func (m maker) usual(f *schema.Field, v reflect.Value) bool {
	if f.Default == "" || f.Pointer {
		return v.IsZero() && !f.Pointer || (f.Kind == schema.KindBlocks || f.Kind == schema.KindWords) && v.Len() == 0
	}
	d := reflect.New(f.Type).Elem()
	return f.Set(d, f.Default) == nil && schema.Equal(d.Interface(), v.Interface())
}
