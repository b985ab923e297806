package keepalived

import (
	"fmt"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// slashes are the words that begin with // as comments of other languages do: one
// finding for all of them says what they are here.
type slashes struct {
	// first is the first one without a brace behind it, and more counts the others.
	first place
	more  int
	// begins says where in the text of its file it stands on a line: of mostSlashes lines
	// at most, and of the last one.
	begins   map[config.Position]int
	last     config.Position
	lastFrom int
}

// mostSlashes bounds slashes.begins: a line beyond may be counted more than once.
const mostSlashes = 1000

// comment returns where the word stands that an author of a mistake of this name at p takes
// for the begin of a comment, if p is there or behind it in a list of names. A value may
// begin with // as well.
func (p place) comment(name string) (begin place, is bool) {
	listed := false
	switch name {
	case "one-line-block", "given-twice", "unknown-script", "unknown-track-file", "unknown-bfd", "unknown-process", "unknown-instance":
		listed = true
	}
	text := p.file.text
	if !strings.HasPrefix(text[p.off:], "//") {
		return p.slashed(listed)
	}
	before := strings.TrimRight(text[max(0, p.off-lineLimit):p.off], " \t\r\v\f")
	if before == "" || strings.IndexByte("\n{}", before[len(before)-1]) >= 0 {
		return p, true // it is the first one of its line or block
	}
	return p, blank(text[p.off-1]) && (listed || name == "unknown-keyword" || name == "unknown-option" || name == "surplus-words")
}

// slashed looks for the begin of a comment before p on its line, if it may be there.
func (p place) slashed(may bool) (begin place, is bool) {
	from := max(0, p.off-lineLimit)
	from += 1 + strings.LastIndexByte(p.file.text[from:p.off], '\n')
	inside := false
	for line, i := p.file.text[from:p.off], 0; may && i+1 < len(line); i++ {
		switch {
		case line[i] == '"':
			inside = !inside
		case !inside && line[i] == '/' && line[i+1] == '/' && (i == 0 || blank(line[i-1]) || line[i-1] == '{' || line[i-1] == '}'):
			p.off = from + i
			return p, true
		}
	}
	return p, false
}

// takes notes a mistake in such a word or behind it on its line, and reports whether it
// is one.
func (s *slashes) takes(r *report, at place, name string) bool {
	if at.of != nil {
		return false
	}
	line := at.file.part.At(at.file.line(at.off), 0)
	from, known := s.begins[line]
	if line == s.last {
		from, known = s.lastFrom, true
	}
	if known && at.off >= from {
		return true
	}
	at, is := at.comment(name)
	if !is {
		return false
	}
	if s.begins == nil {
		s.begins = map[config.Position]int{}
	}
	s.last, s.lastFrom = line, at.off
	if len(s.begins) < mostSlashes {
		s.begins[line] = at.off
	}
	rest, _, _ := strings.Cut(at.file.text[at.off:min(len(at.file.text), at.off+lineLimit)], "\n")
	switch rest = uncomment(rest); {
	case strings.ContainsAny(rest, "{}"):
		words := append(strings.Fields(strings.TrimLeft(rest, "/")), "")
		braces := strings.Map(func(c rune) rune {
			if c == '{' || c == '}' {
				return c
			}
			return -1
		}, rest)
		// They are in the text, by which a reload knows what it loses from what it has lost.
		r.putAt(at.position(), config.Warning, true, "slash-comment",
			"// begins no comment in keepalived.conf: the brace %s behind // %s counts, as by keepalived; write # or !", braces, printable(words[0]))
	case s.first.file == nil:
		s.first = at
	default:
		s.more++
	}
	return true
}

// tell reports them. What an author takes for a comment is not lost.
func (s *slashes) tell(r *report) {
	if s.first.file == nil {
		return
	}
	also := ""
	switch {
	case s.more == 1:
		also = ", here and on another line"
	case s.more > 0:
		also = fmt.Sprintf(", here and on %d more lines", s.more)
	}
	r.putAt(s.first.position(), config.Warning, false, "slash-comment",
		"// begins no comment in keepalived.conf: its words are ignored, as by keepalived; write # or !%s", aside(also))
}
