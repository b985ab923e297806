package source

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/config/document"
)

// writeTOML writes tables under headers of their own, so that comments can
// stand beside every key. Within a table what needs a header comes last, as
// the language wants it.
func writeTOML(doc *document.Node) []byte {
	w := tomlWriter{}
	w.table(doc, "")
	w.comments(doc.Below)
	return w.Bytes()
}

type tomlWriter struct{ bytes.Buffer }

func (w *tomlWriter) comments(lines []string) {
	for _, l := range lines {
		fmt.Fprintf(w, "# %s\n", l)
	}
}

// headed reports whether a value is written under headers: a table, or a list
// of tables only.
func headed(n *document.Node) bool {
	if n.Kind != document.List {
		return n.Kind == document.Table
	}
	for _, c := range n.Nodes {
		if c.Kind != document.Table {
			return false
		}
	}
	return len(n.Nodes) > 0
}

// table writes the keys of a table whose header, if it has one, is written.
func (w *tomlWriter) table(n *document.Node, path string) {
	for _, c := range n.Nodes {
		if !headed(c) {
			w.comments(c.Above)
			w.WriteString(tomlKey(c.Key) + " = ")
			w.value(c)
			switch {
			case c.Hidden:
				w.WriteString(" # " + missing)
			case c.Behind != "":
				w.WriteString(" # " + c.Behind)
			}
			w.WriteByte('\n')
		}
	}
	for _, c := range n.Nodes {
		if !headed(c) {
			continue
		}
		name := strings.TrimPrefix(path+"."+tomlKey(c.Key), ".")
		if c.Kind == document.Table {
			w.header(c, "["+name+"]", nil)
			w.table(c, name)
			continue
		}
		for i, item := range c.Nodes {
			var above []string
			if i == 0 {
				above = c.Above
				if c.Behind != "" {
					above = append(above[:len(above):len(above)], c.Behind)
				}
			}
			w.header(item, "[["+name+"]]", above)
			w.table(item, name)
		}
	}
}

// header begins a table.
func (w *tomlWriter) header(n *document.Node, text string, above []string) {
	if w.Len() > 0 {
		w.WriteByte('\n')
	}
	w.comments(above)
	w.comments(n.Above)
	w.WriteString(text)
	if n.Behind != "" {
		w.WriteString(" # " + n.Behind)
	}
	w.WriteByte('\n')
}

// value writes a value on one line; comments within it, of items, go above
// their item, in an array of several lines.
func (w *tomlWriter) value(n *document.Node) {
	switch {
	case n.Hidden:
		w.WriteString(`""`)
	case n.Kind == document.Literal:
		w.WriteString(n.Text)
	case n.Kind == document.Text:
		w.WriteString(tomlText(literal(n.Text)))
	case n.Kind == document.List:
		w.array(n)
	default:
		w.WriteString("{")
		for i, c := range n.Nodes {
			if i > 0 {
				w.WriteString(",")
			}
			w.WriteString(" " + tomlKey(c.Key) + " = ")
			w.value(c)
		}
		w.WriteString(" }")
	}
}

func (w *tomlWriter) array(n *document.Node) {
	several := false
	for _, c := range n.Nodes {
		several = several || len(c.Above) > 0 || c.Behind != ""
	}
	w.WriteByte('[')
	for i, c := range n.Nodes {
		switch {
		case several:
			w.WriteByte('\n')
			w.comments(c.Above)
			w.WriteString("  ")
		case i > 0:
			w.WriteString(", ")
		}
		w.value(c)
		if several {
			w.WriteByte(',')
			if c.Behind != "" {
				w.WriteString(" # " + c.Behind)
			}
		}
	}
	if several {
		w.WriteByte('\n')
	}
	w.WriteByte(']')
}

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func tomlKey(key string) string {
	if bareKey.MatchString(key) {
		return key
	}
	return tomlText(key)
}

// tomlText is a basic string.
func tomlText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ' || r == 0x7f || r == utf8.RuneError:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
