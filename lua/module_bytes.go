package lua

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func bytesModule() Module {
	text := arg("text", "string", "the octets")
	one := []Value{ret("string", "the octets")}
	format := arg("format", "string", `a letter for each value, with spaces between them if you like: > and < for what is big endian and little endian from there on (> at first); `+
		`b B one octet, h H two, t T three, i I four, j J eight, of a signed and an unsigned integer; z a text and a zero octet behind it; sN a text with its length before it in N octets (1 to 4); aN the text of N octets`)
	return Module{
		Name: "bytes",
		Doc:  "What protocols that are not text are made of.",
		Functions: []Function{
			{Name: "pack", Doc: "puts values one behind the other", Params: []Value{format, arg("...", "any", "the values, numbers and strings")}, Returns: one, call: bytesPack},
			{
				Name: "unpack", Doc: "takes values apart; raises an error when the octets are too few", Params: []Value{format, text, opt("from", "integer", "where to begin, 1 unless given")},
				Returns: []Value{ret("any", "the values"), ret("integer", "where what follows begins")}, call: bytesUnpack,
			},
			{Name: "xor", Doc: "combines two texts of the same length bit by bit", Params: []Value{text, arg("other", "string", "the other octets")}, Returns: one, call: bytesXor},
			{Name: "random", Doc: "octets that nobody can guess", Params: []Value{arg("n", "integer", "how many, at most 1,024")}, Returns: one, call: bytesRandom},
			{Name: "hex", Doc: "the hexadecimal digits of octets", Params: []Value{text}, Returns: []Value{ret("string", "the digits")}, call: bytesHex},
			{Name: "unhex", Doc: "the octets of hexadecimal digits", Params: []Value{arg("digits", "string", "the digits")}, Returns: one, Fails: true, call: bytesUnhex},
			{Name: "base64", Doc: "octets in base 64", Params: []Value{text}, Returns: []Value{ret("string", "in base 64")}, call: bytesBase64},
			{Name: "unbase64", Doc: "the octets of a text in base 64", Params: []Value{arg("encoded", "string", "with or without = at its end")}, Returns: one, Fails: true, call: bytesUnbase64},
		},
	}
}

// item is one letter of a format.
type item struct {
	letter byte
	// size is the octets of a number, of a text's length, or of the text.
	size   int
	little bool
}

// layout reads a format.
func (c call) layout(format string) []item {
	var items []item
	little := false
	for i := 0; i < len(format); i++ {
		letter := format[i]
		size := 0
		switch letter {
		case ' ':
			continue
		case '<', '>':
			little = letter == '<'
			continue
		case 'z':
		case 'b', 'B':
			size = 1
		case 'h', 'H':
			size = 2
		case 't', 'T':
			size = 3
		case 'i', 'I':
			size = 4
		case 'j', 'J':
			size = 8
		case 's', 'a':
			for ; i+1 < len(format) && isDigit(format[i+1]) && size < maxString; i++ {
				size = size*10 + int(format[i+1]-'0')
			}
			if size < 1 || letter == 's' && size > 4 || size > maxString {
				c.l.ArgError(1, fmt.Sprintf("%c%d: want a number behind %c", letter, size, letter))
			}
		default:
			c.l.ArgError(1, fmt.Sprintf("there is no letter %q in a format", string(letter)))
		}
		if len(items) == maxValues {
			c.l.ArgError(1, "the format is too long")
		}
		items = append(items, item{letter, size, little})
	}
	return items
}

func put(b []byte, v uint64, size int, little bool) []byte {
	for i := range size {
		shift := 8 * (size - 1 - i)
		if little {
			shift = 8 * i
		}
		b = append(b, byte(v>>shift))
	}
	return b
}

func get(b string, little bool) (v uint64) {
	for i := range len(b) {
		at := i
		if little {
			at = len(b) - 1 - i
		}
		v = v<<8 | uint64(b[at])
	}
	return v
}

