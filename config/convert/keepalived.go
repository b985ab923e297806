package convert

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/document"
	"github.com/moonkeep/moonkeep/config/schema"
)

// writeKeepalived renders a document as keepalived.conf. The reader gives the
// same configuration back, as far as keepalived has words for it: each
// finding (not-carried) names something that it has none for. What is Hidden
// is written as a keyword without a value, which the reader refuses, so that
// a file whose secrets were left out cannot be run by mistake.
func writeKeepalived(doc *document.Node) ([]byte, config.Findings) {
	w := writer{}
	for _, n := range doc.Nodes {
		w.root(n)
	}
	for _, l := range doc.Below {
		w.line("# " + l)
	}
	w.found.Sort()
	return w.Bytes(), w.found
}

// writer collects the text.
type writer struct {
	bytes.Buffer
	depth int
	found config.Findings
	// within says that what is around is moonkeep's own, which was told.
	within bool
}

// line writes one line at the present depth.
func (w *writer) line(text string) {
	w.WriteString(strings.Repeat("    ", w.depth))
	w.WriteString(text)
	w.WriteByte('\n')
}

// said writes a line with the comments of a node.
func (w *writer) said(n *document.Node, text string) {
	w.above(n)
	if n.Behind != "" {
		text += "  # " + n.Behind
	}
	w.line(text)
}

func (w *writer) above(n *document.Node) {
	for _, l := range n.Above {
		w.line("# " + l)
	}
}

// lost reports what cannot be carried.
func (w *writer) lost(n *document.Node, why string) {
	w.above(n)
	w.found.Add(n.At, config.Warning, "not-carried", "%s %s; it is left out", n.Key, why)
}

// root writes one of the parts of the whole.
func (w *writer) root(n *document.Node) {
	if n.Key != "global" {
		w.statement(nil, n, "")
		return
	}
	// Some of the daemon's settings stand at the top level.
	rest := *n
	rest.Nodes = nil
	for _, c := range n.Nodes {
		if c.Field.Root {
			w.statement(n, c, "")
		} else {
			rest.Nodes = append(rest.Nodes, c)
		}
	}
	if len(rest.Nodes) > 0 {
		w.block("global_defs", &rest)
	}
}

// block writes KEYWORD ARGUMENTS { ... }.
func (w *writer) block(head string, n *document.Node, skip ...string) {
	if w.depth == 0 && w.Len() > 0 {
		w.WriteByte('\n')
	}
	w.said(n, head+" {")
	w.depth++
	for _, c := range n.Nodes {
		if !slices.Contains(skip, c.Key) {
			w.statement(n, c, "")
		}
	}
	w.depth--
	w.line("}")
}

// statement writes what a key of a table stands for. Prefix begins the
// keywords of a flat struct.
func (w *writer) statement(table, n *document.Node, prefix string) {
	f := n.Field
	if f.IsFlat {
		w.flat(n)
		return
	}
	word := f.Spelling()
	if absolute, ok := strings.CutPrefix(word, "="); ok {
		word = absolute
	} else if word != "" {
		word = prefix + word
	}
	if n.Hidden {
		w.said(n, word+"  # left out: a secret")
		return
	}
	if w.irregular(table, n, word) {
		return
	}
	if word == "" {
		w.lost(n, "is moonkeep's own and has no keyword")
		return
	}
	if f.Own && !w.within {
		w.found.Add(n.At, config.Warning, "own-keyword", "%s is moonkeep's own: keepalived does not know it, and would run without it%s", word, instead(table, n, prefix))
		if len(n.Nodes) > 0 {
			w.within = true
			defer func() { w.within = false }()
		}
	}
	switch f.Kind {
	case schema.KindBlock:
		if f.Form == "special" {
			w.said(n, word+w.entry(n))
			return
		}
		w.block(word, n)
	case schema.KindBlocks:
		w.blocks(n, word)
	case schema.KindProgram:
		w.program(n, word, n.Value.Interface().(config.Program))
	case schema.KindMap:
		w.lost(n, "is moonkeep's own and has no keyword")
	case schema.KindBool:
		w.boolean(n, word)
	case schema.KindWords, schema.KindInts, schema.KindScalars:
		w.words(n, word)
	case schema.KindDuration:
		w.said(n, word+" "+number(n.Text, f.Unit))
	default:
		w.value(n, word)
	}
}

