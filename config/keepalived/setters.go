package keepalived

import (
	"time"
)

// These make handlers for the keywords that set one value. A value that is
// not valid is reported and not set.

// setInt reads a number within lo..hi.
func setInt(lo, hi int, to func(*reader) **int) handler {
	return func(r *reader, s *statement) {
		if n, ok := r.integer(s.words[1], s.words[0].text, lo, hi); ok {
			*to(r) = &n
		} else {
			r.damaged = true
		}
	}
}

// setSeconds reads a decimal number of seconds within lo..hi.
func setSeconds(lo, hi time.Duration, to func(*reader) **time.Duration) handler {
	return func(r *reader, s *statement) {
		if d, ok := r.seconds(s.words[1], s.words[0].text, lo, hi); ok {
			*to(r) = &d
		} else {
			r.damaged = true
		}
	}
}

// setBool reads an optional BOOL; the bare keyword is true.
func setBool(to func(*reader) **bool) handler {
	return func(r *reader, s *statement) {
		if v, ok := r.boolean(s); ok {
			*to(r) = &v
		} else {
			r.damaged = true
		}
	}
}

// setFlag sets a keyword that has no argument.
func setFlag(value bool, to func(*reader) *bool) handler {
	return func(r *reader, _ *statement) { *to(r) = value }
}

// or returns *p, or otherwise when p is nil.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// first returns the first that is not nil, or nil.
func first[T any](ps ...*T) *T {
	for _, p := range ps {
		if p != nil {
			return p
		}
	}
	return nil
}
