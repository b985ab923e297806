package schema

import "reflect"

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
	if kind, _ := kindOf(t); kind != KindBlock && kind != KindProgram {
		// Such as netip.Addr, which hides its fields.
		if t.Comparable() {
			return v.Equal(w)
		}
		return reflect.DeepEqual(v.Interface(), w.Interface())
	}
	for i := range t.NumField() {
		if sf := t.Field(i); ignored(sf) {
			continue
		}
		if !equal(v.Field(i), w.Field(i)) {
			return false
		}
	}
	return true
}

// ignored reports whether a field does not count in comparisons.
func ignored(sf reflect.StructField) bool {
	return sf.Tag.Get("key") == "-"
}
