package keepalived

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// includeCheck is the keyword of global_defs that sets them.
const includeCheck = "include_check"

// checks are what makes a problem with an include an error;
// without, keepalived runs on, and so does this, with a warning.
type checks struct {
	// read: a file that matches cannot be read. match: there is no file of
	// that name. wildcard: no file matches a pattern. brace: an alternative
	// in braces is no file.
	read, match, wildcard, brace bool
}

// includeWord returns the word that a line begins with if it is include or
// one of its variants.
func includeWord(text string) (string, bool) {
	const word = "include"
	if !strings.HasPrefix(text, word) {
		return "", false
	}
	n := len(word)
	if n < len(text) && strings.IndexByte("rmwba", text[n]) >= 0 {
		n++
	}
	return text[:n], n == len(text) || blank(text[n])
}

// with returns the checks together with those that the word adds.
func (c checks) with(word string) checks {
	switch word[len(word)-1] {
	case 'r':
		c.read = true
	case 'm':
		c.read, c.match = true, true
	case 'w':
		c.read, c.match, c.wildcard = true, true, true
	case 'b':
		c.read, c.brace = true, true
	case 'a':
		c = checks{true, true, true, true}
	}
	return c
}

// set carries an include_check out. It returns the word that is none of its
// options, -1 if there is no such.
func (c *checks) set(words []token) int {
	if len(words) == 0 {
		*c = checks{true, true, true, true}
	}
	for k, w := range words {
		name := strings.TrimLeft(w.text, "+-")
		if k == 0 && name == w.text {
			// A list without signs is the whole setting.
			*c = checks{}
		}
		on := !strings.HasPrefix(w.text, "-")
		switch name {
		case "readable", "read":
			c.read = on
		case "match":
			c.match = on
		case "wildcard_match":
			c.wildcard = on
		case "brace_match":
			c.brace = on
		default:
			return k
		}
		if on {
			c.read = true
		}
	}
	return -1
}

// check carries an include_check out for the file being read.
func (f *feed) check(words []token) {
	if d := f.document(); d != nil {
		// What is wrong with the words is said by the keyword's handler.
		d.checks.set(words[1:])
	}
}

// includeCheck says what is wrong with the words of include_check.
func (r *reader) includeCheck(s *statement) {
	if k := new(checks).set(s.words[1:]); k >= 0 {
		r.out.warn(s.words[1+k].at, "unknown-option",
			"unknown option %s of include_check: it takes readable, match, wildcard_match and brace_match, each with + or - before it; the rest of the line is ignored", quoted(s.words[1+k].text))
	}
}

// include reads the files of an include line: they are
// next, in the order of the pattern.
func (f *feed) include(word string, l line) {
	l = l.cut(len(word))
	at := l.place(0)
	if l.text == "" {
		f.out.say(at, config.Error, "missing-argument", "%s takes the name of a file or a pattern, and there is none", word)
		return
	}
	if f.files.Read == nil || f.files.List == nil {
		f.out.say(at, config.Error, "include-not-possible", "%s %s: this text is read by itself, without other files", word, printable(l.text))
		return
	}
	d := f.document()
	in := &inclusion{word: word, pattern: l.text, inherited: d.checks, checks: d.checks.with(word), at: at}
	names, ok := alternatives(l.text)
	if !ok {
		f.out.say(at, config.Error, "include-pattern", "%s %s: a { without }, or more than %d alternatives", word, printable(l.text), mostAlternatives)
		return
	}
	in.braces = len(names) > 1
	for _, name := range names {
		if !filepath.IsAbs(name) {
			name = d.folder() + "/" + name
		}
		if !isWild(name) {
			in.files = append(in.files, candidate{path: filepath.Clean(literally(name)), literal: true})
			continue
		}
		paths, err := globFiles(f.files, name)
		for _, path := range paths {
			in.files = append(in.files, candidate{path: path})
		}
		if errors.Is(err, fs.ErrNotExist) {
			// It is no mistake yet: the folder may come, as a file in it may.
			s := in.severity(in.checks.brace && in.braces || in.checks.match && !in.braces)
			f.out.put(at, s, false, "include-nothing", "%s %s: its folder is not there, and no file is read from it, as by keepalived", word, printable(l.text))
			in.told = true
		} else if err != nil {
			f.out.say(at, in.severity(in.checks.read || in.checks.wildcard), "include-unreadable", "%s %s: %v", word, printable(l.text), err)
			in.told = true
		}
	}
	if !at.muted && slices.ContainsFunc(names, isWild) {
		f.note(l.text, at, slices.ContainsFunc(in.files, func(c candidate) bool { return !c.literal }))
	}
	if !in.told && !at.muted && len(in.files) == 0 && in.checks.wildcard {
		f.out.say(at, config.Error, "include-nothing", "%s: no file matches %s", word, printable(l.text))
	}
	f.begin(in, at)
}

