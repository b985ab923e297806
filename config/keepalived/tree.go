package keepalived

// none is the index of no statement.
const none int32 = -1

// statement is one line of words, with the body in braces that follows it, if
// any. Statements live in one slice and refer to each other by index: a file
// may have half a million.
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

// tree is a whole file.
type tree struct {
	statements []statement
	first      int32
	// surplus are closing braces that close nothing; missing are the
	// statements whose body is not closed at the end.
	surplus []pos
	missing []int32
}

// chain yields the statements of a body in order, from its first.
func (t *tree) chain(first int32) func(yield func(*statement) bool) {
	return func(yield func(*statement) bool) {
		for i := first; i != none; i = t.statements[i].next {
			if !yield(&t.statements[i]) {
				return
			}
		}
	}
}

// isBlock reports whether a statement is the block called name.
func (t *tree) isBlock(i int32, name string) bool {
	words := t.statements[i].words
	return len(words) > 0 && words[0].text == name
}

// The bounds of a configuration, several times those of the largest that are known
// (37,000 servers are 10 MiB in 500,000 lines), so that no text exhausts the
// memory.
const (
	mostBytes      = 64 << 20
	mostStatements = 2_000_000
	mostWords      = 8_000_000
)

// wordBlock is how many words are made room for at once.
const wordBlock = 4_096

// parse builds the tree of a configuration. It knows no keywords: a body belongs to
// the line of words before its brace, on whatever line the brace stands.
func parse(f *feed, out *report) *tree {
	l := &lexer{feed: f, out: out}
	// As a rule a brace that closes has a line of its own, which is no statement.
	size := min(max(f.src.main.lines-f.src.main.closing, 0)+1, mostStatements)
	t := &tree{first: none, statements: make([]statement, 0, size)}
	// The words of statements lie in blocks, so that none is copied when
	// there are many; words counts those of the blocks before.
	arena := make([]token, 0, min(2*size+16, wordBlock))
	words := 0
	// parents are the statements whose bodies are open, last the last
	// statement at each level.
	var parents []int32
	last := []int32{none}
	var openLine []int

	begin := func(s statement) int32 {
		i := int32(len(t.statements))
		s.child, s.next = none, none
		t.statements = append(t.statements, s)
		depth := len(parents)
		switch {
		case last[depth] != none:
			t.statements[last[depth]].next = i
		case depth > 0:
			t.statements[parents[depth-1]].child = i
		default:
			t.first = i
		}
		last[depth] = i
		return i
	}
	from := 0
	flush := func() {
		if len(arena) == from {
			return
		}
		line := arena[from:len(arena):len(arena)]
		if line[0].text == includeCheck && len(parents) > 0 && t.isBlock(parents[len(parents)-1], "global_defs") {
			// It counts for the lines that follow.
			f.check(line)
		}
		oneLine := len(openLine) > 0 && l.number == openLine[len(openLine)-1]
		begin(statement{words: line, oneLine: oneLine})
		from = len(arena)
	}
	for {
		tok := l.scan()
		if len(t.statements) == mostStatements || words+len(arena) >= mostWords {
			out.error(tok.at, "file-too-large", "the file has more than %d lines or %d words; what follows is not read", mostStatements, mostWords)
			tok.kind, parents = tokenEnd, parents[:0]
		}
		switch tok.kind {
		case tokenWord:
			if len(arena) == cap(arena) {
				words += from
				arena = append(make([]token, 0, max(wordBlock, 2*(len(arena)-from))), arena[from:]...)
				from = 0
			}
			arena = append(arena, tok)
		case tokenLine:
			flush()
		case tokenOpen:
			flush()
			i := last[len(parents)]
			if i == none || t.statements[i].hasBody {
				i = begin(statement{})
			}
			s := &t.statements[i]
			s.hasBody, s.open, s.close, s.glued = true, tok.at, tok.at, tok.glued
			parents = append(parents, i)
			last = append(last, none)
			openLine = append(openLine, l.number)
		case tokenClose:
			flush()
			if len(parents) == 0 {
				t.surplus = append(t.surplus, tok.at)
				continue
			}
			t.statements[parents[len(parents)-1]].close = tok.at
			parents, last, openLine = parents[:len(parents)-1], last[:len(last)-1], openLine[:len(openLine)-1]
		case tokenEnd:
			flush()
			for _, i := range parents {
				t.statements[i].close = f.src.end()
			}
			t.missing = parents
			return t
		}
	}
}
