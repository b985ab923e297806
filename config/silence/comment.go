package silence

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/comment"
)

// The parts of a comment: moonkeep: allow NAME, NAME: a remark.
var (
	ours = pattern(`^[#! \t]*moonkeep:[ \t]*`)
	verb = pattern(`^(allow|allow-file)[ \t]+`)
	name = pattern(`^[^\s,:]+`)
)

// pattern compiles an expression when it is first used: most configurations allow
// nothing.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// comments returns what the comments of a text allow, and what is wrong with
// comments that begin as ours do.
func comments(t Text) ([]*allow, config.Findings) {
	if !bytes.Contains(t.Data, []byte("moonkeep:")) {
		return nil, nil // as most files, and the largest
	}
	start := comment.Start(t.File)
	if start == nil {
		return nil, nil
	}
	var all, waiting []*allow
	var bad config.Findings
	number, begun := 0, false
	for line := range strings.SplitSeq(string(t.Data), "\n") {
		number++
		at := start(line)
		text := ""
		if at < len(line) {
			text = line[at:]
		}
		if strings.Trim(line[:at], " \t\r\ufeff") != "" {
			// More than a comment: this is the line that those above are for.
			begun = true
			for _, a := range waiting {
				a.line = number
			}
			waiting = nil
		}
		if !ours().MatchString(text) {
			continue
		}
		place := func(offset int) config.Position {
			return config.NewPosition(t.File, number, utf8.RuneCountInString(line[:at+offset])+1)
		}
		found, file, why := directive(text)
		switch {
		case why != "":
			bad.Add(place(0), config.Warning, "bad-allow", "%s; write: moonkeep: allow NAME, or above all else: moonkeep: allow-file NAME", why)
		case file && begun:
			bad.Add(place(0), config.Warning, "bad-allow", "allow-file counts above all else in the file only; move it there, or write allow")
		}
		if why != "" || file && begun {
			continue
		}
		for _, n := range found {
			a := &allow{name: text[n[0]:n[1]], at: place(n[0]), line: number}
			all = append(all, a)
			switch {
			case file:
				a.line = 0
			case strings.TrimSpace(line[:at]) == "":
				waiting = append(waiting, a)
			}
		}
	}
	return all, bad
}

// directive takes a comment of ours apart: where its names stand, and whether
// they are for the whole file. why says what is wrong with it.
func directive(text string) (names [][2]int, file bool, why string) {
	at := len(ours().FindString(text))
	word := verb().FindString(text[at:])
	if word == "" {
		return nil, false, "the comment says moonkeep: and not what"
	}
	at += len(word)
	for {
		n := len(name().FindString(text[at:]))
		if n == 0 {
			return nil, false, "the comment allows no name"
		}
		names = append(names, [2]int{at, at + n})
		at += n
		rest := strings.TrimLeft(text[at:], " \t\r")
		switch {
		case rest == "" || rest[0] == ':':
			return names, strings.HasPrefix(word, "allow-file"), ""
		case rest[0] != ',':
			return nil, false, "names are separated by commas, and a colon begins a remark"
		}
		at = len(text) - len(strings.TrimLeft(rest[1:], " \t"))
	}
}
