package keepalived

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// optionLine is a line whose words, in any order, set the struct that is being
// read: an address, a route, a rule.
type optionLine struct {
	words []token
	next  int
	// what names the thing in messages: "an address".
	what string
	// mild says of which words keepalived leaves out a bad value, and no more
	// than that; nil of none.
	mild func(word string) bool
	// own finds the words that their tags do not describe, or not wholly; it
	// may be nil.
	own func(word string) option
}

// among finds the words of a map.
func among(words map[string]option) func(string) option {
	return func(word string) option { return words[word] }
}

// option reads a word of a line, and the words behind it that belong to it. It
// returns false after it has reported an error.
type option func(r *reader, l *optionLine, w token) bool

// more reports whether words are left.
func (l *optionLine) more() bool { return l.next < len(l.words) }

// take returns the next word, which must be there.
func (l *optionLine) take() token {
	l.next++
	return l.words[l.next-1]
}

// peek returns the text of the next word, "" behind the last.
func (l *optionLine) peek() string {
	if !l.more() {
		return ""
	}
	return l.words[l.next].text
}

// skip takes the next word if it is the given one.
func (l *optionLine) skip(word string) bool {
	if l.peek() != word {
		return false
	}
	l.next++
	return true
}

// value returns the word behind w, which needs one.
func (l *optionLine) value(r *reader, w token) (token, bool) {
	if !l.more() {
		r.damaged = true
		r.out.error(w.at, "missing-argument", "%s takes a value, and there is none", printable(w.text))
		return token{}, false
	}
	return l.take(), true
}

// options reads the words that are left of a line. A word that the struct does
// not know goes to other, which returns false when the rest is not for this
// struct.
func (r *reader) options(l *optionLine, other func(w token) bool) {
	for l.more() {
		w := l.take()
		f := r.frames[len(r.frames)-1].block.Word(w.text)
		var own option
		if l.own != nil {
			own = l.own(w.text)
		}
		if f == nil && own == nil {
			if !other(w) {
				return
			}
			continue
		}
		ok := false
		read := func() {
			switch {
			case f != nil:
				r.notActing(f, w)
				if ok = r.option(l, f, own, w); ok {
					r.wrote(f.Key, w.at, f.Kind == schema.KindBlocks)
				}
			default:
				ok = own(r, l, w)
			}
		}
		if l.mild != nil && l.mild(w.text) {
			r.gently("it is ignored, as by keepalived", read)
			continue
		}
		if read(); !ok {
			r.damaged = true
			return
		}
	}
}

// notActing says that a word of a line is not acted on.
func (r *reader) notActing(f *schema.Field, w token) {
	switch {
	case f.Idle != "":
		r.out.warn(w.at, "not-acted-on", "%s is not acted on: %s", w.text, f.Idle)
	case f.Unbuilt != "":
		r.out.warn(w.at, "not-built", "%s is not built yet: %s; moonkeep run refuses to start with it", w.text, f.Unbuilt)
	}
}

// option reads one word of a line and its value.
func (r *reader) option(l *optionLine, f *schema.Field, own option, w token) bool {
	switch {
	case own != nil:
		return own(r, l, w)
	case f.Form == "bare":
		f.In(r.frames[len(r.frames)-1].value).SetBool(true)
		return true
	}
	v, ok := l.value(r, w)
	return ok && r.setOption(f, w.text, v)
}

// setOption sets a field of the struct that is being read from one word.
// Numbers may be hexadecimal, as ip(8) takes them.
func (r *reader) setOption(f *schema.Field, keyword string, w token) bool {
	if digits, ok := strings.CutPrefix(w.text, "0x"); ok && f.Kind == schema.KindInt {
		if n, err := strconv.ParseUint(digits, 16, 32); err == nil {
			w.text = strconv.FormatUint(n, 10)
		}
	}
	v := f.In(r.frames[len(r.frames)-1].value)
	if v.Kind() != reflect.Pointer {
		return r.setWord(f, v, keyword, w)
	}
	p := reflect.New(f.Type)
	if !r.setWord(f, p.Elem(), keyword, w) {
		return false
	}
	v.Set(p)
	return true
}

// strangeOption reports a word that a line does not take. It is ignored, and
// so is the value of what is likely meant.
func (r *reader) strangeOption(l *optionLine, w token) {
	block := r.frames[len(r.frames)-1].block
	guess := config.Nearest(w.text, block.Spelled())
	if guess == "" {
		r.out.warn(w.at, "unknown-option", "unknown option %s of %s; it is ignored, as by keepalived", quoted(w.text), l.what)
		return
	}
	r.out.warn(w.at, "unknown-option", "unknown option %s of %s: did you mean %s? It is ignored, as by keepalived", quoted(w.text), l.what, guess)
	if f := block.Word(guess); f.Form != "bare" && l.more() && block.Word(l.peek()) == nil {
		l.next++
	}
}

// onward ends the item of a list that is being read and begins another.
func (r *reader) onward(s *statement, at pos) {
	k := r.row
	r.pop()
	r.open(k, s, at)
}

// inner reads what a pointer to a struct, or a new item of a list, gets: the
// struct is the one that is being read while read runs.
func (r *reader) inner(f *schema.Field, at pos, read func()) {
	v := f.In(r.frames[len(r.frames)-1].value)
	var list reflect.Value
	switch v.Kind() {
	case reflect.Pointer:
		// What cannot be read leaves what there was.
		field, before := v, reflect.ValueOf(v.Interface())
		defer func() {
			if r.damaged {
				field.Set(before)
			}
		}()
		v.Set(reflect.New(f.Type))
		v = v.Elem()
	case reflect.Slice:
		list = v
		v = appendZero(list)
	}
	r.schema.SetDefaults(v.Addr().Interface())
	if p := f.Elem.At(v); p != nil {
		*p = r.position(at)
	}
	r.push(v, f.Elem, list)
	read()
	r.pop()
}

// here returns the field of the struct that is being read by its key.
func (r *reader) here(key string) *schema.Field {
	return r.frames[len(r.frames)-1].block.Field(key)
}

// interfaceOption reads the name of an interface.
func (r *reader) interfaceOption(l *optionLine, w token) bool {
	v, ok := l.value(r, w)
	if ok {
		_, ok = r.interfaceName(v, w.text)
	}
	f := r.frames[len(r.frames)-1].block.Word(w.text)
	return ok && r.setOption(f, w.text, v)
}
