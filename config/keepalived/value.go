package keepalived

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// integer reads the number of a keyword. What is not a whole number within
// lo..hi is an error, and so is something behind it, unless keepalived takes the
// digits all the same: see exactNumbers.
func (r *reader) integer(w token, keyword string, lo, hi int) (int, bool) {
	digits := leading(w.text, false)
	n, err := strconv.Atoi(digits)
	if digits == "" || digits == "-" || digits == "+" || digits != w.text && (r.row == nil || !r.row.tail) {
		r.notNumber(digits == "" && lo <= 0, func() {
			r.out.error(w.at, "not-a-number", "%s takes a number%s, not %s", keyword, behindComma(between(lo, hi, strconv.Itoa)), quoted(w.text))
		})
		return 0, false
	}
	if err != nil || n < lo || n > hi {
		r.out.error(w.at, "out-of-range", "%s %s is out of range: it takes %s", keyword, printable(digits), between(lo, hi, strconv.Itoa))
		return 0, false
	}
	r.surplus(w, keyword, digits)
	return n, true
}

// seconds reads a decimal number of seconds, exactly, to the nanosecond.
func (r *reader) seconds(w token, keyword string, lo, hi time.Duration) (time.Duration, bool) {
	number := leading(w.text, true)
	d, ok := parseSeconds(number)
	if !ok || number != w.text && r.row != nil && r.row.exact {
		r.notNumber(number == "" && lo <= 0, func() {
			r.out.error(w.at, "not-a-number", "%s takes seconds%s, not %s", keyword, behindComma(between(lo, hi, decimal)), quoted(w.text))
		})
		return 0, false
	}
	if d < lo || d > hi {
		r.out.error(w.at, "out-of-range", "%s %s is out of range: it takes %s seconds", keyword, printable(number), between(lo, hi, decimal))
		return 0, false
	}
	r.surplus(w, keyword, number)
	return d, true
}

// notNumber says of a value that it is none. Where keepalived takes digits with something
// behind them, those without any are 0 for it when it runs, if that may be: a slip by which
// a server would have the weight 0. Here its line is ignored, whatever the keyword.
func (r *reader) notNumber(zero bool, say func()) {
	outer := r.out.becomes
	if zero && outer == lineIgnored && r.row != nil && r.row.tail {
		r.out.becomes = "the line is ignored; keepalived takes 0 for most such words when it runs"
	}
	say()
	r.out.becomes = outer
}

// between names the numbers from lo to hi, of which the least and the greatest
// there are mean no bound.
func between[T ~int | ~int64](lo, hi T, text func(T) string) string {
	least, most := T(math.MinInt64), T(math.MaxInt64)
	switch {
	case lo == least && hi == most:
		return ""
	case hi == most:
		return "at least " + text(lo)
	case lo == least:
		return "at most " + text(hi)
	}
	return text(lo) + ".." + text(hi)
}

// behindComma puts a comma before what is not empty.
func behindComma(text string) string {
	if text == "" {
		return ""
	}
	return ", " + text
}

// surplus warns about what stands behind a number.
func (r *reader) surplus(w token, keyword, number string) {
	if rest := w.text[len(number):]; rest != "" {
		r.out.warn(w.at, "surplus-characters", "%s: %s behind the number is not read, %s is taken", keyword, quoted(rest), printable(number))
	}
}

// leading returns the number that s begins with: a sign, digits, and with
// fraction a point and more digits.
func leading(s string, fraction bool) string {
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || fraction && s[i] == '.') {
		if s[i] == '.' {
			fraction = false
		}
		i++
	}
	return s[:i]
}

// parseSeconds reads a decimal without going through floating point.
func parseSeconds(s string) (time.Duration, bool) {
	body := strings.TrimPrefix(s, "+")
	negative := strings.HasPrefix(body, "-")
	body = strings.TrimPrefix(body, "-")
	whole, part, _ := strings.Cut(body, ".")
	if whole == "" && part == "" {
		return 0, false
	}
	const nines = 9
	var n int64
	if whole != "" {
		v, err := strconv.ParseInt(whole, 10, 64)
		if err != nil || v > int64(1<<62/time.Second) {
			// Beyond every range; the caller names the range.
			v = int64(1 << 62 / time.Second)
		}
		n = v * int64(time.Second)
	}
	if len(part) > nines {
		part = part[:nines]
	}
	if part != "" {
		v, err := strconv.ParseInt(part+strings.Repeat("0", nines-len(part)), 10, 64)
		if err != nil {
			return 0, false
		}
		n += v
	}
	if negative {
		n = -n
	}
	return time.Duration(n), true
}

// decimal renders d in seconds, as the language writes them.
func decimal(d time.Duration) string {
	s := strconv.FormatInt(int64(d/time.Second), 10)
	if part := d % time.Second; part != 0 {
		s += "." + strings.TrimRight(strconv.FormatInt(int64(time.Second+part), 10)[1:], "0")
	}
	return s
}

// boolean reads the optional BOOL of a keyword.
func (r *reader) boolean(s *statement) (value, ok bool) {
	if len(s.words) < 2 {
		return true, true
	}
	switch s.words[1].text {
	case "true", "on", "yes":
		return true, true
	case "false", "off", "no":
		return false, true
	}
	r.out.error(s.words[1].at, "not-a-boolean", "%s takes true, on, yes, false, off or no, not %s", s.words[0].text, quoted(s.words[1].text))
	return false, false
}

// prefix reads ADDR[/LEN]; the length is that of a host by default. Host bits
// are kept.
func prefix(s string) (netip.Prefix, bool) {
	host, length, cut := strings.Cut(s, "/")
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" || a.Is4In6() {
		return netip.Prefix{}, false
	}
	bits := a.BitLen()
	if cut {
		if bits, err = strconv.Atoi(length); err != nil || bits < 0 || bits > a.BitLen() {
			return netip.Prefix{}, false
		}
	}
	return netip.PrefixFrom(a, bits), true
}

// interfaceName checks the kernel's rule for names: 1 to 15 bytes, no blank,
// slash or colon.
func (r *reader) interfaceName(w token, keyword string) (string, bool) {
	if len(w.text) == 0 || len(w.text) > 15 || strings.ContainsAny(w.text, "/: \t") || w.text == "." || w.text == ".." {
		r.out.error(w.at, "bad-interface", "%s %s is not an interface name: at most 15 bytes without blank, / and :", keyword, quoted(w.text))
		return "", false
	}
	return w.text, true
}
