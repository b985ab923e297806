package keepalived

import "strings"

// blankBytes are what separates words.
const blankBytes = " \t\r\v\f"

// line is one line of the configuration on its way to the lexer: without its
// comment and the blanks around it, perhaps expanded.
type line struct {
	text string
	file *file
	// off is where text stands in the file, if runs is nil; start is where
	// the line does.
	off, start int
	// runs say where each part of an expanded line was written.
	runs []run
	// rest are the further lines of a definition; nil if the line does not
	// end in a backslash.
	rest []part
	// uses are the definitions that parts of text have come from, loops the
	// repetitions that the line is in.
	uses  []use
	loops *loop
	// whole is the line in the file that this one has come from.
	whole extent
	// tagged says that the line began with an @NAME that held.
	tagged bool
	muted  bool
}

// use is a part of a line that a reference was replaced by. It ends tail
// bytes before the end of the line, which no replacement before that changes.
type use struct {
	name string
	tail int
}

// place returns where byte i of the line was written.
func (l line) place(i int) place { return placed(l.file, l.off, l.runs, l.loops, l.muted, i) }

// exact makes the line say in detail where it was written.
func (l line) exact() line {
	if l.runs == nil {
		l.runs = []run{{off: l.off}}
	}
	return l
}

// cut returns the line without its first n bytes and the blanks behind them.
func (l line) cut(n int) line {
	n += blanks(l.text[n:])
	l = l.exact()
	runs := make([]run, 0, len(l.runs))
	for k, r := range l.runs {
		if k+1 < len(l.runs) && l.runs[k+1].at <= n {
			continue
		}
		if r.at < n && r.of == nil {
			r.off += n - r.at
		}
		r.at = max(r.at-n, 0)
		runs = append(runs, r)
	}
	l.runs = runs
	l.text = l.text[n:]
	return l
}

// head returns the first n bytes of the line without the blanks behind them.
func (l line) head(n int) line {
	text := strings.TrimRight(l.text[:n], blankBytes)
	uses := make([]use, len(l.uses))
	for i, u := range l.uses {
		uses[i] = use{u.name, max(0, u.tail-(len(l.text)-len(text)))}
	}
	l.text, l.uses = text, uses
	return l
}

// replace puts a text that stands for a reference to d in the place of the
// bytes from one index up to another. It changes the line's runs, which must
// be its own.
func (l line) replace(from, to int, text string, d *definition) line {
	at, behind := l.place(from), l.place(to)
	if at.of != nil {
		// It stands for the reference that the author wrote.
		d = at.of
	}
	k := len(l.runs)
	for k > 0 && l.runs[k-1].at >= from {
		k--
	}
	var tail []run
	for _, r := range l.runs[k:] {
		if r.at > to {
			r.at += len(text) - (to - from)
			tail = append(tail, r)
		}
	}
	runs := l.runs[:k]
	if text != "" {
		runs = append(runs, run{at: from, off: at.off, of: d})
	}
	l.runs = append(append(runs, run{at: from + len(text), off: behind.off, of: behind.of}), tail...)
	l.text = l.text[:from] + text + l.text[to:]
	return l
}

// within returns the uses that byte i of the line lies in.
func (l line) within(i int) []use {
	uses := make([]use, 0, len(l.uses)+1)
	for _, u := range l.uses {
		if i < len(l.text)-u.tail {
			uses = append(uses, u)
		}
	}
	return uses
}
