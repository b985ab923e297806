package schema

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Range returns nil when v, a value of the field, is within its bounds, else
// an error that says what is allowed: "must be from 1 to 255". A nil pointer
// and a field without bounds are always within.
func (f *Field) Range(v reflect.Value) error {
	if !f.bounded {
		return nil
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	if f.Kind == KindInts {
		for i := range v.Len() {
			if !f.within(v.Index(i)) {
				return errors.New(f.Allowed())
			}
		}
		return nil
	}
	if !f.within(v) {
		return errors.New(f.Allowed())
	}
	return nil
}

// RangeOf is Range for a number, or a duration in nanoseconds, that may not
// fit the field's type.
func (f *Field) RangeOf(n int64) error {
	if f.bounded && (n < f.low || n > f.high) {
		return errors.New(f.Allowed())
	}
	return nil
}

func (f *Field) within(v reflect.Value) bool {
	if v.CanUint() {
		n := v.Uint()
		return n <= 1<<63-1 && int64(n) >= f.low && int64(n) <= f.high
	}
	return v.Int() >= f.low && v.Int() <= f.high
}

// Allowed says which numbers, durations or words the field takes, empty when
// it takes any: "must be from 1 to 255".
func (f *Field) Allowed() string {
	switch {
	case len(f.Enum) > 0:
		return "must be " + alternatives(f.Enum)
	case !f.bounded:
		return ""
	case f.High == "":
		return "must be at least " + f.Low
	case f.Low == "":
		return "must be at most " + f.High
	}
	return fmt.Sprintf("must be from %s to %s", f.Low, f.High)
}

// alternatives joins words: "a, b or c".
func alternatives(words []string) string {
	if len(words) < 3 {
		return strings.Join(words, " or ")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// Set sets dst, a value of the field, from text in native notation: a scalar,
// or words separated by blanks for a list of scalars. An error says what is
// allowed and does not repeat the text; dst is as before then. The bounds
// and the words of an enum hold.
func (f *Field) Set(dst reflect.Value, text string) error {
	v := reflect.New(f.Type).Elem()
	if err := f.parse(v, text); err != nil {
		return err
	}
	if err := f.Range(v); err != nil {
		return err
	}
	if dst.Kind() == reflect.Pointer {
		dst.Set(v.Addr())
		return nil
	}
	dst.Set(v)
	return nil
}

func (f *Field) parse(v reflect.Value, text string) error {
	switch f.Kind {
	case KindWords, KindInts, KindScalars:
		words := strings.Fields(text)
		v.Set(reflect.MakeSlice(v.Type(), len(words), len(words)))
		for i, w := range words {
			item := v.Index(i)
			kind, _ := kindOf(item.Type())
			if err := f.scalar(item, kind, w); err != nil {
				return err
			}
		}
		return nil
	}
	return f.scalar(v, f.Kind, text)
}

// scalar sets v from text. The errors are sentences about a value.
func (f *Field) scalar(v reflect.Value, kind Kind, text string) error {
	switch kind {
	case KindBool:
		if text != "true" && text != "false" {
			return errors.New("must be true or false")
		}
		v.SetBool(text == "true")
	case KindInt:
		return f.integer(v, text)
	case KindDuration:
		d, err := ParseDuration(text)
		if err != nil {
			return errors.New("must be a duration such as 2s or 100ms")
		}
		v.SetInt(int64(d))
	case KindText:
		if !f.Knows(text) {
			return errors.New(f.Allowed())
		}
		v.SetString(text)
	case KindAddress:
		a, err := netip.ParseAddr(text)
		if err != nil {
			return errors.New("must be an address such as 192.0.2.1")
		}
		v.Set(reflect.ValueOf(a))
	case KindPrefix:
		p, err := netip.ParsePrefix(text)
		if a, addrErr := netip.ParseAddr(text); addrErr == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return errors.New("must be a prefix such as 192.0.2.0/24")
		}
		v.Set(reflect.ValueOf(p))
	case KindScalar:
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			if len(f.Enum) > 0 {
				return errors.New(f.Allowed())
			}
			return err
		}
	default:
		return fmt.Errorf("a %v is not written as one text", kind)
	}
	return nil
}

func (f *Field) integer(v reflect.Value, text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	fits := err == nil && (v.CanInt() && !v.OverflowInt(n) || v.CanUint() && n >= 0 && !v.OverflowUint(uint64(n)))
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return errors.New("must be a whole number")
	case !fits && f.bounded:
		return errors.New(f.Allowed())
	case !fits:
		return errors.New("is too large a number, or below zero")
	case v.CanInt():
		v.SetInt(n)
	default:
		v.SetUint(uint64(n))
	}
	return nil
}

