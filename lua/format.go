package lua

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// stringFormat is Lua 5.1's string.format. Widths and precisions have two
// digits at most, as there.
func (s *state) stringFormat(l *lua.LState) int {
	format := l.CheckString(1)
	var out strings.Builder
	add := func(piece string) {
		if out.Len()+len(piece) > maxString {
			s.meter.stop(l, "a string longer than %d KiB", maxString>>10)
		}
		s.meter.charge(l, 2*len(piece))
		out.WriteString(piece)
	}
	arg := 1
	for {
		i := strings.IndexByte(format, '%')
		if i < 0 {
			add(format)
			break
		}
		add(format[:i])
		format = format[i+1:]
		if strings.HasPrefix(format, "%") {
			add("%")
			format = format[1:]
			continue
		}
		n := specLength(format)
		if n < 0 {
			l.RaiseError("string.format: %%%.10s is no conversion: want %%[flags][width][.precision] with two digits at most, then one of d i u c x X o e E f g G s q", format)
		}
		arg++
		if arg > l.GetTop() {
			l.ArgError(arg, "no value for "+"%"+format[:n])
		}
		add(convert(l, arg, format[:n-1], format[n-1]))
		format = format[n:]
	}
	l.Push(lua.LString(out.String()))
	return 1
}

// specLength returns the length of the conversion that text starts with (the
// % is cut off), or -1 when it is none.
func specLength(text string) int {
	i := 0
	for i < len(text) && strings.IndexByte("-+ #0", text[i]) >= 0 {
		i++
	}
	digits := func() bool {
		from := i
		for i < len(text) && isDigit(text[i]) {
			i++
		}
		return i-from <= 2
	}
	if !digits() {
		return -1
	}
	if i < len(text) && text[i] == '.' {
		i++
		if !digits() {
			return -1
		}
	}
	if i >= len(text) || i > 10 || strings.IndexByte("diucxXoeEfgGsq", text[i]) < 0 {
		return -1
	}
	return i + 1
}

// convert renders one argument; flags are what stands between % and the verb.
func convert(l *lua.LState, arg int, flags string, verb byte) string {
	switch verb {
	case 'd', 'i', 'u', 'x', 'X', 'o', 'c':
		n := float64(l.CheckNumber(arg))
		if math.IsNaN(n) || n < math.MinInt64 || n >= math.MaxInt64 {
			l.ArgError(arg, "the number does not fit into an integer: "+strconv.FormatFloat(n, 'g', -1, 64))
		}
		switch verb {
		case 'c':
			width, _, _ := strings.Cut(flags, ".")
			return padded(string([]byte{byte(int64(n))}), width)
		case 'i':
			verb = 'd'
		case 'u', 'x', 'X', 'o':
			if verb == 'u' {
				verb = 'd'
			}
			flags = strings.NewReplacer("+", "", " ", "").Replace(flags) // they have no sign
			return fmt.Sprintf("%"+flags+string(verb), uint64(int64(n)))
		}
		return fmt.Sprintf("%"+flags+string(verb), int64(n))
	case 'q':
		return quote(l.CheckString(arg))
	case 's':
		return padded(l.ToStringMeta(l.CheckAny(arg)).String(), flags)
	}
	n := float64(l.CheckNumber(arg))
	if math.IsInf(n, 0) || math.IsNaN(n) {
		text := map[float64]string{math.Inf(1): "inf", math.Inf(-1): "-inf"}[n]
		if text == "" {
			text = "nan"
		} else if n > 0 && strings.ContainsRune(flags, '+') {
			text = "+inf"
		}
		if verb < 'a' {
			text = strings.ToUpper(text)
		}
		flags, _, _ = strings.Cut(flags, ".")
		return padded(text, flags)
	}
	if (verb == 'g' || verb == 'G') && !strings.ContainsRune(flags, '.') {
		flags += ".6" // Go's would be as many digits as it takes
	}
	return fmt.Sprintf("%"+flags+string(verb), n)
}

// padded is C's %s, which counts octets, where Go's counts characters.
func padded(text, flags string) string {
	width, precision, cut := strings.Cut(flags, ".")
	if most, _ := strconv.Atoi(precision); cut && most < len(text) { // none is 0
		text = text[:most]
	}
	digits := strings.TrimLeft(width, "-+ #0")
	least, _ := strconv.Atoi(digits) // at most two digits, or none
	room := strings.Repeat(" ", max(0, least-len(text)))
	if strings.ContainsRune(width[:len(width)-len(digits)], '-') {
		return text + room
	}
	return room + text
}

// quote renders a string so that Lua reads it back.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		switch c := text[i]; c {
		case '"', '\\', '\n':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\r':
			b.WriteString("\\r")
		case 0:
			b.WriteString("\\000")
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
