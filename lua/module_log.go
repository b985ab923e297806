package lua

import (
	"log/slog"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// maxLogLines is how many lines one call may log. What goes beyond is dropped,
// which the last line says, so that a loop cannot flood the daemon's log.
const maxLogLines = 20

func logInfo(c call) int  { return c.s.log(c.l, slog.LevelInfo) }
func logWarn(c call) int  { return c.s.log(c.l, slog.LevelWarn) }
func logError(c call) int { return c.s.log(c.l, slog.LevelError) }

func logModule() Module {
	m := Module{Name: "log", Doc: "Lines in the daemon's log. All arguments are written, separated by spaces. A line has at most 1,024 octets and a call writes 20 lines; more are dropped, which the last one says."}
	for _, level := range []struct {
		name string
		call func(call) int
	}{{"info", logInfo}, {"warn", logWarn}, {"error", logError}} {
		m.Functions = append(m.Functions, Function{Name: level.name, Doc: "writes a line of this level", Params: []Value{arg("...", "any", "what to write")}, call: level.call})
	}
	return m
}

// log hands one line, made of all arguments, to the daemon.
func (s *state) log(l *lua.LState, level slog.Level) int {
	s.meter.live(l)
	var words []string
	size := 0
	for i := 1; i <= l.GetTop() && size <= maxLine; i++ {
		word := l.ToStringMeta(l.Get(i)).String()
		size += len(word) + 1
		words = append(words, word[:min(len(word), maxLine+1)])
	}
	s.meter.charge(l, min(size, 2*maxLine))
	s.lines++
	if s.lines > maxLogLines {
		return 0
	}
	line := oneLine(strings.Join(words, " "))
	if s.lines == maxLogLines {
		line += " (further lines of this call are dropped)"
	}
	s.leave()
	defer s.enter()
	s.opts.Log(level, line)
	return 0
}
