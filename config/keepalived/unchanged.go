package keepalived

import (
	"crypto/sha256"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// A configuration of tens of thousands of real servers is read again for a few
// changes. A virtual_server that stands in its file letter by letter as it did, and
// of which there is nothing to say, is taken from the configuration that was read
// before, and not even cut into words: its real servers and their checks are the
// same in both, in the same memory. Its positions are in a part of the file of its
// own, which moves when lines above it come or go.

// serviceBlock is the block of which this is done.
const serviceBlock = "virtual_server"

// unchanged finds blocks that were read before by their first lines.
type unchanged map[config.Sum]*config.VirtualServer

// newUnchanged takes in the blocks of a configuration, which may be nil.
func newUnchanged(c *config.Config) unchanged {
	if c == nil {
		return nil
	}
	u := make(unchanged, len(c.VirtualServers))
	for i := range c.VirtualServers {
		if v := &c.VirtualServers[i]; v.At.Part().Settled() {
			u[v.At.Part().Text().Head] = v
		}
	}
	return u
}

// skip takes a block over that begins with a word, the first one of a line, and
// goes on behind it. It reports whether there was one.
func (t *tree) skip(word token) bool {
	f := t.lexer.feed
	d, ok := f.readings[len(f.readings)-1].(*document)
	sp := f.src.span(word.at)
	if !ok || sp.runs != nil || sp.file != d.file {
		return false
	}
	from := sp.off + int(word.at-sp.base)
	text := d.file.text[from:]
	head := t.sum(d.file, from, lineEnd(text))
	v := t.unchanged[head]
	if v == nil {
		return false
	}
	was := v.At.Part().Text()
	size := int(was.Size)
	if size > len(text) || size < len(text) && text[size] != '\n' || t.sum(d.file, from, size) != was.All ||
		t.read+int(was.Statements) > mostStatements || t.readWords+int(was.Words) > mostWords {
		return false
	}
	delete(t.unchanged, head) // another one of the same text is another one
	v.At.Part().Move(d.file.line(from) - 1)
	if end := min(from+size+1, len(d.file.text)); end > d.off {
		f.src.plain(d.file, d.off, end)
		d.off = end
	}
	t.lexer.line, t.lexer.words, t.lexer.touching = "", false, false
	t.begin(statement{words: t.words.keep([]token{word}), hasBody: true, open: word.at, close: word.at + pos(was.Brace)})
	t.read, t.readWords, t.same = t.read+int(was.Statements)-1, t.readWords+int(was.Words), v
	return true
}

// sum returns that of a text in a file: of size bytes from one on, and what stands
// before it on its line, by which its columns count.
func (t *tree) sum(f *file, from, size int) config.Sum {
	line := strings.LastIndexByte(f.text[:from], '\n') + 1
	t.scratch = append(append(append(t.scratch[:0], f.name...), 0), f.text[line:from+size]...)
	whole := sha256.Sum256(t.scratch)
	return config.Sum(whole[:16])
}

// lineEnd is where the first line of a text ends.
func lineEnd(text string) int {
	if n := strings.IndexByte(text, '\n'); n >= 0 {
		return n
	}
	return len(text)
}

// service reads statement i of the top level, a virtual_server. The result is as
// walk's.
func (r *reader) service(b *block, k *keyword, s *statement) int32 {
	list := &r.cfg.VirtualServers
	if v := r.tree.same; v != nil {
		if r.wrote(k.bound.key, s.at(), true); cap(*list) == 0 {
			*list = make([]config.VirtualServer, 0, r.more(s))
		}
		*list = append(*list, *v)
		return none
	}
	text, alone := r.alone(s)
	if !alone {
		return r.one(b, k, s)
	}
	at, before := r.position(s.at()), len(*list)
	r.part, r.above = config.NewPart(at.File()), at.Line()-1
	r.part.Move(r.above)
	rest := r.one(b, k, s)
	if r.tree.quiet() && len(*list) > before && !follows(&(*list)[before]) {
		r.part.SetText(text)
	}
	r.part = nil
	return rest
}

// alone returns what is known of the text of a block, if nothing but this text
// makes it: no directive is in it, none has made it, and nothing else stands on its
// lines.
func (r *reader) alone(s *statement) (of config.Text, is bool) {
	t, sp := r.tree, r.src.span(s.at())
	if t.held || sp == nil || sp.runs != nil || !s.hasBody || int(s.close-sp.base) >= len(sp.text) {
		return of, false
	}
	if n := len(r.src.dropped); n > 0 && r.src.dropped[n-1].to > s.at() {
		return of, false
	}
	from, brace := sp.off+int(s.at()-sp.base), int(s.close-s.at())
	text := sp.file.text[from:]
	text = text[:brace+lineEnd(text[brace:])]
	if trimmed(uncomment(text[brace+1:])) != "" || strings.IndexByte(text, 0) >= 0 {
		return of, false
	}
	of = config.Text{
		Head: t.sum(sp.file, from, lineEnd(text)), All: t.sum(sp.file, from, len(text)),
		Size: int32(len(text)), Brace: int32(brace), Statements: int32(t.statements.len()),
	}
	for i := range t.statements.len() {
		inner := t.statements.at(i)
		if of.Words += int32(len(inner.words)); inner.hasBody {
			of.Blocks++
		}
	}
	return of, true
}

// follows reports whether a check follows a file or a session: what becomes of it is
// decided by whether that is there.
func follows(v *config.VirtualServer) bool {
	for i := range v.RealServers {
		for k := range v.RealServers[i].Checks {
			if c := &v.RealServers[i].Checks[k]; c.File != nil || c.BFD != nil {
				return true
			}
		}
	}
	return false
}
