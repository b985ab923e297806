package source

import (
	"encoding"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// scalar reads a value of any kind that is no struct into dst. It reports
// whether dst was set; if not it has said why.
func (r *reader) scalar(sf *schema.Field, v *value, dst reflect.Value, what string) bool {
	label := within(what, sf.Key)
	switch sf.Kind {
	case schema.KindBool:
		return r.flag(v, dst, label)
	case schema.KindInt:
		return r.number(sf, v, dst, label)
	case schema.KindDuration:
		return r.duration(sf, v, dst, label)
	case schema.KindText:
		return r.word(sf, v, dst, what)
	case schema.KindAddress:
		return r.addr(v, dst, label)
	case schema.KindPrefix:
		return r.prefix(v, dst, label)
	case schema.KindScalar:
		return r.notation(sf, v, dst, label)
	case schema.KindMap:
		return r.args(v, dst, label)
	}
	return r.list(sf, v, dst, what)
}

// flag reads true or false.
func (r *reader) flag(v *value, dst reflect.Value, label string) bool {
	if v.kind != kindBool && !(v.loose && (v.text == "true" || v.text == "false")) {
		r.error(v.at, "wrong-type", "%s must be true or false, not %s", label, v.describe())
		return false
	}
	dst.SetBool(truth(v.text))
	return true
}

// truth is the value of a boolean of any of the languages.
func truth(text string) bool { return text == "true" || text == "True" || text == "TRUE" }

// number reads a whole number within its bounds.
func (r *reader) number(sf *schema.Field, v *value, dst reflect.Value, label string) bool {
	digits := strings.TrimLeft(v.text, "+-")
	plain := digits != "" && strings.Trim(digits, "0123456789") == ""
	if v.kind != kindInt && !(v.loose && plain) {
		r.error(v.at, "wrong-type", "%s must be a whole number%s, not %s", label, bounds(sf), v.describe())
		return false
	}
	// Decimal only, so that no file says 010 and means ten, or eight.
	n, err := strconv.ParseInt(v.text, 10, 64)
	switch {
	case !plain || len(digits) > 1 && digits[0] == '0':
		r.error(v.at, "wrong-value", "%s must be written in plain decimal digits, not %s", label, v.bare())
		return false
	case sf.Allowed() != "" && (err != nil || sf.RangeOf(n) != nil):
		r.error(v.at, "out-of-range", "%s %s, not %s", label, sf.Allowed(), v.bare())
		return false
	case err != nil || dst.CanInt() && dst.OverflowInt(n) || dst.CanUint() && (n < 0 || dst.OverflowUint(uint64(n))):
		r.error(v.at, "out-of-range", "%s is too large a number, or below zero: %s", label, v.bare())
		return false
	}
	if dst.CanUint() {
		dst.SetUint(uint64(n))
	} else {
		dst.SetInt(n)
	}
	return true
}

// bounds says what a number may be, behind "a whole number".
func bounds(sf *schema.Field) string {
	switch {
	case sf.Low != "" && sf.High != "":
		return " from " + sf.Low + " to " + sf.High
	case sf.Low != "":
		return " of at least " + sf.Low
	case sf.High != "":
		return " of at most " + sf.High
	}
	return ""
}

// bare is a number as it was written.
func (v *value) bare() string {
	if v.reference != "" {
		return v.describe()
	}
	return printable(v.text)
}

// duration reads a duration with its unit.
func (r *reader) duration(sf *schema.Field, v *value, dst reflect.Value, label string) bool {
	switch {
	case v.reference == "" && (v.kind == kindInt || v.kind == kindFloat || v.kind == kindText && isNumber(v.text)):
		r.error(v.at, "no-unit", "%s needs a unit: write %ss or %sms, in quotes where the file's language wants them",
			label, printable(v.text), printable(v.text))
		return false
	case v.kind != kindText:
		r.error(v.at, "wrong-type", "%s must be a duration such as 2s or 100ms, not %s", label, v.describe())
		return false
	}
	d, err := schema.ParseDuration(v.text)
	if err != nil {
		r.error(v.at, "wrong-value", "%s must be a duration such as 2s or 100ms, not %s", label, v.describe())
		return false
	}
	if err := sf.RangeOf(int64(d)); err != nil {
		r.error(v.at, "out-of-range", "%s %v, not %s", label, err, v.bare())
		return false
	}
	dst.SetInt(int64(d))
	return true
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// word reads text: one of the field's words if it has such.
func (r *reader) word(sf *schema.Field, v *value, dst reflect.Value, what string) bool {
	label := within(what, sf.Key)
	if sf.Secret {
		return r.secret(v, dst, label)
	}
	s, ok := r.asText(v, label)
	switch {
	case !ok:
		return false
	case !sf.Knows(s):
		r.error(v.at, "wrong-value", "%s %s, not %s", label, sf.Allowed(), v.describe())
		return false
	case sf.Key == "name" && sf.Required && !r.naming(v, s, what, sf.Key):
		return false
	case isInterface(sf.Key) && !r.interfaceName(v, s, label):
		return false
	}
	dst.SetString(s)
	return true
}

// isInterface reports whether a key holds the name of an interface.
func isInterface(key string) bool {
	switch key {
	case "dev", "interface", "iif", "oif", "bind_if", "default_interface", "lvs_sync_daemon_interface":
		return true
	}
	return false
}

// secret reads text that no message repeats.
func (r *reader) secret(v *value, dst reflect.Value, label string) bool {
	switch {
	case v.kind == kindInt || v.kind == kindFloat || v.kind == kindBool:
		r.error(v.at, "wrong-type", "%s must be text: put it in quotes", label)
	case v.kind != kindText || v.text == "":
		r.error(v.at, "wrong-type", "%s must be text that is not empty", label)
	default:
		dst.SetString(v.text)
		return true
	}
	return false
}

// asText returns a text that is not empty.
func (d *decoder) asText(v *value, what string) (string, bool) {
	switch {
	case v.kind == kindText && v.text == "":
		d.error(v.at, "wrong-value", "%s is empty", what)
	case v.kind == kindText && config.Printable(v.text) != v.text:
		d.error(v.at, "wrong-value", "%s has a character in it that cannot be printed", what)
	case v.kind == kindText:
		return v.text, true
	case v.kind == kindInt || v.kind == kindFloat || v.kind == kindBool || v.kind == kindOther:
		d.error(v.at, "wrong-type", "%s must be text, not %s: put it in quotes", what, v.kind)
	default:
		d.error(v.at, "wrong-type", "%s must be text, not %s", what, v.describe())
	}
	return "", false
}

func (r *reader) addr(v *value, dst reflect.Value, label string) bool {
	a, err := netip.ParseAddr(v.text)
	if v.kind != kindText || err != nil {
		r.error(v.at, "bad-address", "%s must be an address such as 192.0.2.1, not %s", label, v.describe())
		return false
	}
	dst.Set(reflect.ValueOf(a))
	return true
}

func (r *reader) prefix(v *value, dst reflect.Value, label string) bool {
	p, err := parsePrefix(v.text)
	if v.kind != kindText || err != nil {
		r.error(v.at, "bad-address", "%s must be a prefix such as 192.0.2.0/24, not %s", label, v.describe())
		return false
	}
	dst.Set(reflect.ValueOf(p))
	return true
}

// parsePrefix reads an address with or without a length.
func parsePrefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		return netip.ParsePrefix(s)
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	if addr.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%s has a zone", addr)
	}
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// notation reads a value that has a notation of its own. What is several
// words in keepalived.conf may be a list.
func (r *reader) notation(sf *schema.Field, v *value, dst reflect.Value, label string) bool {
	text := v.text
	switch {
	case v.kind == kindList && sf.Form == "words":
		var words []string
		for _, item := range v.items {
			if item.kind != kindInt {
				if _, ok := r.asText(item, label+": an item"); !ok {
					return false
				}
			}
			words = append(words, item.text)
		}
		text = strings.Join(words, " ")
	case v.kind == kindInt || v.kind == kindBool:
	default:
		if _, ok := r.asText(v, label); !ok {
			return false
		}
	}
	err := dst.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	switch {
	case err == nil:
		return true
	case len(sf.Enum) > 0 && v.kind != kindList && !strings.Contains(text, " "):
		r.error(v.at, "wrong-value", "%s %s, not %s", label, sf.Allowed(), v.describe())
	case v.reference != "":
		r.error(v.at, "wrong-value", "%s: the value of %s is not of the right form", label, v.reference)
	case strings.HasPrefix(err.Error(), "must "):
		r.error(v.at, "wrong-value", "%s %s", label, printable(err.Error()))
	default:
		r.error(v.at, "wrong-value", "%s: %s", label, printable(err.Error()))
	}
	return false
}

// list reads a list of scalars. What is several words in keepalived.conf may
// be one text.
func (r *reader) list(sf *schema.Field, v *value, dst reflect.Value, what string) bool {
	if v.kind == kindText && sf.Form == "words" && sf.Kind != schema.KindScalars {
		words := strings.Fields(v.text)
		split := &value{at: v.at, kind: kindList}
		for _, w := range words {
			split.items = append(split.items, &value{at: v.at, kind: kindText, text: w, reference: v.reference, loose: true})
		}
		v = split
	}
	if v.kind != kindList {
		r.error(v.at, "wrong-type", "%s must be a list, not %s", within(what, sf.Key), v.describe())
		return false
	}
	list := reflect.MakeSlice(dst.Type(), 0, len(v.items))
	ok := true
	for _, item := range v.items {
		made := reflect.New(dst.Type().Elem()).Elem()
		if !r.item(sf, item, made, what) {
			ok = false
			continue
		}
		if len(sf.Enum) > 0 && slices.ContainsFunc(list.Interface().([]string), func(s string) bool { return s == made.String() }) {
			r.error(item.at, "given-twice", "%s has %s twice", within(what, sf.Key), made.String())
			ok = false
			continue
		}
		list = reflect.Append(list, made)
	}
	// A keyword that needs no words may stand alone.
	if list.Len() > 0 || ok && sf.Bare == "[]" {
		dst.Set(list)
	}
	return ok
}

// item reads one item of a list of scalars.
func (r *reader) item(sf *schema.Field, v *value, dst reflect.Value, what string) bool {
	label := what + ": an item of " + sf.Key
	switch sf.Kind {
	case schema.KindInts:
		return r.number(sf, v, dst, label)
	case schema.KindScalars:
		switch dst.Interface().(type) {
		case netip.Addr:
			return r.addr(v, dst, label)
		case netip.Prefix:
			return r.prefix(v, dst, label)
		}
		return r.notation(sf, v, dst, label)
	}
	s, ok := r.asText(v, label)
	if ok && !sf.Knows(s) {
		r.error(v.at, "wrong-value", "%s knows %s, not %s", within(what, sf.Key), enumerated(sf.Enum), v.describe())
		return false
	}
	dst.SetString(s)
	return ok
}

// enumerated joins words: "a, b and c".
func enumerated(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// args reads a table of any keys with scalars in it: texts, or the arguments
// of a Lua script.
func (r *reader) args(v *value, dst reflect.Value, label string) bool {
	if v.kind != kindTable {
		r.error(v.at, "wrong-type", "%s must be a table of keys, not %s", label, v.describe())
		return false
	}
	args := make(config.Args, len(v.fields))
	ok := true
	for _, f := range v.fields {
		value := argument(f.value)
		if value == nil {
			ok = false
			r.error(f.value.at, "wrong-type", "%s: %s must be text, a number, or true or false, not %s",
				label, quoted(f.key), f.value.describe())
			continue
		}
		args[f.key] = value
	}
	if dst.Type() == reflect.TypeFor[config.Args]() {
		dst.Set(reflect.ValueOf(args))
		return ok
	}
	words := reflect.MakeMap(dst.Type())
	for _, f := range v.fields {
		words.SetMapIndex(reflect.ValueOf(f.key), reflect.ValueOf(f.value.text))
	}
	dst.Set(words)
	return ok
}

// argument returns one argument of a Lua script, nil when it is none.
func argument(v *value) any {
	switch v.kind {
	case kindText:
		if v.loose {
			return config.ParseArg(v.text)
		}
		return v.text
	case kindBool:
		return truth(v.text)
	case kindInt:
		// Other bases and separators are the languages' own.
		if n, err := strconv.ParseInt(v.text, 0, 64); err == nil {
			return float64(n)
		}
	case kindFloat:
		if f, err := strconv.ParseFloat(v.text, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f
		}
	}
	return nil
}
