package convert

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/document"
	"github.com/moonkeep/moonkeep/config/schema"
)

// irregular writes the keys whose keyword says more than their value, or
// which another keyword says, and reports whether it did.
func (w *writer) irregular(table, n *document.Node, word string) bool {
	sibling := func(key string) string {
		if table != nil {
			if c := table.Find(key); c != nil {
				return c.Text
			}
		}
		return ""
	}
	behind := func(key string) bool {
		text := word + " " + w.quote(n)
		if more := sibling(key); more != "" {
			text += " " + more
		}
		w.said(n, text)
		return true
	}
	switch key := n.Key; {
	case n.Field.Name == "ChecksumMessage":
		if n.Text == "rfc5798" {
			word += " false"
		}
		w.said(n, word)
	case key == "weight" && n.Field.Form == "special":
		text := word + " " + n.Text
		switch sibling("reverse") {
		case "true":
			text += " reverse"
		case "false":
			text += " noreverse"
		}
		w.said(n, text)
	case key == "user" && word != "":
		return behind("group")
	case key == "script_user":
		return behind("script_group")
	case key == "plugin_user":
		return behind("plugin_group")
	case key == "reverse" && word == "" && sibling("weight") != "",
		key == "group" && word == "" && sibling("user") != "",
		key == "script_group" && sibling("script_user") != "",
		key == "plugin_group" && sibling("plugin_user") != "",
		key == "notify_deleted_program" && sibling("notify_deleted") != "":
		w.above(n) // said by the other
	case key == "notify_deleted":
		if p := table.Find("notify_deleted_program"); p != nil {
			w.program(n, word, p.Value.Interface().(config.Program))
			return true
		}
		return false
	case key == "script" && n.Field.Kind == schema.KindWords:
		w.program(n, word, config.Program{Argv: n.Value.Interface().([]string)})
	case key == "http_protocol" && n.Text == "1.1C":
		w.found.Add(n.At, config.Warning, "own-keyword", "%s 1.1C is moonkeep's own: keepalived would take 1.0; write 1.1, which is the same", word)
		return false
	case key == "regex" && n.Field.Kind == schema.KindText:
		w.said(n, word+" "+pattern(n.Text))
	case key == "lua" && n.Field.Kind == schema.KindText:
		l := config.Lua{Path: n.Text}
		if a := table.Find("allow"); a != nil {
			l.Allow = a.Value.Interface().([]string)
		}
		if a := table.Find("args"); a != nil {
			l.Args = a.Value.Interface().(config.Args)
		}
		w.lua(n, "script", &l)
	case (key == "allow" || key == "args") && word == "" && sibling("lua") != "":
		w.above(n) // said by lua
	case key == "lua" && n.Field.Kind == schema.KindBlock:
		l := n.Value.Interface().(config.Lua)
		w.lua(n, "notify", &l)
	case n.Field.Kind == schema.KindMap && word != "":
		w.above(n)
		for _, c := range n.Nodes {
			name, value := *c, *c
			name.Text = c.Key
			if args, ok := n.Value.Interface().(config.Args); ok {
				value.Text = config.ArgWord(args[c.Key])
			}
			w.said(c, word+" "+w.quote(&name)+" "+w.quote(&value))
		}
	case key == "entries" && n.Field.Form == "lines" && word == "":
		w.above(n)
		for _, c := range n.Nodes {
			w.said(c, strings.TrimSpace(w.entry(c)))
		}
	default:
		return false
	}
	return true
}

// program writes a keyword with a command and the account to run it.
func (w *writer) program(n *document.Node, word string, p config.Program) {
	if l := p.File(); l != nil {
		w.lua(n, word, l)
		return
	}
	text := word + " " + command(p.Argv)
	for _, account := range []string{p.User, p.Group} {
		if account != "" {
			text += " " + account
		}
	}
	w.said(n, text)
}

// lua writes a keyword with a Lua file in place of a command. The command's
// words are its arguments; one that is called allow cannot be told from the
// grants.
func (w *writer) lua(n *document.Node, word string, l *config.Lua) {
	argv := []string{"lua:" + l.Path}
	for _, name := range slices.Sorted(maps.Keys(l.Args)) {
		if name == "allow" || name == "" || strings.Contains(name, "=") {
			w.lost(n, fmt.Sprintf("has the argument %q, which a line of keepalived.conf cannot name", name))
			return
		}
		argv = append(argv, name+"="+config.ArgWord(l.Args[name]))
	}
	if len(l.Allow) > 0 {
		argv = append(argv, "allow="+strings.Join(l.Allow, ","))
	}
	if !n.Field.Own {
		w.found.Add(n.At, config.Warning, "own-keyword", "%s \"lua:...\" is moonkeep's own: keepalived would look for a program of that name", word)
	}
	w.said(n, word+" "+command(argv))
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
	d, err := schema.ParseDuration(text)
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
		lift(c, n)
	}
	return first + rest + last
}

// lift moves the comments of a part of a line, which has no place for them, to the line.
func lift(part, line *document.Node) {
	line.Above = append(line.Above, part.Above...)
	switch {
	case line.Behind == "":
		line.Behind = part.Behind
	case part.Behind != "":
		line.Above = append(line.Above, part.Behind)
	}
	part.Above, part.Behind = nil, ""
}

// positional reports whether a key of an entry is a word by its place rather
// than one behind a keyword.
func positional(entry, c *document.Node) bool {
	keyed := func(keys ...string) bool { return slices.Contains(keys, c.Key) }
	switch entry.Value.Interface().(type) {
	case config.Track, config.SyncDaemon:
		return c.Field.Required
	case config.HMACKey, config.SMTPServer, config.FIFO, config.Linkbeat, config.InterfaceDelay:
		return true
	case config.ExtraIF:
		return !keyed("all")
	case config.InitFile:
		return !keyed("overwrite")
	case config.VMAC, config.IPVLAN, config.AddressVMAC:
		return !keyed("group", "netlink_notify_msg")
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
			lift(item, c)
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
	case config.Address:
		if c.Key == "preferred_lft" {
			// keepalived takes seconds without a unit.
			return " preferred_lft " + strings.TrimSuffix(c.Text, "s"), true
		}
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
	case config.ExtraIF:
		if c.Key == "interval" && v.All {
			return " all " + number(c.Text, c.Field.Unit), true
		}
		return "", c.Key == "all"
	case config.GroupEntry:
		switch c.Key {
		case "last":
			return "-" + c.Text, true
		case "port":
			if v.Port == 0 {
				return "", true
			}
		case "fwmark":
			return " fwmark" + value, true
		}
	}
	return "", false
}

// pattern writes a regular expression as its tokenizer takes it: a backslash is
// two. A quote is written by its number, since it would end the word before
// that tokenizer sees it.
func pattern(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\x22`, "\n", `\n`).Replace(text) + `"`
}
