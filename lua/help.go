package lua

import (
	"fmt"
	"slices"
	"strings"
)

// Help says what a module has ("http"), a function ("http.get") or a client
// ("client.redis"), in lines for a terminal; without a topic it lists all. It reports
// false when there is no such thing.
func Help(topic string) (string, bool) {
	var b strings.Builder
	if topic == "" {
		for _, m := range modules() {
			first, _, _ := strings.Cut(m.Doc, ". ")
			fmt.Fprintf(&b, "%-8s %s\n", m.Name, strings.TrimSuffix(first, "."))
		}
		fmt.Fprintf(&b, "\nand, with require: %s\n", strings.Join(clientNames(), ", "))
		b.WriteString("\nhelp MODULE, help MODULE.FUNCTION and help client.NAME say more\n")
		return b.String(), true
	}
	if client := clientPrefix + topic; slices.Contains(clientNames(), client) && !builtin(topic) {
		topic = client
	}
	if slices.Contains(clientNames(), topic) {
		text, err := clients.ReadFile(strings.ReplaceAll(topic, ".", "/") + ".lua")
		for line := range strings.Lines(string(text)) {
			comment, ok := strings.CutPrefix(line, "--")
			if !ok {
				break
			}
			b.WriteString(strings.TrimPrefix(comment, " "))
		}
		return b.String(), err == nil
	}
	name, function, one := strings.Cut(topic, ".")
	if !slices.Contains(moduleNames(), name) {
		return "", false
	}
	m := moduleNamed(name)
	if one {
		i := slices.IndexFunc(m.Functions, func(f Function) bool { return f.Name == function })
		if i < 0 {
			return "", false
		}
		m.Functions[i].help(&b, name)
		return b.String(), true
	}
	fmt.Fprintf(&b, "%s\n\n", m.Doc)
	for _, f := range m.Functions {
		fmt.Fprintf(&b, "%s\n    %s\n", f.Signature(name), f.Doc)
	}
	for _, c := range m.Constants {
		fmt.Fprintf(&b, "%s.%s: %s\n    %s\n", name, c.Name, c.Type, c.Doc)
	}
	return b.String(), true
}

// help writes all that there is to know of a function.
func (f Function) help(b *strings.Builder, owner string) {
	fmt.Fprintf(b, "%s\n    %s\n", f.Signature(owner), f.Doc)
	line := func(v Value, name string) {
		if v.Unit != "" {
			name += ", in " + v.Unit
		}
		fmt.Fprintf(b, "    %s: %s\n", name, v.Doc)
	}
	for _, p := range f.Params {
		line(p, p.String())
	}
	if len(f.Options) > 0 {
		b.WriteString("  options\n")
		for _, o := range f.Options {
			line(o, o.String())
		}
	}
	for _, r := range f.Returns {
		line(r, "returns "+r.Type)
	}
	if f.Fails {
		fmt.Fprintf(b, "    or nil and why not: %s\n", f.None)
	}
	if f.Raises != "" {
		fmt.Fprintf(b, "    raises an error when %s\n", f.Raises)
	}
	if f.Grant != "" {
		fmt.Fprintf(b, "    needs the grant %s\n", f.Grant)
	}
}
