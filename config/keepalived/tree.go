package keepalived

import "github.com/moonkeep/moonkeep/config"

// none is the index of no statement.
const none int32 = -1

// statement is one line of words, with the body in braces that follows it, if
// any. Statements live in one list and refer to each other by index.
type statement struct {
	// words are the line's; words[0] is the keyword. There is at least one,
	// unless the statement is a brace that follows nothing.
	words []token
	// open and close are the braces of the body, if hasBody.
	open, close pos
	hasBody     bool
	// glued says that no blank stands before the brace.
	glued bool
	// oneLine says that the line shares its physical line with the brace
	// that opens the body around it.
	oneLine bool
	// child is the first statement of the body, next the one after this.
	child, next int32
}

// at is where the statement begins.
func (s *statement) at() pos {
	if len(s.words) > 0 {
		return s.words[0].at
	}
	return s.open
}

// tree cuts a configuration into statements. It holds one statement of the top
// level at a time, with all that is in its braces: a file may have half a
// million, and nobody looks back at them. It knows no keywords: a body belongs
// to the line of words before its brace, on whatever line the brace stands.
type tree struct {
	lexer      lexer
	statements paged[statement]
	words      arena
	// line is the present line, as far as it was scanned. ahead is the word that
	// begins the next statement of the top level, if isAhead.
	line    []token
	ahead   token
	isAhead bool
	// parents are the statements whose bodies are open, openLine the lines of
	// their braces; last is the last statement at each level.
	parents  []int32
	openLine []int
	last     []int32
	// read and readWords count the statements and words of all the text.
	read, readWords int
	// held says that no statement is let go any more, ended that all was read.
	held, ended bool
	// surplus are closing braces that close nothing; missing are the
	// statements whose body is not closed at the end, which are known only when
	// all was read: see whole.
	surplus []pos
	missing []int32
	// unchanged are the blocks that were read before; same is what the statement of
	// the top level was read as, if it is one of them. scratch is for sums.
	unchanged unchanged
	same      *config.VirtualServer
	scratch   []byte
	// saidBefore and secretsBefore are how much was said, and how many secrets there
	// were, before the statement of the top level.
	saidBefore, secretsBefore int
	// secrets are the words that no message may repeat; keyword tells those that
	// are none.
	secrets []string
	keyword func(word string) bool
}

// The bounds of a configuration, several times those of the largest that are known
// (37,000 servers are 10 MiB in 500,000 lines), so that no text exhausts the
// memory.
const (
	mostBytes      = 64 << 20
	mostStatements = 2_000_000
	mostWords      = 8_000_000
)

func newTree(f *feed, earlier *config.Config, keyword func(word string) bool) *tree {
	return &tree{lexer: lexer{feed: f, out: f.out}, last: []int32{none}, unchanged: newUnchanged(earlier), keyword: keyword}
}

// quiet reports whether there was nothing to say of the statement of the top level,
// and no secret in it. Behind so many secrets that no more are noted nobody knows.
func (t *tree) quiet() bool {
	return t.lexer.out.said == t.saidBefore && len(t.secrets) == t.secretsBefore && len(t.secrets) < mostSecrets
}

func (t *tree) at(i int32) *statement { return t.statements.at(int(i)) }

// chain yields the statements of a body in order, from its first.
func (t *tree) chain(first int32) func(yield func(*statement) bool) {
	return func(yield func(*statement) bool) {
		for i := first; i != none; i = t.at(i).next {
			if !yield(t.at(i)) {
				return
			}
		}
	}
}

// isBlock reports whether a statement is the block called name.
func (t *tree) isBlock(i int32, name string) bool {
	words := t.at(i).words
	return len(words) > 0 && words[0].text == name
}

// after returns the statement of the top level behind i, or the first one behind
// none, and none at the end. Those before it are gone, unless hold was called.
func (t *tree) after(i int32) int32 {
	if i != none && t.at(i).next != none {
		return t.at(i).next
	}
	return t.advance()
}

