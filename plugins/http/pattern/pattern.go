package pattern

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// Window is how many bytes of a text a pattern sees that needs backtracking.
const Window = 256 << 10

// TimeLimit is how long such a pattern may take.
const TimeLimit = 250 * time.Millisecond

// Options are how a pattern is read and where it may match.
type Options struct {
	// Words are names of PCRE2's compile options, in lower case.
	Words []string
	// Min is the byte at which the search begins, and Max the last one at which
	// a match may begin; a negative Max is none.
	Min, Max int64
}

// headLen is how long a text may be that is matched at once.
const headLen = 4 << 10

// Words are the options that Compile knows.
func Words() []string {
	return []string{
		"allow_empty_class", "alt_bsux", "alt_circumflex", "alt_verbnames", "auto_callout", "caseless",
		"dollar_endonly", "dotall", "dupnames", "extended", "firstline", "match_unset_backref", "multiline",
		"never_backslash_c", "never_ucp", "never_utf", "no_auto_capture", "no_auto_possess", "no_dotstar_anchor",
		"no_start_optimize", "ucp", "ungreedy", "use_offset_limit", "utf",
	}
}

// Pattern is a compiled expression. It may be used by several goroutines.
type Pattern struct {
	linear    *regexp.Regexp
	backtrack *regexp2.Regexp
	utf       bool
	firstLine bool
	min, max  int64
	// heads are the buffers for beginnings of texts.
	heads sync.Pool
}

// Compile translates an expression. Its error says what is not understood, and
// at which byte.
func Compile(expr string, o Options) (*Pattern, error) {
	t := &translator{src: expr}
	for _, word := range o.Words {
		if !slices.Contains(Words(), word) {
			return nil, fmt.Errorf("there is no regex option %q; there are %s", word, strings.Join(Words(), ", "))
		}
		t.option(word)
	}
	if err := t.translate(); err != nil {
		return nil, err
	}
	p := &Pattern{utf: t.utf, firstLine: t.firstLine, min: o.Min, max: o.Max}
	// From the middle of a text what stands before counts.
	if o.Min > 0 && t.looksBack {
		t.backtracks = true
	}
	if !t.backtracks {
		var err error
		if p.linear, err = regexp.Compile(t.linear.String()); err == nil {
			return p, nil
		}
		// Such as a repetition above 1000.
	}
	re, err := regexp2.Compile(t.backtrack.String(), regexp2.None)
	if err != nil {
		return nil, fmt.Errorf("the pattern %q is not understood: %w", expr, err)
	}
	re.MatchTimeout = TimeLimit
	p.backtrack = re
	return p, nil
}

// Backtracks reports whether the pattern sees a window of the text only, and
// may run out of time.
func (p *Pattern) Backtracks() bool { return p.backtrack != nil }

// ErrTime is a pattern that took longer than TimeLimit.
var ErrTime = fmt.Errorf("the pattern took longer than %v", TimeLimit)

// ErrWindow is a text that is longer than what such a pattern sees, without a
// match in what it saw.
var ErrWindow = fmt.Errorf("no match in the first %d bytes, which is all that a pattern with backtracking sees", Window)

// Match reports whether a text matches. It reads on until that is decided,
// which may be before the text ends. Errors are those of the reader, ErrTime
// and ErrWindow.
func (p *Pattern) Match(text io.Reader) (bool, error) {
	if p.backtrack != nil {
		return p.window(text)
	}
	buf, ok := p.heads.Get().(*[headLen]byte)
	if !ok {
		buf = new([headLen]byte)
	}
	defer p.heads.Put(buf)
	head := buf[:0]
	for len(head) < cap(head) {
		n, err := text.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		if err == io.EOF {
			return p.whole(head), nil
		}
		if err != nil {
			return false, err
		}
	}
	r := &source{text: text, buf: head, utf: p.utf, newline: -1}
	if err := r.skip(p.min); err != nil {
		if err == io.EOF { // the text ends before the search begins
			return false, nil
		}
		return false, err
	}
	r.newline = -1 // the first line is that of what is searched
	loc := p.linear.FindReaderIndex(r)
	if r.err != nil && r.err != io.EOF {
		return false, r.err
	}
	return loc != nil && p.place(p.min+int64(loc[0]), r.newline), nil
}

