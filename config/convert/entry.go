package convert

import (
	"strconv"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/document"
	"github.com/moonkeep/moonkeep/config/schema"
)

// irregular writes the keys whose keyword says more than their value, and
// reports whether it did.
func (w *writer) irregular(n *document.Node, word string) bool {
	switch n.Field.Name {
	case "ChecksumMessage":
		text := word
		if n.Text == "rfc5798" {
			text += " false"
		}
		w.said(n, text)
		return true
	}
	return false
}

// program writes a keyword with a command and the account to run it.
func (w *writer) program(n *document.Node, word string, p config.Program) {
	text := word + " " + command(p.Argv)
	for _, account := range []string{p.User, p.Group} {
		if account != "" {
			text += " " + account
		}
	}
	w.said(n, text)
}

// command renders a program with its arguments as one word of keepalived's
// second tokenizer, which takes a single quoted text apart once more.
func command(argv []string) string {
	inner := make([]string, len(argv))
	for i, a := range argv {
		inner[i] = escaped(a)
	}
	text := strings.Join(inner, " ")
	if len(argv) == 1 && text == argv[0] && !strings.ContainsAny(text, "#!{}$@~") {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// escaped protects what the tokenizer would take for more than a letter.
func escaped(word string) string {
	if word == "" {
		return "''"
	}
	var b strings.Builder
	for i := range len(word) {
		switch c := word[i]; {
		case c == '\n':
			b.WriteString(`\n`)
		case strings.IndexByte(" \t\v\f\r\\\"'", c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// number renders a duration in a unit, as a decimal without the unit.
func number(text, unit string) string {
	d, err := time.ParseDuration(text)
	if err != nil {
		return text
	}
	size := time.Second
	switch unit {
	case "ms":
		size = time.Millisecond
	case "us":
		size = time.Microsecond
	}
	return strconv.FormatFloat(float64(d)/float64(size), 'f', -1, 64)
}

// entry renders the keys of a table on one line, with a blank before each:
// those that stand first without a keyword, then the others.
func (w *writer) entry(n *document.Node) string {
	if n.Kind == document.Text {
		return " " + w.quote(n)
	}
	var first, rest, last string
	for _, c := range n.Nodes {
		text := w.attribute(n, c)
		switch {
		case positional(n, c):
			first += text
		case c.Key == "nexthops":
			last += text
		default:
			rest += text
		}
		if len(c.Above) > 0 || c.Behind != "" {
			w.found.Add(c.At, config.Warning, "not-carried", "a comment within one line has no place of its own: %q", strings.Join(append(c.Above, c.Behind), " "))
		}
	}
	return first + rest + last
}

// positional reports whether a key of an entry is its first word rather than
// one behind a keyword.
func positional(entry, c *document.Node) bool {
	switch entry.Value.Interface().(type) {
	case config.Track, config.HMACKey, config.SMTPServer, config.FIFO, config.ExtraIF, config.Linkbeat,
		config.InterfaceDelay, config.InitFile, config.VMAC, config.AddressVMAC, config.IPVLAN, config.SyncDaemon:
		return c.Field.Required
	}
	return c.Field.Words == nil
}

// attribute renders one key of an entry.
func (w *writer) attribute(entry, c *document.Node) string {
	if text, ok := w.oddAttribute(entry, c); ok {
		return text
	}
	word := c.Field.Spelling()
	if positional(entry, c) {
		word = ""
	}
	if word != "" {
		word = " " + word
	}
	switch c.Field.Kind {
	case schema.KindBool:
		if c.Text != "true" {
			return ""
		}
		return word
	case schema.KindBlock:
		return word + w.entry(c)
	case schema.KindBlocks:
		text := ""
		for _, item := range c.Nodes {
			text += word + w.entry(item)
		}
		return text
	case schema.KindDuration:
		return word + " " + number(c.Text, c.Field.Unit)
	case schema.KindScalar:
		if c.Text == "" {
			return ""
		}
		return word + " " + c.Text
	}
	return word + " " + w.quote(c)
}

// oddAttribute renders the keys of entries that are not written KEYWORD VALUE.
func (w *writer) oddAttribute(entry, c *document.Node) (string, bool) {
	value := " " + c.Text
	switch v := entry.Value.Interface().(type) {
	case config.Track:
		if c.Key == "reverse" {
			if !v.Reverse {
				return " noreverse", true
			}
			return " reverse", true
		}
	case config.Route:
		switch c.Key {
		case "to":
			return "", v.Type != "" && v.Type != "unicast" // attributed by type
		case "type":
			return value + " " + v.Destination.String(), v.Type != "unicast"
		case "family", "mode":
			return value, true
		}
	case config.Rule:
		switch c.Key {
		case "family":
			return value, true
		case "type":
			return value, true
		}
	case config.GroupEntry:
		switch c.Key {
		case "last":
			return "-" + c.Text, true
		}
	}
	return "", false
}
