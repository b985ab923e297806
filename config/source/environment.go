package source

import (
	"errors"
	"fmt"
	"strings"
)

// maxExpanded bounds what the environment adds to a configuration, in bytes.
const maxExpanded = 4 << 20

// expand replaces references to the environment in the texts of a tree:
// ${NAME}, ${NAME:-DEFAULT} for a name that is not set or empty, and $$ for a
// dollar. Any other dollar stands for itself. Keys are left alone.
func (r *reader) expand(v *value, getenv func(string) (string, bool)) {
	if v.kind == kindText && strings.Contains(v.text, "$") {
		r.expandText(v, getenv)
	}
	for _, item := range v.items {
		r.expand(item, getenv)
	}
	for i := range v.fields {
		r.expand(v.fields[i].value, getenv)
	}
}

func (r *reader) expandText(v *value, getenv func(string) (string, bool)) {
	text, from, err := expansion(v.text, getenv)
	switch {
	case err != nil:
		name := "bad-reference"
		if errors.Is(err, errUnset) {
			name = "unset-variable"
		}
		r.error(v.at, name, "%v", err)
		r.unread[v.at] = true
		return
	}
	if from {
		v.reference = printable(v.text)
		v.loose = strings.HasPrefix(v.text, "${") && strings.IndexByte(v.text, '}') == len(v.text)-1
		if r.expanded += len(text); r.expanded > maxExpanded {
			r.error(v.at, "too-large", "the environment adds more than %d MiB to the configuration", maxExpanded>>20)
			return
		}
		r.hidden[text] = v.reference
	}
	v.text = text
}

var errUnset = errors.New("is not set in the environment")

// expansion returns a text with its references replaced, and whether anything
// came from the environment or a default.
func expansion(s string, getenv func(string) (string, bool)) (text string, from bool, err error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), from, nil
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			s = rest[1:]
			continue
		case !strings.HasPrefix(rest, "{"):
			b.WriteByte('$')
			s = rest
			continue
		}
		inner, after, closed := strings.Cut(rest[1:], "}")
		name, otherwise, hasDefault := strings.Cut(inner, ":-")
		if !closed || !isVariable(name) {
			return "", false, errors.New("${ must begin ${NAME} or ${NAME:-DEFAULT}; write $$ for a dollar")
		}
		value, set := "", false
		if getenv != nil {
			value, set = getenv(name)
		}
		switch {
		case hasDefault && value == "":
			value = otherwise
		case !set:
			return "", false, fmt.Errorf("%s %w: set it, or write ${%s:-DEFAULT}", name, errUnset, name)
		}
		b.WriteString(value)
		from, s = true, after
	}
}

func isVariable(name string) bool {
	for i, c := range name {
		letter := c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
