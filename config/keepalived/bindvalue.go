package keepalived

import (
	"encoding"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// setField is the handler of a regular keyword.
func setField(r *reader, s *statement) {
	k := r.row
	if !r.set(k.bound.field, s) {
		r.damaged = true
	}
}

// set reads the words of a statement into a field of the struct that is being
// read. A value that is not allowed is reported, and the field is as before.
func (r *reader) set(f *schema.Field, s *statement) bool {
	v := f.In(r.frames[len(r.frames)-1].value)
	if v.Kind() != reflect.Pointer {
		return r.setValue(f, v, s)
	}
	p := reflect.New(f.Type)
	if !r.setValue(f, p.Elem(), s) {
		return false
	}
	v.Set(p)
	return true
}

// setValue is set for the place of a value, no pointer.
func (r *reader) setValue(f *schema.Field, v reflect.Value, s *statement) bool {
	word := s.words[0].text
	switch {
	case f.Form == "bare":
		v.SetBool(true)
		return true
	case f.Kind == schema.KindBool:
		b, ok := r.boolean(s)
		v.SetBool(b || !ok && v.Bool())
		return ok
	case f.Kind == schema.KindProgram:
		p, ok := r.program(s)
		if ok {
			v.Set(reflect.ValueOf(p))
		}
		return ok
	case f.Kind == schema.KindWords:
		return r.setWords(f, v, word, s.words[1:])
	case f.Kind == schema.KindInts:
		list := reflect.MakeSlice(v.Type(), len(s.words)-1, len(s.words)-1)
		for i, w := range s.words[1:] {
			if !r.setWord(f, list.Index(i), word, w) {
				return false
			}
		}
		v.Set(list)
		return true
	case f.Kind == schema.KindScalar && (f.Form == "words" || f.Form == "optional"):
		w := s.words[0]
		w.text = f.Bare
		if len(s.words) > 1 {
			w = s.words[1]
			w.text = joinedWords(s.words[1:])
		}
		return r.setWord(f, v, word, w)
	case len(s.words) < 2:
		w := s.words[0]
		w.text = f.Bare
		return r.setWord(f, v, word, w)
	}
	return r.setWord(f, v, word, s.words[1])
}

// joinedWords are words with a blank between them.
func joinedWords(words []token) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.text
	}
	return strings.Join(texts, " ")
}

// setWord reads one word into a value of the field, which keyword names in
// messages.
func (r *reader) setWord(f *schema.Field, v reflect.Value, keyword string, w token) bool {
	switch f.Kind {
	case schema.KindInt, schema.KindInts:
		lo, hi := bounds64(f, v.Type())
		n, ok := r.integer(w, keyword, int(lo), int(hi))
		if ok && v.CanInt() {
			v.SetInt(int64(n))
		} else if ok {
			v.SetUint(uint64(n))
		}
		return ok
	case schema.KindDuration:
		d, ok := r.duration(f, keyword, w)
		if ok {
			v.SetInt(int64(d))
		}
		return ok
	case schema.KindText:
		text, ok := r.oneOf(f, keyword, w)
		if ok {
			v.SetString(text)
		}
		return ok
	case schema.KindAddress:
		a, err := netip.ParseAddr(w.text)
		if err != nil {
			r.out.error(w.at, "bad-address", "%s %s is not an address", keyword, quoted(w.text))
			return false
		}
		v.Set(reflect.ValueOf(a))
		return true
	case schema.KindPrefix:
		p, ok := prefix(w.text)
		if !ok {
			r.out.error(w.at, "bad-address", "%s %s is not an address with a prefix length", keyword, quoted(w.text))
			return false
		}
		v.Set(reflect.ValueOf(p))
		return true
	case schema.KindScalar:
		err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(w.text))
		if err != nil {
			r.out.error(w.at, "bad-value", "%s %s: it %v", keyword, r.shown(f, w), err)
		}
		return err == nil
	}
	panic("keepalived: no way to read " + f.Key)
}

// shown renders a word for a message, unless it is secret.
func (r *reader) shown(f *schema.Field, w token) string {
	if f.Secret {
		return "(hidden)"
	}
	return quoted(w.text)
}

// bounds64 are the numbers that a field takes and that fit its type.
func bounds64(f *schema.Field, t reflect.Type) (lo, hi int64) {
	lo, hi = math.MinInt64, math.MaxInt64
	switch t.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32:
		lo, hi = -1<<(t.Bits()-1), 1<<(t.Bits()-1)-1
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		lo, hi = 0, 1<<t.Bits()-1
	case reflect.Uint, reflect.Uint64:
		lo = 0
	}
	low, high := f.Bounds()
	return max(lo, low), min(hi, high)
}

