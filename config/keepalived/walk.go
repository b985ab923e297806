package keepalived

import (
	"reflect"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// reader is one reading: where the walk is and what it has gathered.
type reader struct {
	src      *source
	out      *report
	tree     *tree
	language language
	schema   *schema.Schema
	// cfg is what the bound rows write into.
	cfg config.Config
	// frames are the structs that are being read, the configuration first.
	frames []frame
	// keys are those that the frames have written so far, chunk is where they
	// are kept.
	keys  []config.Key
	chunk config.Keys
	// counted is where the walk last looked for a position.
	counted cursor
	// part is the block that is being read and may be taken over later, below so many
	// lines; nil outside of them.
	part  *config.Part
	above int
	// values are the last ones of fields.
	values map[*schema.Field]string
	// row is that of the statement whose handler runs, ended that of the block
	// whose finish does.
	row, ended *keyword
	// seen are the keywords of the blocks that are being read.
	seen []seenKeyword
	// told are the blocks and keywords of which was said that nothing comes
	// of them.
	told map[string]bool

	// enclosing are the blocks around the present one, the file first.
	enclosing []*block
	// hoisted are blocks of the top level that were met inside another.
	hoisted []int32
	// cut says that a missing closing brace has been reported.
	cut bool

	// closed is the brace that ended the last block of the top level.
	closed    pos
	scripts   []*script
	instances []*instance
	groups    []*group
	// These find them by name.
	instanceNamed map[string]*instance
	groupNamed    map[string]*group
	// trackers are the scripts, files, processes and BFD sessions by the
	// keyword that defines them and their name, trackerNames their names in
	// order.
	trackers     map[string]map[string]*tracker
	trackerNames map[string][]string
	// inst is the instance whose block is being read, tracking the lines of
	// the trackers of it or of a group, members those of a group.
	inst     *instance
	tracking tracks
	members  []token
	// meant collects the keywords that an error has been said of, so that what
	// follows from their absence is not said as well: nothing runs. Of what is
	// left out with a warning it is said. It is made when there is one.
	meant map[string]bool
	// skipped are the names of the blocks that were left out, and where.
	skipped map[string]config.Position
	// ignored is set when nothing has become of the statement just read.
	ignored bool
	// damaged is set when the block being read is not whole.
	damaged bool
	// own counts the blocks around that keepalived has no word for.
	own int
	// budget bounds what is made of the file.
	budget budget
}

// newReader makes the reader of a configuration. The text is that of the first
// file, at path; the others are read behind it.
func newReader(path, text string, others []string, files Files, opts Options) *reader {
	src := newSource(newFile(path, text))
	out := newReport(src)
	f := newFeed(src, out, files, opts)
	f.start(others)
	s := schema.New()
	r := &reader{
		src: src, out: out, tree: newTree(f, opts.Earlier, tables().knows), language: tables(), schema: s,
		skipped: map[string]config.Position{}, told: map[string]bool{},
		instanceNamed: map[string]*instance{}, groupNamed: map[string]*group{},
		trackers: map[string]map[string]*tracker{}, trackerNames: map[string][]string{},
		values: map[*schema.Field]string{},
	}
	s.SetDefaults(&r.cfg)
	r.push(reflect.ValueOf(&r.cfg).Elem(), s.Root(), reflect.Value{})
	return r
}

// seenKeyword is a keyword that the block being read has had, and where.
type seenKeyword struct {
	row *keyword
	at  pos
}

// mean notes that an error has been said of a keyword.
func (r *reader) mean(keyword string) {
	if r.meant == nil {
		r.meant = map[string]bool{}
	}
	r.meant[keyword] = true
}

// walkFile reads all statements of the file.
func (r *reader) walkFile() {
	root := r.language[""]
	r.walk(root, r.tree.after(none))
	r.enclosing = append(r.enclosing, root)
	for i := 0; i < len(r.hoisted); i++ {
		s := r.tree.at(r.hoisted[i])
		r.one(root, root.find(s.words[0].text), s)
	}
	// keepalived runs on with any braces. Of a file that may have been cut off
	// within a block nobody can say what belongs to it.
	if n := len(r.tree.missing); n > 0 && !r.cut {
		severity := config.Error
		if n == 1 {
			severity = config.Warning
		}
		s := r.tree.at(r.tree.missing[n-1])
		r.out.add(s.open, severity, "missing-brace", "this { is never closed: %d } missing at the end of the file", n)
	}
	if n := len(r.tree.surplus); n > 0 && !r.cut {
		r.out.warn(r.tree.surplus[0], "surplus-brace", "this } closes nothing: the file has %d } too many", n)
	}
}

// walk reads a chain of statements as keywords of b. It returns the statement
// at which a block around it goes on because a closing brace is missing, or
// none.
func (r *reader) walk(b *block, first int32) int32 {
	r.enclosing = append(r.enclosing, b)
	defer func() { r.enclosing = r.enclosing[:len(r.enclosing)-1] }()
	begin := len(r.seen)
	defer func() { r.seen = r.seen[:begin] }()
	if r.inst != nil && b.name == "vrrp_instance" {
		r.inst.said = nil
	}
	for i := first; i != none; {
		rest, over := r.statement(b, i, begin)
		switch {
		case over:
			return rest
		case rest != none:
			// A closing brace is missing in the body: it goes on here.
			i = rest
		case len(r.enclosing) == 1:
			i = r.tree.after(i)
		default:
			i = r.tree.at(i).next
		}
	}
	return none
}

// statement reads one statement of a block, whose keywords begin in seen at begin.
// The results are the statement at which the block goes on, none if that is the
// next one, and whether the block is over, of which rest is the walk's result.
func (r *reader) statement(b *block, i int32, begin int) (rest int32, over bool) {
	s := r.tree.at(i)
	if len(r.enclosing) == 1 {
		r.chunk = nil
	}
	k := r.keywordOf(b, &s)
	if k == nil {
		if r.outer(s) {
			return i, true
		}
		r.unknown(b, s, i)
		return none, false
	}
	if v := r.tree.same; v != nil && len(r.enclosing) == 1 {
		r.budget.blocks += int(v.At.Part().Text().Blocks) - 1 // affords counts one
	}
	if !r.affords(k, s) {
		return none, true
	}
	if r.again(k, s, begin) {
		return none, false
	}
	if r.inst != nil && b.name == "vrrp_instance" {
		r.inst.says(k, s.at())
	}
	r.ignored = true
	if len(r.enclosing) == 1 && k.body == serviceBlock {
		rest = r.service(b, k, s)
	} else {
		rest = r.one(b, k, s)
	}
	if k.first && r.ignored {
		// The first that can be read is the first.
		r.seen = r.seen[:len(r.seen)-1]
	}
	if rest == none && s.hasBody && len(r.enclosing) == 1 {
		r.closed = s.close
	}
	return rest, false
}

// again reports a keyword that the block has had before, and whether this one is
// not to be read. The block's keywords begin in seen at begin.
func (r *reader) again(k *keyword, s *statement, begin int) (skip bool) {
	if k.repeats {
		return false
	}
	for i := begin; i < len(r.seen); i++ {
		if before := &r.seen[i]; before.row == k {
			if k.first {
				r.out.warn(s.at(), "given-twice", "%s was given before, on %s: the first one counts, as in keepalived", k.name, r.src.line(before.at, s.at()))
				return true
			}
			r.out.warn(s.at(), "given-twice", "%s was given before, on %s: the last one counts", k.name, r.src.line(before.at, s.at()))
			before.at = s.at()
			return false
		}
	}
	r.seen = append(r.seen, seenKeyword{k, s.at()})
	return false
}

// keywordOf finds the row of a statement. A word that has grown together with
// the name behind it is taken apart; *s is then a copy.
func (r *reader) keywordOf(b *block, s **statement) *keyword {
	st := *s
	if len(st.words) == 0 {
		return nil
	}
	word := st.words[0]
	if k := b.find(word.text); k != nil {
		return k
	}
	if !st.hasBody || word.quoted || len(st.words) > 1 {
		return nil
	}
	var k *keyword
	for i := range b.keywords {
		c := &b.keywords[i]
		if c.named && strings.HasPrefix(word.text, c.name) && (k == nil || len(c.name) > len(k.name)) {
			k = c
		}
	}
	if k == nil {
		return nil
	}
	name := strings.TrimPrefix(word.text[len(k.name):], "_")
	if name == "" || r.outer(st) {
		return nil
	}
	at := word.at + pos(len(word.text)-len(name))
	r.out.warn(word.at, "missing-blank", "%s: a blank is missing; this is read as %s %s {", quoted(word.text), k.name, printable(name))
	split := *st
	split.glued = false
	split.words = []token{{kind: tokenWord, text: k.name, at: word.at}, {kind: tokenWord, text: name, at: at}}
	*s = &split
	return k
}

// one reads one statement of a known keyword. Its result is as walk's.
func (r *reader) one(b *block, k *keyword, s *statement) int32 {
	word := s.words[0]
	if len(s.words) > 1 && s.words[1].glued {
		r.out.warn(word.at, "missing-blank", "a blank is missing behind %s; it is read as if it stood there", k.name)
	} else if s.hasBody && s.glued && k.braces() {
		r.out.warn(word.at, "missing-blank", "a blank is missing before the { of %s; it is read as if it stood there", k.name)
	}
	switch k.status {
	case warns:
		r.idle(b, k, s)
	case refuses:
		r.out.warn(word.at, "not-built", "%s is not built yet%s; moonkeep run refuses to start with it", described(k, s), k.note)
	}
	return r.act(b, k, s)
}

// idle says that nothing comes of a keyword, once in a file for each keyword,
// and once for all blocks of which the same is to be said.
func (r *reader) idle(b *block, k *keyword, s *statement) {
	what := b.name + "/" + k.name
	if k.bound != nil && k.braces() {
		what = k.note
	}
	if k.bound != nil && r.told[what] {
		r.out.said++ // for others it would have been said here
		return
	}
	r.told[what] = true
	r.out.warn(s.at(), "not-acted-on", "%s is not acted on%s", described(k, s), k.note)
}

// act reads one statement of a keyword that acts: its arguments, then its
// body.
func (r *reader) act(b *block, k *keyword, s *statement) int32 {
	if n := len(s.words) - 1; n < k.min {
		say := func() {
			r.damaged = true
			r.out.error(s.at(), "missing-argument", "%s takes %s, and there is none", k.name, arguments(k))
		}
		if withoutValue(b, k) {
			r.gently(lineIgnored, say)
		} else {
			r.mean(k.name)
			say()
		}
		if !s.hasBody {
			return none
		}
	} else if k.max >= 0 && n > k.max {
		r.extra(b, k, s)
	}
	switch {
	case s.hasBody && !k.braces():
		r.out.warn(s.open, "unexpected-brace", "no { is expected behind %s; what is in these braces is ignored", k.name)
	case !s.hasBody && k.braces():
		r.damaged = true
		r.out.error(s.at(), "missing-brace", "%s takes a { and a } around what belongs to it", k.name)
		return none
	}
	if k.bound != nil {
		return r.actBound(k, s)
	}
	if k.handle != nil && (len(s.words) > k.min || k.braces()) {
		k.handle(r, s)
	}
	rest := r.inside(k, s)
	if k.finish != nil {
		k.finish(r, s)
	}
	return rest
}

// inside reads what is in the braces of a keyword, if it takes any.
func (r *reader) inside(k *keyword, s *statement) int32 {
	switch {
	case k.body != "":
		return r.walk(r.language[k.body], s.child)
	case k.line != nil:
		return r.lines(k, s)
	}
	return none
}

// lines calls the keyword's line handler for each line of a body.
func (r *reader) lines(k *keyword, s *statement) int32 {
	for i := s.child; i != none; {
		l := r.tree.at(i)
		if r.outer(l) {
			return i
		}
		if l.hasBody {
			r.out.warn(l.open, "unexpected-brace", "no { is expected in %s; what is in these braces is ignored", k.name)
		}
		if !r.affords(nil, l) {
			return none
		}
		if len(l.words) > 0 {
			errors := r.out.errors()
			r.gentlyIf(k, lineIgnored, func() { r.line(k, l) })
			if r.out.errors() > errors {
				r.mean(k.name)
			}
		}
		i = l.next
	}
	return none
}

// outer reports whether s continues a block around the present one because a
// closing brace before it is missing, and says so the first time. It is
// asked only about words that the present block does not know.
func (r *reader) outer(s *statement) bool {
	if len(s.words) == 0 {
		return false
	}
	for _, b := range r.enclosing {
		k := b.find(s.words[0].text)
		if k == nil || k.braces() != s.hasBody {
			continue
		}
		if r.tree.whole(); len(r.tree.missing) == 0 {
			return false
		}
		if !r.cut {
			r.cut = true
			r.out.error(s.at(), "missing-brace", "a } is missing before %s, which belongs in %s", k.name, b.title)
		}
		r.damaged = true
		return true
	}
	return false
}

// extra reports words that nobody reads.
func (r *reader) extra(b *block, k *keyword, s *statement) {
	for _, w := range s.words[1+k.max:] {
		if s.oneLine && b.find(w.text) != nil {
			r.out.lose(w.at, "one-line-block",
				"between two braces on one line only the first keyword is read, by keepalived too: %s is lost; give each keyword a line of its own", w.text)
			return
		}
	}
	w := s.words[1+k.max]
	if k.max == 0 {
		r.out.warn(w.at, "surplus-words", "%s takes nothing behind it; the rest of the line is ignored", k.name)
		return
	}
	r.out.warn(w.at, "surplus-words", "%s takes %s; the rest of the line is ignored", k.name, arguments(k))
}

// unknown reports a word that the block does not know, once, and leaves its
// body alone.
func (r *reader) unknown(b *block, s *statement, index int32) {
	if len(s.words) == 0 {
		r.damaged = true
		r.out.error(s.open, "stray-brace", "this { follows no keyword; what is in the braces is ignored")
		return
	}
	root := r.enclosing[0]
	word := s.words[0]
	if b != root && s.hasBody && root.find(word.text) != nil {
		r.tree.hold()
		r.hoisted = append(r.hoisted, index)
		meant := ""
		if word.text == "plugin" && b.find("PLUGIN_CHECK") != nil {
			meant = "; a check by a plugin is a PLUGIN_CHECK"
		}
		r.out.warn(word.at, "wrong-block", "%s belongs at the top level of the file, not %s; it is read as if it stood there%s", word.text, b.place(), meant)
		return
	}
	if b == root {
		r.tree.whole() // to know of a brace behind it
	}
	if b == root && len(r.tree.surplus) > 0 {
		// The rest of a block that a surplus brace has ended early.
		if !r.cut && r.language.homes(word.text) != nil {
			r.cut = true
			r.out.error(r.closed, "surplus-brace", "this } ends its block before %s on %s: the file has %d } too many", word.text, r.src.line(word.at, r.closed), len(r.tree.surplus))
			for _, i := range r.instances {
				i.damaged = true
			}
		}
		if r.cut {
			return
		}
	}
	if r.out.full(config.Warning, "unknown-keyword") {
		r.out.warn(word.at, "unknown-keyword", "")
		return
	}
	r.explain(b, s)
}