// size is how many statements the one of the top level consists of, or less if
// others are held.
func (t *tree) size() int {
	if t.held {
		return 1
	}
	return t.statements.len()
}

// hold keeps all statements from now on.
func (t *tree) hold() { t.held = true }

// whole reads all that is left, and keeps it.
func (t *tree) whole() {
	t.hold()
	for t.advance() != none {
	}
}

// advance reads the next statement of the top level with what is in its braces.
func (t *tree) advance() int32 {
	if t.ended {
		return none
	}
	if !t.held {
		t.statements.clear()
		t.words.clear()
		t.last[0] = none
	}
	t.same, t.saidBefore, t.secretsBefore = nil, t.lexer.out.said, len(t.secrets)
	first := int32(t.statements.len())
	for !t.take(t.scan(), first) {
	}
	t.findSecrets(first)
	if int(first) == t.statements.len() {
		return none
	}
	return first
}

// scan returns the next token.
func (t *tree) scan() token {
	if t.isAhead {
		t.isAhead = false
		return t.ahead
	}
	tok := t.lexer.scan()
	if t.read == mostStatements || t.readWords >= mostWords {
		t.lexer.out.error(tok.at, "file-too-large", "the file has more than %d lines or %d words; what follows is not read", mostStatements, mostWords)
		tok.kind, t.parents = tokenEnd, t.parents[:0]
	}
	return tok
}

// take adds a token to the statement of the top level that begins with first,
// and reports whether that ends with it.
func (t *tree) take(tok token, first int32) (whole bool) {
	if tok.kind == tokenWord {
		if len(t.parents) == 0 && len(t.line) == 0 && t.statements.len() > int(first) {
			// No brace has followed the line before.
			t.ahead, t.isAhead = tok, true
			return true
		}
		if len(t.parents) == 0 && len(t.line) == 0 && len(t.unchanged) > 0 && !t.held && tok.text == serviceBlock && t.skip(tok) {
			return true
		}
		t.line = append(t.line, tok)
		t.readWords++
		return false
	}
	t.endLine()
	switch tok.kind {
	case tokenOpen:
		i := t.last[len(t.parents)]
		if i == none || t.at(i).hasBody {
			i = t.begin(statement{})
		}
		s := t.at(i)
		s.hasBody, s.open, s.close, s.glued = true, tok.at, tok.at, tok.glued
		t.parents, t.last, t.openLine = append(t.parents, i), append(t.last, none), append(t.openLine, t.lexer.number)
	case tokenClose:
		n := len(t.parents) - 1
		if n < 0 {
			t.surplus = append(t.surplus, tok.at)
			return false
		}
		t.at(t.parents[n]).close = tok.at
		t.parents, t.last, t.openLine = t.parents[:n], t.last[:n+1], t.openLine[:n]
		return n == 0
	case tokenEnd:
		for _, i := range t.parents {
			t.at(i).close = t.lexer.feed.src.end()
		}
		t.missing, t.ended = t.parents, true
		return true
	}
	return false
}

// endLine makes a statement of the words of the present line, if it has any.
func (t *tree) endLine() {
	if len(t.line) == 0 {
		return
	}
	words := t.words.keep(t.line)
	t.line = t.line[:0]
	n := len(t.parents)
	if words[0].text == includeCheck && n > 0 && t.isBlock(t.parents[n-1], "global_defs") {
		// It counts for the lines that follow.
		t.lexer.feed.check(words)
	}
	t.begin(statement{words: words, oneLine: n > 0 && t.lexer.number == t.openLine[n-1]})
}

// begin adds a statement at the present level.
func (t *tree) begin(s statement) int32 {
	i := int32(t.statements.len())
	s.child, s.next = none, none
	t.statements.add(s)
	t.read++
	depth := len(t.parents)
	switch {
	case t.last[depth] != none:
		t.at(t.last[depth]).next = i
	case depth > 0:
		t.at(t.parents[depth-1]).child = i
	}
	t.last[depth] = i
	return i
}
