package udp

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// hexText is bytes in hexadecimal.
type hexText struct {
	given bool
	value []byte
}

var errDigits = errors.New("must be hexadecimal digits")

// UnmarshalJSON reads digits with blanks between them, as keepalived does: a
// digit that stands alone is a byte.
func (h *hexText) UnmarshalJSON(b []byte) error {
	text, err := jsonWord(b)
	if err != nil {
		return fmt.Errorf("payload %w", err)
	}
	value, _, err := digits(text)
	if err != nil || strings.ContainsAny(text, "xX") {
		return fmt.Errorf("payload %w", errDigits)
	}
	*h = hexText{true, value}
	return nil
}

// reply is what must be replied.
type reply struct {
	required bool
	// value is what the reply begins with, in the bits of mask.
	value, mask []byte
}

// UnmarshalJSON reads true, false, or digits with X for any.
func (r *reply) UnmarshalJSON(b []byte) error {
	text, err := jsonWord(b)
	if err != nil {
		return fmt.Errorf("require_reply %w", err)
	}
	switch text {
	case "true", "false":
		*r = reply{required: text == "true"}
		return nil
	}
	value, mask, err := digits(text)
	if err != nil {
		return fmt.Errorf("require_reply %w, true or false", err)
	}
	*r = reply{true, value, mask}
	return nil
}

// digits of one byte, for people.
func (r *reply) digits(i int) string {
	out := []byte(fmt.Sprintf("%02x", r.value[i]))
	for n := range out {
		if r.mask[i]<<(n*4)&0xf0 == 0 {
			out[n] = 'X'
		}
	}
	return string(out)
}

// jsonWord is a text, a number as it stands, or true or false.
func jsonWord(b []byte) (string, error) {
	var text string
	if json.Unmarshal(b, &text) == nil {
		return text, nil
	}
	switch b[0] {
	case '[', '{', 'n':
		return "", errDigits
	}
	return string(b), nil
}

// digits reads words of digits: two are a byte, and so is one at the end of a
// word. The bits of an X are not in the mask.
func digits(text string) (value, mask []byte, err error) {
	for word := range strings.FieldsSeq(text) {
		for len(word) > 0 {
			n := min(2, len(word))
			var v, m byte
			for _, c := range []byte(word[:n]) {
				v, m = v<<4, m<<4
				if c == 'x' || c == 'X' {
					continue
				}
				d, err := strconv.ParseUint(string(c), 16, 8)
				if err != nil {
					return nil, nil, errDigits
				}
				v, m = v|byte(d), m|0xf
			}
			if n == 1 {
				m |= 0xf0
			}
			value, mask = append(value, v), append(mask, m)
			word = word[n:]
		}
	}
	if len(value) == 0 {
		return nil, nil, errDigits
	}
	return value, mask, nil
}