// note keeps that a pattern was included, and whether a file matched.
func (f *feed) note(pattern string, at place, matched bool) {
	for _, folder := range []string{f.document().folder(), f.opts.WorkDir} {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(folder, pattern)
		}
	}
	pattern = config.Printable(filepath.Clean(pattern))
	if !f.noted[pattern] {
		f.noted[pattern] = true
		f.src.includes = append(f.src.includes, config.Include{At: at.position(), Pattern: pattern, Matched: matched})
	}
}

// inclusion is an include line that is being read: the files that are left.
type inclusion struct {
	word, pattern string
	files         []candidate
	// checks are those of this line, inherited those of the files.
	checks, inherited checks
	braces            bool
	// told says that a problem has been reported.
	told bool
	at   place
}

// candidate is a file to be included. A literal one was named and need not be
// there.
type candidate struct {
	path    string
	literal bool
}

// severity is Error if a check asks for it.
func (in *inclusion) severity(is bool) config.Severity {
	if is {
		return config.Error
	}
	return config.Warning
}

// next opens the next file. Its lines come before the next one is asked for.
func (in *inclusion) next(f *feed) (line, bool) {
	if len(in.files) == 0 {
		return line{}, false
	}
	c := in.files[0]
	in.files = in.files[1:]
	if text := f.load(in, c); text != nil {
		f.open(text, in.inherited, in.at)
	}
	return line{}, true
}

// load returns the file to be opened, or nil after it has said why not.
func (f *feed) load(in *inclusion, c candidate) *file {
	depth := 0
	for _, r := range f.readings {
		d, ok := r.(*document)
		if !ok {
			continue
		}
		if depth++; d.file.name == c.path {
			f.out.say(in.at, config.Error, "include-loop", "%s includes itself, here or in a file between; it is not read again", printable(c.path))
			return nil
		}
	}
	if depth > mostIncluded {
		f.out.say(in.at, config.Error, "include-loop", "files are included within each other more than %d deep: is there a loop?", mostIncluded)
		return nil
	}
	if f.included++; f.included > mostFiles {
		f.stop(in.at, "more than %d files are included", mostFiles)
		return nil
	}
	if text := f.cache[c.path]; text != nil {
		return f.fits(text, in)
	}
	text, err := f.files.Read(c.path)
	switch {
	case err != nil && c.literal && errors.Is(err, fs.ErrNotExist):
		f.out.say(in.at, in.severity(in.checks.brace && in.braces || in.checks.match && !in.braces), "include-nothing",
			"%s %s: there is no file %s%s", in.word, printable(in.pattern), printable(c.path), in.hint())
		return nil
	case err != nil:
		f.out.say(in.at, in.severity(in.checks.read), "include-unreadable", "%s: a file is left out, as by keepalived: %v", in.word, err)
		return nil
	}
	if finding, bad := unreadable(c.path, text); bad {
		f.out.addAt(finding.At, finding.Severity, finding.Name, "%s", finding.Text)
		return nil
	}
	read := newFile(c.path, text)
	f.cache[c.path] = read
	f.src.files = append(f.src.files, read)
	return f.fits(read, in)
}

// fits holds the bound of all that is read, a file as often as it is included.
func (f *feed) fits(text *file, in *inclusion) *file {
	if most := mostBytes + f.most.bytes; int(f.src.next)+len(text.text) > most {
		f.stop(in.at, "the files have more than %d bytes together", most)
		return nil
	}
	return text
}

// hint says what a pattern that names no file may suffer from.
func (in *inclusion) hint() string {
	if strings.ContainsAny(in.pattern, `"'`) {
		return "; quotes are taken for a part of the name, in keepalived too: leave them out"
	}
	if strings.ContainsAny(in.pattern, " \t{}") && !in.braces {
		return "; all that stands behind include is one name"
	}
	return ""
}
