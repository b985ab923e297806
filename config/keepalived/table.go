package keepalived

import (
	"slices"
)

// status is what moonkeep does about a keyword.
type status uint8

const (
	// acts: it is read into the configuration and has its effect.
	acts status = iota
	// warns: it is known, nothing comes of it yet, and a warning says so.
	warns
	// refuses: it is known, and to run without it would be wrong; an error.
	refuses
)

// handler takes a statement's words into the configuration being read. The
// walker has checked their number.
type handler func(*reader, *statement)

// keyword is one row of the table: a word allowed in a block, and what
// becomes of it.
//
// To add a keyword, or to make one act: find the block's function in
// table_vrrp.go, table_global.go or table_lvs.go; add a row, or move the word
// out of a warned or refused list into a row with a handler (setters.go has
// the common ones: integer, seconds, boolean, flag). Give the number of its
// arguments; for a body in braces name the block of its keywords (body) or
// the handler of its lines (line). Then add a valid and an invalid value to
// keyword_test.go, which fails for a row without them.
type keyword struct {
	name   string
	status status
	// min and max bound the number of arguments; max -1 is any number.
	// Arguments beyond max are not read, with a warning; too few are an
	// error.
	min, max int
	// handle is called before the body; nil when there is nothing to do.
	handle handler
	// body names the block whose keywords the braces hold, line is called
	// for each line in them instead. A keyword with neither takes no braces.
	body string
	line handler
	// finish is called after the body.
	finish handler
	// named says that the first argument is a name that the author chose.
	named bool
	// repeats says that the keyword may be given again in one block.
	repeats bool
	// command says that the first argument is a program to run. Its quotes
	// are not those of other words, so that its handler counts the words.
	command bool
	// mandatory says that nothing can run without it: to misspell it is an
	// error.
	mandatory bool
	// note ends the message of warns and refuses: what follows from it.
	note string
}

// braces reports whether the keyword takes a body.
func (k *keyword) braces() bool { return k.body != "" || k.line != nil }

// block is the set of keywords allowed in one kind of braces.
type block struct {
	name string
	// title is the block's name in messages.
	title    string
	keywords []keyword
	index    map[string]int
	// names are the keywords' in order.
	names []string
	// secret says that a stray word in it may be a password.
	secret bool
}

// place says where something in the block stands.
func (b *block) place() string {
	if b.name == "" {
		return "at " + b.title
	}
	return "in " + b.title
}

// find returns the row of a word, or nil.
func (b *block) find(word string) *keyword {
	if i, ok := b.index[word]; ok {
		return &b.keywords[i]
	}
	return nil
}

// language is every block by name; "" is the file itself.
type language map[string]*block

// newLanguage builds the tables.
func newLanguage() language {
	l := language{}
	add := func(name string, keywords []keyword) {
		b := &block{name: name, title: name, keywords: keywords}
		if name == "" {
			b.title = "the top level of the file"
		}
		b.index = make(map[string]int, len(b.keywords))
		for i := range b.keywords {
			b.index[b.keywords[i].name] = i
			b.names = append(b.names, b.keywords[i].name)
		}
		l[name] = b
	}
	add("", joined(rootKeywords(), rootKeywordsLVS()))
	add("global_defs", globalKeywords())
	add("vrrp_script", scriptKeywords())
	add("vrrp_instance", instanceKeywords())
	add("authentication", authenticationKeywords())
	l["authentication"].secret = true
	add("vrrp_sync_group", groupKeywords())
	for name, words := range lvsBlocks() {
		add(name, words)
	}
	l["TLS-url"].title = "url"
	return l
}

// homes returns the titles of the blocks that know word, at most three.
func (l language) homes(word string) []string {
	var names []string
	for _, b := range l {
		if b.find(word) != nil {
			names = append(names, b.title)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), 3)]
}

// warned makes rows that are known and not acted on yet.
func warned(note string, names ...string) []keyword { return rows(warns, note, names) }

// refused makes rows without which it would be wrong to run.
func refused(note string, names ...string) []keyword { return rows(refuses, note, names) }

func rows(s status, note string, names []string) []keyword {
	ks := make([]keyword, len(names))
	for i, name := range names {
		ks[i] = keyword{name: name, status: s, max: -1, note: note, repeats: true}
	}
	return ks
}

// joined puts rows together.
func joined(lists ...[]keyword) []keyword { return slices.Concat(lists...) }

// withLines gives rows a body whose lines are not read.
func withLines(ks []keyword) []keyword {
	for i := range ks {
		ks[i].line = skipLine
	}
	return ks
}

// skipLine reads a line of a body that is not acted on.
func skipLine(*reader, *statement) {}
