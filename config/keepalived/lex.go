package keepalived

import (
	"strings"
)

// lineLimit is the length of a line, without its comment, beyond which
// keepalived ignores the line.
const lineLimit = 1024

// kind is what a token is.
type kind uint8

const (
	tokenWord kind = iota
	tokenOpen
	tokenClose
	tokenLine // the end of a line that held words
	tokenEnd
)

// token is one lexical element. Words are slices of the file's text, without
// quotes.
type token struct {
	kind kind
	// quoted says that a word stood in double quotes.
	quoted bool
	// glued says that no blank stands between this token and the word before
	// it on the line.
	glued bool
	// open says that the closing quote is missing, which has been reported.
	open bool
	at   pos
	text string
}

// end is the pos behind the token, its closing quote included.
func (t token) end() pos {
	switch {
	case t.open:
		return t.at + pos(len(t.text)) + 1
	case t.quoted:
		return t.at + pos(len(t.text)) + 2
	}
	return t.at + pos(len(t.text))
}

// lexer cuts a configuration into tokens, line by line (as
// keepalived does). Its words are those of the general tokenizer; the programs of
// script and notify lines are cut again by commandWords, from the raw text.
type lexer struct {
	feed *feed
	out  *report
	// number counts the lines.
	number int
	// line is the rest of the present line, and at where it begins.
	line string
	at   pos
	// words says that the present line has yielded a word since its last
	// end, brace or beginning, touching that the last token was one.
	words    bool
	touching bool
}

// scan returns the next token. At the end it returns tokenEnd for ever.
func (l *lexer) scan() token {
	for {
		if n := blanks(l.line); n > 0 {
			l.touching = false
			l.at += pos(n)
			l.line = l.line[n:]
		}
		if l.line == "" {
			if l.words {
				l.words, l.touching = false, false
				return token{kind: tokenLine, at: l.at}
			}
			if !l.nextLine() {
				return token{kind: tokenEnd, at: l.feed.src.end()}
			}
			continue
		}
		glued := l.touching
		switch l.line[0] {
		case '{', '}':
			k := tokenOpen
			if l.line[0] == '}' {
				k = tokenClose
			}
			if l.words && k == tokenClose {
				// The brace ends the line of words before it; it comes again.
				l.words = false
				return token{kind: tokenLine, at: l.at}
			}
			l.words, l.touching = false, false
			return l.take(k, 0, 1, 1, glued)
		case '"':
			l.words, l.touching = true, true
			n := strings.IndexByte(l.line[1:], '"')
			if n < 0 {
				l.out.error(l.at, "unterminated-quote", `the quote is not closed on this line: keepalived cannot read it; add the closing "`)
				t := l.take(tokenWord, 1, len(l.line), len(l.line), glued)
				t.open = true
				return t
			}
			return l.take(tokenWord, 1, 1+n, 2+n, glued)
		}
		l.words, l.touching = true, true
		n := 1
		for n < len(l.line) && !blank(l.line[n]) && l.line[n] != '"' && l.line[n] != '{' && l.line[n] != '}' {
			n++
		}
		return l.take(tokenWord, 0, n, n, glued)
	}
}

// take cuts size bytes off the line; the token's text is line[from:to].
func (l *lexer) take(k kind, from, to, size int, glued bool) token {
	t := token{kind: k, quoted: from == 1, glued: glued, text: l.line[from:to], at: l.at}
	l.line = l.line[size:]
	l.at += pos(size)
	return t
}

// nextLine takes the next line that has something on it.
func (l *lexer) nextLine() bool {
	text, at, ok := l.feed.next()
	if ok {
		l.number++
		l.line, l.at, l.touching = text, at, false
	}
	return ok
}

// blanks counts the blanks that s begins with.
func blanks(s string) int {
	n := 0
	for n < len(s) && blank(s[n]) {
		n++
	}
	return n
}

// trimmed returns s without the blanks that it ends in.
func trimmed(s string) string {
	for len(s) > 0 && blank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// uncomment cuts a comment off a line: ! or # outside double quotes and not
// behind a backslash.
func uncomment(line string) string {
	if strings.IndexByte(line, '#') < 0 && strings.IndexByte(line, '!') < 0 {
		return line
	}
	inside := false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '"':
			inside = !inside
		case '\\':
			i++
		case '#', '!':
			if !inside {
				return line[:i]
			}
		}
	}
	return line
}

// plain is the text of a word without the backslashes that kept a ! or # from
// beginning a comment. Double quotes do that by themselves: in them a backslash
// is one.
func plain(w token) string {
	if w.quoted || strings.IndexByte(w.text, '\\') < 0 {
		return w.text
	}
	return strings.NewReplacer(`\#`, "#", `\!`, "!").Replace(w.text)
}
