package config

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Hex is bytes that are written in hexadecimal.
type Hex string

// MarshalText renders two digits for each byte.
func (h Hex) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString([]byte(h))), nil }

// UnmarshalText reads hexadecimal digits. Blanks may stand between bytes; a
// digit that stands alone is a byte.
func (h *Hex) UnmarshalText(text []byte) error {
	value, mask, err := hexWords(string(text))
	if err != nil {
		return err
	}
	for i := range len(mask) {
		if mask[i] != 0xff {
			return fmt.Errorf("must be hexadecimal digits: an X stands for any digit in a reply only")
		}
	}
	*h = Hex(value)
	return nil
}

// Reply is what a UDP_CHECK must be answered.
type Reply struct {
	Required bool
	// Value is what the reply begins with, in the bits that Mask has set. They
	// are of one length; empty is any reply.
	Value, Mask string
}

// MarshalText renders false, true, or the digits.
func (r Reply) MarshalText() ([]byte, error) {
	if r.Value == "" {
		return []byte(strconv.FormatBool(r.Required)), nil
	}
	digits := []byte(hex.EncodeToString([]byte(r.Value)))
	for i := range digits {
		if r.Mask[i/2]<<(i%2*4)&0xf0 == 0 {
			digits[i] = 'X'
		}
	}
	return digits, nil
}

// UnmarshalText reads true, false, or hexadecimal digits with X for any digit.
func (r *Reply) UnmarshalText(text []byte) error {
	switch s := string(text); s {
	case "true", "false":
		*r = Reply{Required: s == "true"}
		return nil
	default:
		value, mask, err := hexWords(s)
		if err != nil {
			return err
		}
		*r = Reply{Required: true, Value: value, Mask: mask}
		return nil
	}
}

// hexWords reads hexadecimal digits in words: two digits are a byte, and so is
// one at the end of a word. The mask of an X is empty.
func hexWords(text string) (value, mask string, err error) {
	var v, m strings.Builder
	for word := range strings.FieldsSeq(text) {
		for len(word) > 0 {
			n := min(2, len(word))
			var b, set byte
			for i := range n {
				b, set = b<<4, set<<4
				if c := word[i]; c == 'x' || c == 'X' {
					continue
				}
				d, err := strconv.ParseUint(word[i:i+1], 16, 8)
				if err != nil {
					return "", "", fmt.Errorf("must be hexadecimal digits")
				}
				b, set = b|byte(d), set|0xf
			}
			if n == 1 {
				set |= 0xf0
			}
			v.WriteByte(b)
			m.WriteByte(set)
			word = word[n:]
		}
	}
	if v.Len() == 0 {
		return "", "", fmt.Errorf("must be hexadecimal digits")
	}
	return v.String(), m.String(), nil
}

// Digest is an MD5 sum, of 16 bytes; the empty one is none.
type Digest string

// MarshalText renders 32 digits.
func (d Digest) MarshalText() ([]byte, error) { return Hex(d).MarshalText() }

// UnmarshalText reads 32 hexadecimal digits.
func (d *Digest) UnmarshalText(text []byte) error {
	sum, err := hex.DecodeString(string(text))
	if err != nil || len(sum) != 16 {
		return fmt.Errorf("must be an MD5 sum of 32 hexadecimal digits")
	}
	*d = Digest(sum)
	return nil
}

// SHA256 is a SHA-256 sum, of 32 bytes; the empty one is none.
type SHA256 string

// MarshalText renders 64 digits.
func (d SHA256) MarshalText() ([]byte, error) { return Hex(d).MarshalText() }

// UnmarshalText reads 64 hexadecimal digits.
func (d *SHA256) UnmarshalText(text []byte) error {
	sum, err := hex.DecodeString(string(text))
	if err != nil || len(sum) != 32 {
		return fmt.Errorf("must be a SHA-256 sum of 64 hexadecimal digits")
	}
	*d = SHA256(sum)
	return nil
}

// StatusCodes are the status codes of HTTP that are right. The zero value is
// 200-299, what keepalived takes when none are written.
type StatusCodes struct {
	// set has a bit for each code from 100 to 599.
	set [8]uint64
}

const firstStatus, lastStatus = 100, 599

// Contains reports whether a code is one of them.
func (s StatusCodes) Contains(code int) bool {
	switch {
	case code < firstStatus || code > lastStatus:
		return false
	case s == StatusCodes{}:
		return code >= 200 && code <= 299
	}
	i := code - firstStatus
	return s.set[i/64]>>(i%64)&1 != 0
}

// Add makes the codes of o right, too.
func (s *StatusCodes) Add(o StatusCodes) {
	for i := range s.set {
		s.set[i] |= o.set[i]
	}
}

// MarshalText renders the codes and ranges, in order.
func (s StatusCodes) MarshalText() ([]byte, error) {
	var words []string
	for code := firstStatus; code <= lastStatus; code++ {
		if !s.Contains(code) {
			continue
		}
		from := code
		for s.Contains(code + 1) {
			code++
		}
		if from == code {
			words = append(words, strconv.Itoa(from))
		} else {
			words = append(words, fmt.Sprintf("%d-%d", from, code))
		}
	}
	return []byte(strings.Join(words, " ")), nil
}

// UnmarshalText reads codes and ranges, with blanks between them.
func (s *StatusCodes) UnmarshalText(text []byte) error {
	var out StatusCodes
	for word := range strings.FieldsSeq(string(text)) {
		low, high, isRange := strings.Cut(word, "-")
		if !isRange {
			high = low
		}
		from, err := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		if err != nil || err2 != nil || from < firstStatus || to > lastStatus || from > to {
			return fmt.Errorf("must be status codes from 100 to 599 and ranges of them, such as 200-299 404")
		}
		for i := from - firstStatus; i <= to-firstStatus; i++ {
			out.set[i/64] |= 1 << (i % 64)
		}
	}
	if out == (StatusCodes{}) {
		return fmt.Errorf("must be status codes from 100 to 599 and ranges of them, such as 200-299 404")
	}
	*s = out
	return nil
}

// RegexStack is the stack of a pattern in bytes; the zero value is PCRE2's own.
type RegexStack struct{ Start, Max int }

// MarshalText renders the two sizes.
func (s RegexStack) MarshalText() ([]byte, error) {
	if s == (RegexStack{}) {
		return nil, nil
	}
	return fmt.Appendf(nil, "%d %d", s.Start, s.Max), nil
}

// UnmarshalText reads the two sizes, with a blank between them.
func (s *RegexStack) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	if len(words) == 2 {
		start, err := strconv.ParseUint(words[0], 10, 31)
		most, err2 := strconv.ParseUint(words[1], 10, 31)
		if err == nil && err2 == nil && start > 0 && start <= most {
			*s = RegexStack{int(start), int(most)}
			return nil
		}
	}
	return fmt.Errorf("must be two sizes in bytes, the second not below the first")
}

// DNSNameFault says what keeps a query from carrying a name (RFC 1035 section
// 2.3.4), as the end of "a name has ..."; it is empty when nothing does. A dot
// at the end says that the name is complete, as every name here is.
func DNSNameFault(name string) string {
	const longest, longestLabel = 253, 63
	bare := strings.TrimSuffix(name, ".")
	if name == "." {
		return ""
	}
	if len(bare) > longest {
		return "at most 253 bytes"
	}
	for label := range strings.SplitSeq(bare, ".") {
		switch {
		case label == "":
			return "no empty label"
		case len(label) > longestLabel:
			return "labels of at most 63 bytes"
		}
	}
	return ""
}
