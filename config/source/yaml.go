package source

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/moonkeep/moonkeep/config"
)

// yamlTree reads YAML. A nil tree means that there is none; why is in found.
func yamlTree(file string, data []byte, found *config.Findings) *value {
	// The parser makes its whole tree before anybody can count.
	if marks(data) > maxMarks {
		found.Add(config.NewPosition(file, 1, 1), config.Error, "too-large",
			"more than %d marks between values ( , : - [ { and ends of lines): a configuration has fewer", maxMarks)
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			found.Add(config.NewPosition(file, 1, 1), config.Error, "empty-file", "%s", emptyText)
		} else {
			addYAMLError(file, err, found)
		}
		return nil
	}
	y := yamlReader{file: config.NewPart(file), found: found, aliases: bytes.IndexByte(data, '*') >= 0}
	var second yaml.Node
	switch err := decoder.Decode(&second); {
	case err == nil:
		y.error(&second, "syntax", "a second document starts here: put the configuration into one document, without the line ---")
		return nil
	case !errors.Is(err, io.EOF):
		addYAMLError(file, err, found)
		return nil
	}
	root := y.value(document.Content[0], 0)
	switch {
	case y.stopped:
		return nil
	case root.kind == kindNull:
		found.Add(config.NewPosition(file, 1, 1), config.Error, "empty-file", "%s", emptyText)
		return nil
	}
	return root
}

// maxMarks bounds the number of nodes that the parser makes.
const maxMarks = 600_000

// marks counts the bytes that may stand between two values of YAML.
func marks(data []byte) int {
	n := 0
	for _, c := range data {
		switch c {
		case ',', ':', '-', '[', '{', '\n', '?':
			n++
		}
	}
	return n
}

const emptyText = "the file is empty: it needs at least vrrp_instances"

// yamlLine finds the line that the parser puts into its messages.
var yamlLine = regexp.MustCompile(`^line (\d+): `)

func addYAMLError(file string, err error, found *config.Findings) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	at := config.NewPosition(file, 1, 1)
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		if n, convErr := strconv.Atoi(m[1]); convErr == nil {
			at = config.NewPosition(file, max(n, 1), 1)
		}
		text = text[len(m[0]):]
	}
	if strings.HasPrefix(text, "unknown anchor ") {
		// The name is most likely no name but a password.
		text = "an alias names no anchor: a text that begins with * must stand in quotes"
	}
	found.Add(at, config.Error, "syntax", "this is not YAML: %s", printable(text))
}

// yamlReader turns the parser's nodes into values.
type yamlReader struct {
	file  *config.Part
	found *config.Findings
	// count bounds the tree: an alias counts as often as it is used.
	count   int
	stopped bool
	// aliases says that the text may have some.
	aliases bool
}

func (y *yamlReader) at(n *yaml.Node) config.Position {
	return y.file.At(max(n.Line, 1), max(n.Column, 1))
}

func (y *yamlReader) error(n *yaml.Node, name, format string, args ...any) {
	y.found.Add(y.at(n), config.Error, name, format, args...)
	y.stopped = true
}

// value returns the value of n. After an error it returns something that
// nobody uses.
func (y *yamlReader) value(n *yaml.Node, depth int) *value {
	v := &value{at: y.at(n), kind: kindOther, text: n.Value}
	if y.stopped {
		return v
	}
	if y.count++; y.count > maxValues {
		y.error(n, "too-large", "more than %d values, aliases counted as often as they are used", maxValues)
		return v
	}
	if depth > maxDepth {
		y.error(n, "too-deep", "nested more than %d deep (an alias within its own anchor counts as endless)", maxDepth)
		return v
	}
	switch n.Kind {
	case yaml.AliasNode:
		v = y.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		v.kind = kindList
		v.items = make([]*value, 0, len(n.Content))
		for i, c := range n.Content {
			v.items = append(v.items, y.value(c, depth+1))
			y.release(n, i)
		}
	case yaml.MappingNode:
		v.kind = kindTable
		y.fields(v, n, depth)
	case yaml.ScalarNode:
		v.kind = yamlScalar(n.ShortTag())
	}
	return v
}

// release gives nodes back whose values were made, so that a large file is
// not held twice. With aliases they may be needed again.
func (y *yamlReader) release(n *yaml.Node, at ...int) {
	for _, i := range at {
		if !y.aliases {
			n.Content[i] = nil
		}
	}
}

func (y *yamlReader) fields(v *value, n *yaml.Node, depth int) {
	// A small table is looked through, which is cheaper than a map for each.
	var seen map[string]int
	if len(n.Content) > 32 {
		seen = make(map[string]int, len(n.Content)/2)
	}
	v.fields = make([]field, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content) && !y.stopped; i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			y.error(key, "wrong-type", "a key must be a word")
			return
		}
		if key.ShortTag() == "!!merge" {
			y.error(key, "merge-key", "the merge key << is not read: write the keys out, or use an alias for a whole value")
			return
		}
		line, twice := seen[key.Value]
		if seen == nil {
			if first := v.get(key.Value); first != nil {
				line, twice = first.at.Line(), true
			}
		}
		if twice {
			y.found.Add(y.at(key), config.Error, "duplicate-key", "%s is given twice, first in line %d", quoted(key.Value), line)
			continue
		}
		if seen != nil {
			seen[key.Value] = key.Line
		}
		v.fields = append(v.fields, field{key: key.Value, at: y.at(key), value: y.value(n.Content[i+1], depth+1)})
		y.release(n, i, i+1)
	}
}

func yamlScalar(tag string) kind {
	switch tag {
	case "!!str":
		return kindText
	case "!!int":
		return kindInt
	case "!!float":
		return kindFloat
	case "!!bool":
		return kindBool
	case "!!null":
		return kindNull
	}
	return kindOther
}