// flat writes the keys of a struct, or of the items of a list, among those
// of the block around it.
func (w *writer) flat(n *document.Node) {
	w.above(n)
	for _, c := range n.Nodes {
		if n.Kind != document.List {
			w.statement(n, c, n.Field.Flat)
			continue
		}
		for _, inner := range c.Nodes {
			w.statement(c, inner, n.Field.Flat)
		}
	}
}

// blocks writes the items of a list: blocks of their own, or lines.
func (w *writer) blocks(n *document.Node, word string) {
	if n.Field.Form == "lines" {
		w.said(n, word+" {")
		w.depth++
		for _, c := range n.Nodes {
			w.said(c, strings.TrimSpace(w.entry(c)))
		}
		w.depth--
		w.line("}")
		return
	}
	w.above(n)
	for _, c := range n.Nodes {
		if n.Field.Form == "special" {
			w.said(c, word+w.entry(c))
			continue
		}
		argument, keys := w.argument(c)
		w.block(word+argument, c, keys...)
	}
}

// argument returns what stands behind the keyword of a block, and the keys
// that it says.
func (w *writer) argument(n *document.Node) (string, []string) {
	if name := n.Find("name"); name != nil {
		return " " + w.quote(name), []string{"name"}
	}
	switch v := n.Value.Interface().(type) {
	case config.VirtualServer:
		keys := []string{"address", "fwmark", "group"}
		switch {
		case v.Group != "":
			return " group " + w.quote(n.Find("group")), keys
		case v.Fwmark != 0:
			return fmt.Sprintf(" fwmark %d", v.Fwmark), keys
		}
		return " " + endpoint(v.Address), keys
	case config.RealServer:
		return " " + endpoint(v.Address), []string{"address"}
	}
	return "", nil
}

func endpoint(e config.Endpoint) string {
	if e.Port() == 0 {
		return e.Addr().String()
	}
	return fmt.Sprintf("%s %d", e.Addr(), e.Port())
}

func (w *writer) boolean(n *document.Node, word string) {
	switch {
	case n.Text == "true":
		w.said(n, word)
	case n.Field.Form == "bare":
		w.above(n) // keepalived cannot say no
	default:
		w.said(n, word+" false")
	}
}

func (w *writer) words(n *document.Node, word string) {
	if n.Field.Form == "list" {
		w.said(n, word+" {")
		w.depth++
		for _, c := range n.Nodes {
			w.said(c, w.quote(c))
		}
		w.depth--
		w.line("}")
		return
	}
	for _, c := range n.Nodes {
		word += " " + w.quote(c)
	}
	w.said(n, word)
}

// value writes KEYWORD VALUE for a scalar.
func (w *writer) value(n *document.Node, word string) {
	if e, ok := n.Value.Interface().(config.Endpoint); ok {
		w.said(n, word+" "+endpoint(e))
		return
	}
	switch {
	case n.Field.Form == "optional" && n.Text == n.Field.Bare && n.Field.Kind != schema.KindInt:
		w.said(n, word)
	case n.Field.Kind == schema.KindScalar:
		// Its text is several words to keepalived.
		w.said(n, strings.TrimRight(word+" "+n.Text, " "))
	default:
		w.said(n, word+" "+w.quote(n))
	}
}

// quote returns a text as one word, in double quotes when it must be. What no
// quoting can carry is reported.
func (w *writer) quote(n *document.Node) string {
	if strings.ContainsAny(n.Text, "\"\n\r\x00") {
		w.found.Add(n.At, config.Warning, "not-carried", "%s holds a character that keepalived.conf cannot: a quote or the end of a line", n.Key)
	}
	if n.Text == "" || strings.ContainsAny(n.Text, " \t#!{}'$@~\\") {
		return `"` + n.Text + `"`
	}
	return n.Text
}
