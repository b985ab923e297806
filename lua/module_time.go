package lua

import (
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

func timeModule() Module {
	return Module{
		Name: "time",
		Doc:  "Clocks and waiting.",
		Functions: []Function{
			{Name: "now", Doc: "the time since 1970", Returns: []Value{ret("number", "the time").in("s")}, call: timeNow},
			{Name: "monotonic", Doc: "a clock that is never set, for measuring; its zero means nothing", Returns: []Value{ret("number", "the time").in("s")}, call: timeMonotonic},
			{Name: "sleep", Doc: "waits, at most until the call's deadline", Params: []Value{arg("seconds", "number", "how long").in("s")}, Acts: true, call: timeSleep, accept: func(c call) { c.pause() }},
			{
				Name: "format", Doc: "what date(1) prints for +format, in local time; the conversions are %Y %m %d %H %M %S %F %T %z %Z %a %b %s %%",
				Params:  []Value{opt("format", "string", `"%F %T" unless given`), opt("time", "number", "since 1970; now unless given").in("s")},
				Returns: []Value{ret("string", "the text")}, call: timeFormat, accept: acceptFormat,
			},
		},
	}
}

// timeNow is time.now().
func timeNow(c call) int {
	l := c.l
	l.Push(lua.LNumber(float64(time.Now().UnixMicro()) / 1e6))
	return 1
}

// timeMonotonic is time.monotonic(): seconds since the state was made.
func timeMonotonic(c call) int {
	s, l := c.s, c.l
	l.Push(lua.LNumber(time.Since(s.born).Seconds()))
	return 1
}

// pause is how long time.sleep is to wait.
func (c call) pause() time.Duration {
	return seconds(c.l, "time.sleep: the argument", float64(c.l.CheckNumber(1)))
}

// timeSleep is time.sleep(seconds).
func timeSleep(c call) int {
	s, l := c.s, c.l
	timer := time.NewTimer(c.pause())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.meter.ctx.Done():
	}
	s.meter.live(l)
	return 0
}

// acceptFormat raises the errors of time.format, which only computes.
func acceptFormat(c call) {
	top := c.l.GetTop()
	timeFormat(c)
	c.l.SetTop(top)
}

// timeFormat is time.format([format [, time]]), in the local time zone, with
// those of date(1)'s conversions that have one meaning everywhere.
func timeFormat(c call) int {
	s, l := c.s, c.l
	format := l.OptString(1, "%F %T")
	when := time.Now()
	if l.GetTop() >= 2 {
		n := float64(l.CheckNumber(2))
		if !(n > -1e11 && n < 1e11) {
			l.ArgError(2, "want seconds since 1970")
		}
		when = time.UnixMicro(int64(n * 1e6))
	}
	s.meter.chargeString(l, 8*len(format))
	var b strings.Builder
	for {
		i := strings.IndexByte(format, '%')
		if i < 0 || i+1 == len(format) {
			b.WriteString(format)
			break
		}
		b.WriteString(format[:i])
		layout, ok := layoutOf(format[i+1])
		if !ok {
			l.ArgError(1, "there is no conversion %"+format[i+1:i+2]+"; the conversions are %Y %m %d %H %M %S %F %T %z %Z %a %b %s %%")
		}
		switch format[i+1] {
		case '%':
			b.WriteByte('%')
		case 's':
			b.WriteString(lua.LNumber(when.Unix()).String())
		default:
			b.WriteString(when.Format(layout))
		}
		format = format[i+2:]
	}
	l.Push(lua.LString(b.String()))
	return 1
}

// layoutOf returns Go's layout for a conversion, empty for % and s.
func layoutOf(conversion byte) (string, bool) {
	switch conversion {
	case 'Y':
		return "2006", true
	case 'm':
		return "01", true
	case 'd':
		return "02", true
	case 'H':
		return "15", true
	case 'M':
		return "04", true
	case 'S':
		return "05", true
	case 'F':
		return "2006-01-02", true
	case 'T':
		return "15:04:05", true
	case 'z':
		return "-0700", true
	case 'Z':
		return "MST", true
	case 'a':
		return "Mon", true
	case 'b':
		return "Jan", true
	case 's', '%':
		return "", true
	}
	return "", false
}