// oneOf returns a word that the field takes. Letters are told apart only when
// the field has words that differ in nothing else, except where keepalived
// does: see folds.
func (r *reader) oneOf(f *schema.Field, keyword string, w token) (string, bool) {
	if len(f.Enum) == 0 {
		return r.kept(f, plain(w)), true
	}
	for _, word := range f.Enum {
		if word == w.text {
			return word, true
		}
	}
	if slices.Contains(folds(), keyword) {
		for _, word := range f.Enum {
			if strings.EqualFold(word, w.text) {
				return word, true
			}
		}
	}
	hint := ""
	if guess := r.nearestName(w.text, "bad-value", func() []string { return f.Enum }); guess != "" {
		hint = ": did you mean " + guess + "?"
	}
	r.out.error(w.at, "bad-value", "%s %s: it %s%s", keyword, r.shown(f, w), f.Allowed(), hint)
	return "", false
}

// kept returns a text of its own for a value of the field, so that a virtual server that
// is taken over, again and again, does not keep the file in memory in which it was read
// first. As a rule many have the same.
func (r *reader) kept(f *schema.Field, text string) string {
	last := r.values[f]
	if last != text {
		last = strings.Clone(text)
		r.values[f] = last
	}
	return last
}

// folds are the keywords whose words keepalived takes in capitals and in small
// letters.
func folds() []string { return []string{"protocol", "type"} }

// setWords reads words into a list of texts.
func (r *reader) setWords(f *schema.Field, v reflect.Value, keyword string, words []token) bool {
	list := make([]string, 0, len(words))
	for _, w := range words {
		text, ok := r.oneOf(f, keyword, w)
		if !ok {
			return false
		}
		list = append(list, text)
	}
	v.Set(reflect.ValueOf(list).Convert(v.Type()))
	return true
}

// wordsLine reads a line of a body that holds words.
func wordsLine(f *schema.Field) handler {
	return func(r *reader, s *statement) {
		v := f.In(r.frames[len(r.frames)-1].value)
		for _, w := range s.words {
			if f.Kind == schema.KindWords {
				if text, ok := r.oneOf(f, f.Spelling(), w); ok {
					v.Set(reflect.Append(v, reflect.ValueOf(text)))
				} else {
					r.damaged = true
				}
				continue
			}
			item := reflect.New(v.Type().Elem()).Elem()
			if !r.setWord(f, item, f.Spelling(), w) {
				r.damaged = true
				continue
			}
			v.Set(reflect.Append(v, item))
		}
	}
}

// duration reads a decimal number of the field's unit.
func (r *reader) duration(f *schema.Field, keyword string, w token) (time.Duration, bool) {
	unit := time.Second
	switch f.Unit {
	case "ms":
		unit = time.Millisecond
	case "us":
		unit = time.Microsecond
	}
	lo, hi := f.Bounds()
	if unit == time.Second && !f.Whole {
		return r.seconds(w, keyword, time.Duration(lo), time.Duration(hi))
	}
	if f.Whole {
		n, ok := r.integer(w, keyword, int(lo/int64(unit)), int(hi/int64(unit)))
		return time.Duration(n) * unit, ok
	}
	number := leading(w.text, true)
	d, ok := parseSeconds(number)
	most := time.Duration(math.MaxInt64) / (time.Second / unit)
	switch {
	case !ok || number != w.text && r.row != nil && r.row.exact:
		r.notNumber(number == "" && lo <= 0, func() {
			r.out.error(w.at, "not-a-number", "%s takes a number of %s, not %s", keyword, f.Unit, quoted(w.text))
		})
		return 0, false
	case d > most || d/(time.Second/unit) < time.Duration(lo) || d/(time.Second/unit) > time.Duration(hi):
		r.out.error(w.at, "out-of-range", "%s %s is out of range: it %s", keyword, printable(number), f.Allowed())
		return 0, false
	}
	r.surplus(w, keyword, number)
	return d / (time.Second / unit), true
}

// program reads a command with USER [GROUP] behind it.
func (r *reader) program(s *statement) (config.Program, bool) {
	argv, file, rest := r.command(s)
	p := config.Program{At: r.position(s.words[1].at), Argv: argv}
	switch {
	case file == nil && argv != nil && s.words[0].text == "weight_by":
		r.out.error(s.words[1].at, "bad-lua", "weight_by must be a Lua file with a weight function: \"lua:PATH\"")
		return config.Program{}, false
	case file != nil && around[config.Global](r) != nil:
		r.out.error(s.words[1].at, "bad-lua", "%s cannot be a Lua file: name a program", s.words[0].text)
		return config.Program{}, false
	case file != nil:
		p.Lua, p.Allow, p.Args = file.Path, file.Allow, file.Args
	case argv == nil:
		return config.Program{}, false
	}
	if len(rest) > 2 {
		r.out.warn(s.at(), "surplus-words", "%s takes a command, a user and a group; the rest of the line is ignored. Put the whole command in double quotes", s.words[0].text)
	}
	if len(rest) > 0 && file != nil {
		r.out.warn(s.at(), "surplus-words", "a Lua file takes no account: it runs inside the daemon")
		return p, true
	}
	if len(rest) > 0 {
		p.User = rest[0]
	}
	if len(rest) > 1 {
		p.Group = rest[1]
	}
	return p, true
}
