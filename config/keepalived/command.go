package keepalived

import (
	"errors"
	"strings"
)

// errOpenQuote is returned by commandWords for a quote that is not closed.
var errOpenQuote = errors.New("a quote is not closed")

// commandWords cuts the text of a script-valued keyword into words, as
// keepalived's second tokenizer does: blanks separate, single
// and double quotes protect them, may stand within a word and are removed,
// and a backslash escapes in and out of quotes.
func commandWords(text string) ([]string, error) {
	var words []string
	for i := 0; ; {
		i += blanks(text[i:])
		if i == len(text) {
			return words, nil
		}
		word, n, err := commandWord(text[i:])
		if err != nil {
			return nil, err
		}
		words = append(words, word)
		i += n
	}
}

// commandWord returns the first word of text and the bytes it took.
func commandWord(text string) (string, int, error) {
	var b strings.Builder
	var quote byte
	i := 0
	for i < len(text) {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			n := unescape(&b, text[i+1:])
			i += 1 + n
			continue
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && blank(c):
			return b.String(), i, nil
		default:
			b.WriteByte(c)
		}
		i++
	}
	if quote != 0 {
		return "", 0, errOpenQuote
	}
	return b.String(), i, nil
}

// unescape writes what the escape sequence at the beginning of s, behind its
// backslash, stands for and returns its length.
func unescape(b *strings.Builder, s string) int {
	const letters, values = `abEfnrtv`, "\a\b\x1b\f\n\r\t\v"
	if k := strings.IndexByte(letters, s[0]); k >= 0 {
		b.WriteByte(values[k])
		return 1
	}
	switch {
	case s[0] == 'x' && len(s) > 1 && digit(s[1], 16) >= 0:
		v := digit(s[1], 16)
		n := 2
		if len(s) > 2 && digit(s[2], 16) >= 0 {
			v, n = v<<4|digit(s[2], 16), 3
		}
		b.WriteByte(byte(v))
		return n
	case s[0] == 'c' && len(s) > 1:
		b.WriteByte(s[1] & 0x1f)
		return 2
	case digit(s[0], 8) >= 0:
		v, n := 0, 0
		for n < 3 && n < len(s) && digit(s[n], 8) >= 0 {
			v = v<<3 | digit(s[n], 8)
			n++
		}
		b.WriteByte(byte(v))
		return n
	}
	b.WriteByte(s[0])
	return 1
}

// digit returns the value of c in base, or -1.
func digit(c byte, base int) int {
	v := strings.IndexByte("0123456789abcdef", c|0x20)
	if c < '0' || v >= base {
		return -1
	}
	return v
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f' }
