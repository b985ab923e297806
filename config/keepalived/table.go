package keepalived

import (
	"maps"
	"slices"
	"sync"

	"github.com/moonkeep/moonkeep/config/schema"
)

// status is what moonkeep does about a keyword.
type status uint8

const (
	// acts: it is read into the configuration and has its effect.
	acts status = iota
	// warns: it is read, nothing comes of it yet, and a warning says so.
	warns
	// refuses: it is read, and to run without it would be wrong: a warning
	// says so, and moonkeep run does not start.
	refuses
)

// handler takes a statement's words into the configuration being read. The
// walker has checked their number.
type handler func(*reader, *statement)

// keyword is one row of the table: a word allowed in a block, and what
// becomes of it.
//
// Most rows are made from the tags of the configuration's types: see binder.
// To add a keyword, add a field; to make one act, take the tag idle or unbuilt
// off its field. An irregular one has a row of its own in special: give the
// number of its arguments, and its handler; for a body in braces the handler
// of its lines (line); and a valid and an invalid value in keyword_test.go, which
// fails for such a row without them.
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
	// first says that of several in one block the first counts.
	first bool
	// tail says that the numbers behind it may have something behind their
	// digits, which does not count, exact that they may not. See exactNumbers.
	tail, exact bool
	// command says that the first argument is a program to run. Its quotes
	// are not those of other words, so that its handler counts the words.
	command bool
	// vital says that a mistake in it is an error: see gentlyIf.
	vital bool
	// note ends the message of warns and refuses: what follows from it.
	note string
	// bound is the field that the row was made of; nil for a row that was
	// written by hand.
	bound *binding
	// as makes a special row an old spelling of another one of its block.
	as string
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

// tables returns the language, which is the same for all and is not changed. It
// is computed at the first call, which takes some milliseconds.
func tables() language { return compute() }

// compute remembers what follows from the schema alone.
var compute = sync.OnceValue(languageOf)

// languageOf builds the tables from the configuration's schema.
func languageOf() language {
	l := language{}
	s := schema.New()
	b := &binder{
		schema: s, language: l, special: specials(), names: map[*schema.Block]string{},
		exact: exactNumbers(), first: firstCounts(),
	}
	l.add("", b.rows("", s.Root()))
	l.add("global_defs", append(l["global_defs"].keywords, includeCheckRow()))
	for _, secret := range []string{"SSL", "authentication", "auth_hmac"} {
		l[secret].secret = true
	}
	return l
}

// specials are the rows of all irregular keywords, by BLOCK/KEYWORD.
func specials() map[string]keyword {
	all := specialVRRP()
	maps.Copy(all, specialLVS())
	return all
}

// add makes a block of rows.
func (l language) add(name string, keywords []keyword) {
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

// knows reports whether word is a keyword of any block.
func (l language) knows(word string) bool {
	for _, b := range l {
		if b.find(word) != nil {
			return true
		}
	}
	return false
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