// Knows reports whether a word is one of the field's enum; any is when it has
// none.
func (f *Field) Knows(word string) bool {
	for _, w := range f.Enum {
		if w == word {
			return true
		}
	}
	return len(f.Enum) == 0
}

// Format returns v, a value of the field, in native notation: what Set takes.
// It is for scalars and lists of scalars; of others it returns "". A nil
// pointer is "", and so is what is secret.
func (f *Field) Format(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	if f.Secret {
		return ""
	}
	switch f.Kind {
	case KindWords, KindInts, KindScalars:
		words := make([]string, v.Len())
		for i := range words {
			words[i] = Text(v.Index(i))
		}
		return strings.Join(words, " ")
	case KindMap, KindBlock, KindBlocks, KindProgram:
		return ""
	}
	return Text(v)
}

// Text returns a scalar in native notation, whether it is secret or not.
func Text(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return TextOf(x)
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			return ""
		}
		return string(text)
	}
	switch {
	case v.Kind() == reflect.String:
		return v.String()
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10)
	}
	return ""
}

// ParseDuration reads a duration in native notation: as Go does, or whole days
// such as 30d.
func ParseDuration(text string) (time.Duration, error) {
	days, ok := strings.CutSuffix(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	const day = 24 * time.Hour
	n, err := strconv.ParseUint(days, 10, 32)
	if err != nil || n > uint64(math.MaxInt64/day) {
		return 0, fmt.Errorf("%q is no number of days", days)
	}
	return time.Duration(n) * day, nil
}

// TextOf is a duration in native notation: the largest of the units s, ms, us
// and ns that needs no fraction.
func TextOf(d time.Duration) string {
	for _, unit := range [...]struct {
		size time.Duration
		name string
	}{{time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "us"}} {
		if d%unit.size == 0 {
			return strconv.FormatInt(int64(d/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(d), 10) + "ns"
}

// ready prepares what SetDefaults needs.
func (s *Schema) ready(b *Block) {
	for i := range b.Fields {
		f := &b.Fields[i]
		if f.Default == "" {
			if f.Kind == KindBlock && !f.Pointer {
				b.defaulted = append(b.defaulted, i)
			}
			continue
		}
		b.defaulted = append(b.defaulted, i)
		if err := f.Set(reflect.New(f.Type).Elem(), f.Default); err != nil {
			s.problem(b, f.Name, "default %s: %v", f.Default, err)
		}
	}
}

// SetDefaults applies the tags default to v, a pointer to a struct of the
// configuration with nothing written in it yet, and to the structs in it;
// not to those behind pointers and in slices, which are not there yet. It
// panics when the schema has no such struct.
func (s *Schema) SetDefaults(v any) {
	value := reflect.ValueOf(v).Elem()
	s.setDefaults(s.blocks[value.Type()], value)
}

func (s *Schema) setDefaults(b *Block, v reflect.Value) {
	for _, i := range b.defaulted {
		f := &b.Fields[i]
		if f.Kind == KindBlock {
			s.setDefaults(f.Elem, f.In(v))
			continue
		}
		// Problems has what fails here, and a test holds that there is none.
		_ = f.Set(f.In(v), f.Default)
	}
}