func bytesPack(c call) int {
	var out []byte
	for i, it := range c.layout(c.l.CheckString(1)) {
		n := i + 2
		switch it.letter {
		case 'z', 's', 'a':
			text := c.l.CheckString(n)
			c.s.meter.chargeCopies(c.l, len(out)+len(text), 2)
			switch {
			case it.letter == 'z' && strings.ContainsRune(text, 0):
				c.l.ArgError(n, "a text with a zero octet cannot end with one")
			case it.letter == 's' && uint64(len(text)) >= 1<<(8*it.size):
				c.l.ArgError(n, "the text is too long for its length")
			case it.letter == 'a' && len(text) != it.size:
				c.l.ArgError(n, fmt.Sprintf("want a text of %d octets, not %d", it.size, len(text)))
			}
			if it.letter == 's' {
				out = put(out, uint64(len(text)), it.size, it.little)
			}
			out = append(out, text...)
			if it.letter == 'z' {
				out = append(out, 0)
			}
		default:
			v := float64(c.l.CheckNumber(n))
			lowest, highest := -float64(uint64(1)<<(8*it.size-1)), 2*float64(uint64(1)<<(8*it.size-1))
			if !(v >= lowest && v < highest) || v != float64(int64(v)) && v < 1<<63 {
				c.l.ArgError(n, fmt.Sprintf("%g is no integer of %d octets", v, it.size))
			}
			bits := uint64(int64(v))
			if v >= 1<<63 {
				bits = uint64(v)
			}
			c.s.meter.charge(c.l, 16)
			out = put(out, bits, it.size, it.little)
		}
	}
	return c.text(string(out))
}

func bytesUnpack(c call) int {
	format, text := c.l.CheckString(1), c.l.CheckString(2)
	at := c.l.OptInt(3, 1) - 1
	if at < 0 || at > len(text) {
		c.l.ArgError(3, "the position is outside of the text")
	}
	take := func(n int) string {
		if n > len(text)-at {
			c.l.RaiseError("%s: %d octets are wanted at %d, and %d are left", c.name, n, at+1, len(text)-at)
		}
		at += n
		return text[at-n : at]
	}
	items := c.layout(format)
	c.s.meter.charge(c.l, costItem*len(items))
	for _, it := range items {
		switch it.letter {
		case 'a':
			c.text(strings.Clone(take(it.size)))
		case 's':
			c.text(strings.Clone(take(int(get(take(it.size), it.little)))))
		case 'z':
			end := strings.IndexByte(text[at:], 0)
			if end < 0 {
				c.l.RaiseError("%s: there is no zero octet behind the text at %d", c.name, at+1)
			}
			c.text(strings.Clone(take(end)))
			at++
		default:
			v := get(take(it.size), it.little)
			if it.letter >= 'a' && v>>(8*it.size-1) == 1 { // negative
				c.push(lua.LNumber(int64(v) - int64(1)<<(8*it.size-1)*2))
			} else {
				c.push(lua.LNumber(v))
			}
		}
	}
	c.push(lua.LNumber(at + 1))
	return len(items) + 1
}

func bytesXor(c call) int {
	a, b := c.l.CheckString(1), c.l.CheckString(2)
	if len(a) != len(b) {
		c.l.ArgError(2, fmt.Sprintf("want %d octets, as the other has, not %d", len(a), len(b)))
	}
	c.s.meter.chargeCopies(c.l, len(a), 2)
	out := []byte(a)
	for i := range out {
		out[i] ^= b[i]
	}
	return c.push(lua.LString(out))
}

func bytesRandom(c call) int {
	n := c.l.CheckInt(1)
	if n < 1 || n > 1024 {
		c.l.ArgError(1, "want 1 to 1024 octets")
	}
	out := make([]byte, n)
	_, _ = rand.Read(out) // it never fails
	return c.text(string(out))
}

func bytesHex(c call) int {
	text := c.l.CheckString(1)
	c.s.meter.chargeString(c.l, 2*len(text))
	return c.text(hex.EncodeToString([]byte(text)))
}

func bytesUnhex(c call) int {
	out, err := hex.DecodeString(c.l.CheckString(1))
	if err != nil {
		return c.fail("%v", err)
	}
	return c.text(string(out))
}

func bytesBase64(c call) int {
	text := c.l.CheckString(1)
	c.s.meter.chargeCopies(c.l, len(text), 2)
	return c.text(base64.StdEncoding.EncodeToString([]byte(text)))
}

func bytesUnbase64(c call) int {
	text := strings.TrimRight(c.l.CheckString(1), "=")
	out, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return c.fail("%v", err)
	}
	return c.text(string(out))
}
