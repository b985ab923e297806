package schema

import (
	"reflect"
	"sync"

	"github.com/moonkeep/moonkeep/config"
)

// Equal reports whether two values of the configuration, of one type, mean
// the same: it leaves out where they were written, and what the tags exclude
// (key "-"), and takes an empty slice or map for a nil one.
func Equal(a, b any) bool {
	v, w := reflect.ValueOf(a), reflect.ValueOf(b)
	if !v.IsValid() || !w.IsValid() {
		return v.IsValid() == w.IsValid()
	}
	return v.Type() == w.Type() && equal(v, w)
}

func equal(v, w reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || w.IsNil() {
			return v.IsNil() == w.IsNil()
		}
		return equal(v.Elem(), w.Elem())
	case reflect.Slice:
		if v.Len() != w.Len() {
			return false
		}
		for i := range v.Len() {
			if !equal(v.Index(i), w.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if v.Len() != w.Len() {
			return false
		}
		for _, key := range v.MapKeys() {
			other := w.MapIndex(key)
			if !other.IsValid() || !equal(v.MapIndex(key), other) {
				return false
			}
		}
		return true
	case reflect.Struct:
		return equalStructs(v, w)
	}
	return v.Equal(w)
}

func equalStructs(v, w reflect.Value) bool {
	t := v.Type()
	l, known := layouts()[t]
	if !known {
		l = layoutOf(t)
	}
	switch {
	case l.counted != nil:
	case l.comparable:
		return v.Equal(w)
	default:
		return reflect.DeepEqual(v.Interface(), w.Interface())
	}
	for _, i := range l.counted {
		if !equal(v.Field(i), w.Field(i)) {
			return false
		}
	}
	return true
}

// layout is how values of a struct type are compared: by the fields that count, or,
// if there are none, as a whole, as those of netip.Addr, which hides its fields.
type layout struct {
	counted    []int
	comparable bool
}

// layouts are those of all types of a configuration. A reload compares tens of
// thousands of values, each of which would have its tags read.
var layouts = sync.OnceValue(func() map[reflect.Type]layout {
	all := map[reflect.Type]layout{}
	var add func(t reflect.Type)
	add = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			add(t.Elem())
		case reflect.Struct:
			if _, known := all[t]; known {
				return
			}
			l := layoutOf(t)
			all[t] = l
			for _, i := range l.counted {
				add(t.Field(i).Type)
			}
		}
	}
	add(reflect.TypeFor[config.Config]())
	return all
})

func layoutOf(t reflect.Type) layout {
	l := layout{comparable: t.Comparable()}
	if kind, _ := kindOf(t); kind != KindBlock && kind != KindProgram {
		return l
	}
	l.counted = make([]int, 0, t.NumField())
	for i := range t.NumField() {
		if !ignored(t.Field(i)) {
			l.counted = append(l.counted, i)
		}
	}
	return l
}

// ignored reports whether a field does not count in comparisons.
func ignored(sf reflect.StructField) bool {
	return sf.Tag.Get("key") == "-"
}
