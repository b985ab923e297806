package lua

import (
	"errors"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// toNumber is tonumber(value [, base]). gopher-lua's own takes "1e+06", as
// programs print numbers, for no number.
func (s *state) toNumber(l *lua.LState) int {
	value, base := l.CheckAny(1), l.OptInt(2, 10)
	if base < 2 || base > 36 {
		l.ArgError(2, "want a base from 2 to 36")
	}
	text, isText := value.(lua.LString)
	switch {
	case isText:
		s.meter.work(l, len(text)/8)
		s.meter.charge(l, len(text)) // what is wrong with it is told with a copy
		n, ok := numberOf(strings.Trim(string(text), " \t\n\v\f\r"), base)
		if ok {
			l.Push(lua.LNumber(n))
			return 1
		}
	case value.Type() == lua.LTNumber && base == 10:
		l.Push(value)
		return 1
	}
	l.Push(lua.LNil)
	return 1
}

// numberOf reads a number: of digits of a base, or in base 10 also with a
// fraction and an exponent, or of hexadecimal digits behind 0x. One that is too
// large for a number of Lua is infinite.
func numberOf(text string, base int) (n float64, ok bool) {
	unsigned, negative := strings.CutPrefix(text, "-")
	if !negative {
		unsigned = strings.TrimPrefix(text, "+")
	}
	if base == 10 && strings.Trim(unsigned, "0123456789.eE+-") == "" {
		n, err := strconv.ParseFloat(text, 64)
		return n, err == nil || errors.Is(err, strconv.ErrRange)
	}
	if digits, hex := cutHex(unsigned); hex && (base == 10 || base == 16) {
		unsigned, base = digits, 16
	}
	if unsigned == "" || strings.ContainsAny(unsigned[:1], "+-") {
		return 0, false
	}
	whole, err := strconv.ParseUint(unsigned, base, 64)
	if err != nil {
		return 0, false
	}
	if n = float64(whole); negative {
		n = -n
	}
	return n, true
}

// cutHex cuts 0x off.
func cutHex(text string) (digits string, hex bool) {
	if len(text) > 2 && (strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0X")) {
		return text[2:], true
	}
	return text, false
}