// whole matches a text that is there as a whole.
func (p *Pattern) whole(text []byte) bool {
	if p.min > int64(len(text)) {
		return false
	}
	rest := text[p.min:]
	newline := p.newline(rest)
	var loc []int
	if p.utf || ascii(rest) {
		loc = p.linear.FindIndex(rest)
	} else {
		loc = p.linear.FindReaderIndex(&source{buf: rest, newline: -1})
	}
	return loc != nil && p.place(p.min+int64(loc[0]), newline)
}

// newline is where the first line ends of what is searched, in the whole text; -1: it
// does not.
func (p *Pattern) newline(searched []byte) int64 {
	if i := bytes.IndexByte(searched, '\n'); i >= 0 {
		return p.min + int64(i)
	}
	return -1
}

// place reports whether a match may begin at a byte, when newline says where the first
// line ends.
func (p *Pattern) place(at, newline int64) bool {
	return (p.max < 0 || at <= p.max) && (!p.firstLine || newline < 0 || at <= newline)
}

// window matches with backtracking.
func (p *Pattern) window(text io.Reader) (bool, error) {
	head, err := io.ReadAll(io.LimitReader(text, Window+1))
	if err != nil {
		return false, err
	}
	cut := len(head) > Window
	if cut {
		head = head[:Window]
	}
	if p.min > int64(len(head)) {
		if cut {
			return false, ErrWindow
		}
		return false, nil
	}
	runes := make([]rune, 0, len(head))
	start := -1
	for i := 0; i < len(head); {
		if start < 0 && int64(i) >= p.min {
			start = len(runes)
		}
		r, n := rune(head[i]), 1
		if p.utf {
			r, n = utf8.DecodeRune(head[i:])
		}
		runes = append(runes, r)
		i += n
	}
	if start < 0 {
		start = len(runes)
	}
	m, err := p.backtrack.FindRunesMatchStartingAt(runes, start)
	if err != nil {
		return false, ErrTime
	}
	if m == nil {
		if cut {
			return false, ErrWindow
		}
		return false, nil
	}
	at := int64(m.Index)
	if p.utf {
		at = int64(len(string(runes[:m.Index])))
	}
	return p.place(at, p.newline(head[p.min:])), nil
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// source hands a text to Go's engine rune by rune.
type source struct {
	text io.Reader // nil: buf is all
	buf  []byte
	read int
	// at counts the bytes handed out, with those that were skipped.
	at      int64
	newline int64
	utf     bool
	err     error
	// again are bytes that were read and belong to no rune yet.
	again []byte
}

func (s *source) skip(n int64) error {
	for ; n > 0; n-- {
		if _, err := s.next(); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) next() (byte, error) {
	if len(s.again) > 0 {
		c := s.again[0]
		s.again = s.again[1:]
		return c, nil
	}
	for s.read == len(s.buf) {
		if s.err != nil {
			return 0, s.err
		}
		if s.text == nil {
			s.err = io.EOF
			return 0, s.err
		}
		n, err := s.text.Read(s.buf[:cap(s.buf)])
		s.buf, s.read, s.err = s.buf[:n], 0, err
	}
	c := s.buf[s.read]
	s.read++
	if c == '\n' && s.newline < 0 {
		s.newline = s.at
	}
	s.at++
	return c, nil
}

// ReadRune returns a byte as a rune, or with utf the next rune.
func (s *source) ReadRune() (rune, int, error) {
	c, err := s.next()
	if err != nil || !s.utf || c < utf8.RuneSelf {
		return rune(c), 1, err
	}
	var b [utf8.UTFMax]byte
	b[0] = c
	n := 1
	for n < len(b) && !utf8.FullRune(b[:n]) {
		if c, err = s.next(); err != nil {
			break
		}
		b[n] = c
		n++
	}
	r, size := utf8.DecodeRune(b[:n])
	if n > size {
		s.again = append(append([]byte{}, b[size:n]...), s.again...)
	}
	return r, size, nil
}
