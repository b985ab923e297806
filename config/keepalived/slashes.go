package keepalived

import (
	"fmt"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// slashes are the words that begin with // as comments of other languages do: one
// finding for all of them says what they are here.
type slashes struct {
	first place
	// lines are where they stand: as many as are counted.
	lines map[config.Position]bool
	// braces says that a brace stands behind one of them.
	braces bool
}

// mostSlashes bounds slashes.lines: what is found beyond is said and counted as elsewhere.
const mostSlashes = 1000

// slashed reports whether a place is on such a word or behind one on its line.
func (p place) slashed() bool {
	begin := 1 + strings.LastIndexByte(p.file.text[max(0, p.off-lineLimit):p.off], '\n')
	line := p.file.text[max(0, p.off-lineLimit)+begin:]
	here := p.off - max(0, p.off-lineLimit) - begin
	inside := false
	for i := 0; i <= here && i+1 < len(line); i++ {
		switch {
		case line[i] == '"':
			inside = !inside
		case !inside && line[i] == '/' && line[i+1] == '/' && (i == 0 || blank(line[i-1]) || line[i-1] == '{' || line[i-1] == '}'):
			return true
		}
	}
	return false
}

func (s *slashes) note(at place) {
	if s.first.file == nil {
		s.first, s.lines = at, map[config.Position]bool{}
	}
	line := at.position()
	line.Column = 0
	s.lines[line] = true
	rest, _, _ := strings.Cut(at.file.text[at.off:min(len(at.file.text), at.off+lineLimit)], "\n")
	s.braces = s.braces || strings.ContainsAny(uncomment(rest), "{}")
}

// tell reports them. What an author takes for a comment is not lost, but a block that
// a brace in it opens or closes is another than is meant.
func (s *slashes) tell(r *report) {
	if s.first.file == nil {
		return
	}
	also := ""
	switch more := len(s.lines) - 1; {
	case more >= mostSlashes-1:
		also = fmt.Sprintf(", here and on at least %d more lines", more)
	case more == 1:
		also = ", here and on another line"
	case more > 0:
		also = fmt.Sprintf(", here and on %d more lines", more)
	}
	but := ""
	if s.braces {
		but = ", but braces behind it count"
	}
	r.putAt(s.first.position(), config.Warning, s.braces, "slash-comment",
		"// begins no comment in keepalived.conf: its words are ignored, as by keepalived%s; write # or !%s", but, aside(also))
}
