package source

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/moonkeep/moonkeep/config"
)

// tomlTree reads TOML. A nil tree means that there is none; why is in found.
//
// The text is parsed twice: by the parser beneath the decoder, which gives
// positions and bounds the tree, and by the decoder, which knows every rule of
// the language and says what breaks one, in a time that is quadratic in the
// keys of a table. A tree is believed only after the decoder agreed.
func tomlTree(file string, data []byte, found *config.Findings) *value {
	l := newLines(file, data)
	if len(bytes.TrimSpace(data)) == 0 {
		found.Add(l.at(0), config.Error, "empty-file", "%s", emptyText)
		return nil
	}
	t := tomlReader{lines: l, root: &value{at: l.at(0), kind: kindTable}, index: make(map[*value]map[string]int)}
	t.parser.Reset(data)
	t.table = t.root
	for t.parser.NextExpression() {
		if err := t.expression(t.parser.Expression()); err != nil {
			found.Add(t.last, config.Error, boundName(err), "%v", err)
			return nil
		}
	}
	var all map[string]any
	if err := toml.Unmarshal(data, &all); err != nil {
		at := l.at(0)
		var decodeError *toml.DecodeError
		if errors.As(err, &decodeError) {
			row, column := decodeError.Position()
			if row >= 1 && row <= len(l.starts) {
				// The decoder counts columns in bytes.
				at = l.at(l.starts[row-1] + column - 1)
			}
		}
		found.Add(at, config.Error, "syntax", "this is not TOML: %s", printable(strings.TrimPrefix(err.Error(), "toml: ")))
		return nil
	}
	if err := t.parser.Error(); err != nil {
		found.Add(t.last, config.Error, "syntax", "this is not TOML: %s", printable(err.Error()))
		return nil
	}
	return t.root
}

// tomlReader turns the parser's expressions into values.
type tomlReader struct {
	lines  *lines
	parser unstable.Parser
	root   *value
	// table is the one that the last header opened.
	table *value
	// last is where the last key was.
	last config.Position
	// index finds a table's fields by key, since headers come back to a
	// table again and again.
	index map[*value]map[string]int
	// count bounds the tree.
	count int
}

// maxKeys is how many keys one table may have. The largest of the schema is a
// script's args.
const maxKeys = 10_000

var (
	errDepth = fmt.Errorf("nested more than %d deep", maxDepth)
	errKeys  = fmt.Errorf("a table of more than %d keys", maxKeys)
	errMany  = fmt.Errorf("more than %d values", maxValues)
)

// boundName returns the name of the finding for a bound that was met, "" for
// another error.
func boundName(err error) string {
	switch {
	case errors.Is(err, errDepth):
		return "too-deep"
	case errors.Is(err, errKeys), errors.Is(err, errMany):
		return "too-large"
	}
	return ""
}

func (t *tomlReader) expression(n *unstable.Node) error {
	switch n.Kind {
	case unstable.Table, unstable.ArrayTable:
		keys := n.Key()
		v, depth := t.root, 0
		for keys.Next() {
			if depth++; depth > maxDepth {
				return errDepth
			}
			key := keys.Node()
			if n.Kind == unstable.ArrayTable && keys.IsLast() {
				list, err := t.descend(v, key, kindList)
				if err != nil {
					return err
				}
				item := &value{at: list.at, kind: kindTable}
				if len(list.items) > 0 {
					item.at = t.last
				}
				list.items = append(list.items, item)
				v = item
				break
			}
			var err error
			if v, err = t.descend(v, key, kindTable); err != nil {
				return err
			}
		}
		t.table = v
		return nil
	case unstable.KeyValue:
		return t.keyValue(t.table, n, 0)
	}
	return nil
}

// descend returns the value under a key, made when there is none; of a list
// of tables it returns the last, except where a list is asked for.
func (t *tomlReader) descend(v *value, key *unstable.Node, k kind) (*value, error) {
	t.last = t.lines.at(int(key.Raw.Offset))
	i, known := t.index[v][string(key.Data)]
	if !known {
		child := &value{at: t.last, kind: k}
		return child, t.add(v, string(key.Data), child)
	}
	f := v.fields[i]
	if f.value.kind == kindList && k != kindList && len(f.value.items) > 0 {
		return f.value.items[len(f.value.items)-1], nil
	}
	return f.value, nil
}

// add appends a field whose key is at t.last.
func (t *tomlReader) add(v *value, key string, child *value) error {
	if len(v.fields) == maxKeys {
		return errKeys
	}
	keys := t.index[v]
	if keys == nil {
		keys = make(map[string]int)
		t.index[v] = keys
	}
	keys[key] = len(v.fields)
	v.fields = append(v.fields, field{key: key, at: t.last, value: child})
	return nil
}

func (t *tomlReader) keyValue(v *value, n *unstable.Node, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	keys := n.Key()
	for keys.Next() {
		if depth++; depth > maxDepth {
			return errDepth
		}
		key := keys.Node()
		if !keys.IsLast() {
			var err error
			if v, err = t.descend(v, key, kindTable); err != nil {
				return err
			}
			continue
		}
		t.last = t.lines.at(int(key.Raw.Offset))
		at := t.last
		child, err := t.value(n.Value(), depth)
		if err != nil {
			return err
		}
		t.last = at
		if err := t.add(v, string(key.Data), child); err != nil {
			return err
		}
	}
	return nil
}

func (t *tomlReader) value(n *unstable.Node, depth int) (*value, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	if t.count++; t.count > maxValues {
		return nil, errMany
	}
	v := &value{at: t.last}
	// The parser does not say where an array starts; then the key does.
	if n.Kind != unstable.Array {
		v.at = t.lines.at(int(n.Raw.Offset))
	}
	switch n.Kind {
	case unstable.String:
		v.kind, v.text = kindText, string(n.Data)
	case unstable.Bool:
		v.kind, v.text = kindBool, string(n.Data)
	case unstable.Integer:
		v.kind, v.text = kindInt, string(n.Data)
	case unstable.Float:
		v.kind, v.text = kindFloat, string(n.Data)
	case unstable.Array:
		v.kind = kindList
		items := n.Children()
		for items.Next() {
			item, err := t.value(items.Node(), depth+1)
			if err != nil {
				return nil, err
			}
			v.items = append(v.items, item)
		}
	case unstable.InlineTable:
		v.kind = kindTable
		pairs := n.Children()
		for pairs.Next() {
			if err := t.keyValue(v, pairs.Node(), depth+1); err != nil {
				return nil, err
			}
		}
	default:
		v.kind, v.text = kindOther, string(n.Data)
	}
	return v, nil
}
