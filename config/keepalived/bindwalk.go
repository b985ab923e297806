package keepalived

import (
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// actBound reads one statement of a bound row, whose words have been counted.
func (r *reader) actBound(k *keyword, s *statement) int32 {
	if k.bound.current != "" {
		r.out.warn(s.at(), "deprecated", "%s is now written %s; it means the same", k.name, k.bound.current)
	}
	opens := k.bound.fresh.IsValid() && !k.each()
	list := k.braces() || k.bound.field.Within != nil
	if !opens {
		errors := r.out.errors()
		sound := r.gentlyIf(k, lineIgnored, func() {
			r.damaged = len(s.words) <= k.min // which has been said
			if k.handle != nil && !r.damaged {
				r.row = k
				k.handle(r, s)
			}
		})
		switch {
		case sound:
			r.note(k.bound, s.at(), list)
		case r.out.errors() > errors:
			// It is not missing beside that.
			r.mean(k.name)
		}
		rest := r.inside(k, s)
		if k.finish != nil {
			k.finish(r, s)
		}
		r.ignored = !sound
		return rest
	}
	if k.bound.field.Own || k.vital {
		r.own++
		defer func() { r.own-- }()
	}
	r.wrote(k.bound.key, s.at(), list)
	at := s.at()
	if len(s.words) > 1 {
		at = s.words[1].at
	}
	r.open(k, s, at)
	errors := r.out.errors()
	sound := r.gentlyIf(k, blockLeftOut, func() {
		if name := k.bound.name; name != nil && len(s.words) > 1 {
			r.set(name, s)
		}
		if k.handle != nil {
			r.row = k
			k.handle(r, s)
		}
	})
	rest := r.inside(k, s)
	r.damaged = r.damaged || !sound
	r.end(k, s)
	r.ignored = r.damaged
	around := r.frames[len(r.frames)-1].damaged
	r.pop()
	if r.out.errors() == errors {
		// What is left out is no damage to what is around it.
		r.damaged = around
	}
	return rest
}

// end ends the block of k, which is left out when it lacks something.
func (r *reader) end(k *keyword, s *statement) {
	damaged := r.damaged
	sound := r.gentlyIf(k, blockLeftOut, func() {
		r.damaged = damaged
		if !k.bound.own {
			r.require(k)
		}
		if k.finish != nil {
			r.ended = k
			k.finish(r, s)
		}
	})
	r.damaged = damaged || !sound
}

// each reports whether the row opens a struct for each line in its braces.
func (k *keyword) each() bool {
	return k.bound != nil && k.bound.field.Form == "lines" && k.bound.field.Kind == schema.KindBlocks
}

// line reads one line of a body.
func (r *reader) line(k *keyword, s *statement) {
	if !k.each() {
		k.line(r, s)
		return
	}
	r.row = k
	r.open(k, s, s.at())
	r.row = k
	k.line(r, s)
	r.pop()
}

// require reports the keywords that the block of k must have and has not.
func (r *reader) require(k *keyword) bool {
	whole := true
	for _, f := range k.bound.required {
		v := f.In(r.frames[len(r.frames)-1].value)
		if r.given(f.Key) && (v.Kind() != reflect.Slice || v.Len() > 0) {
			continue
		}
		whole, r.damaged = false, true
		if r.meant[f.Spelling()] {
			continue
		}
		r.out.addAt(r.givenAt(""), 1, "missing-keyword", "this %s has no %s", k.name, f.Spelling())
	}
	return whole
}

// note notes the key of a row as written. What stands at the top level of the
// file and belongs to global_defs is global_defs' key.
func (r *reader) note(b *binding, at pos, list bool) {
	if b.field.Root {
		g := &r.cfg.Global
		g.Written = append(g.Written, config.Key{Name: b.key, At: r.position(at)})
		return
	}
	r.wrote(b.key, at, list)
}

// cursor is a place up to which the lines of a file have been counted.
type cursor struct {
	file *file
	// off is the place, on line number line, which begins at start.
	off, line, start int
}

// position returns where p was written, as source.position does. It counts on
// from the place before, since the walk goes through the text from its
// beginning to its end.
func (r *reader) position(p pos) config.Position {
	sp := r.src.span(p)
	if sp == nil || sp.runs != nil {
		return r.src.position(p)
	}
	c, off := &r.counted, sp.off+int(p-sp.base)
	if c.file != sp.file || off < c.off {
		at := sp.file.position(off)
		*c = cursor{file: sp.file, off: off, line: at.Line(), start: strings.LastIndexByte(sp.file.text[:off], '\n') + 1}
	}
	passed := sp.file.text[c.off:off]
	if n := strings.Count(passed, "\n"); n > 0 {
		c.line += n
		c.start = c.off + strings.LastIndexByte(passed, '\n') + 1
	}
	c.off = off
	column := utf8.RuneCountInString(sp.file.text[c.start:off]) + 1
	if r.part != nil {
		return r.part.At(c.line-r.above, column)
	}
	return sp.file.part.At(c.line, column)
}
