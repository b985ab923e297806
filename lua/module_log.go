package lua

import (
	"log/slog"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// maxLogLines is how many lines one call may log. What goes beyond is dropped,
// which the last line says, so that a loop cannot flood the daemon's log.
const maxLogLines = 20

func (s *state) logInfo(l *lua.LState) int  { return s.log(l, slog.LevelInfo) }
func (s *state) logWarn(l *lua.LState) int  { return s.log(l, slog.LevelWarn) }
func (s *state) logError(l *lua.LState) int { return s.log(l, slog.LevelError) }

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
	switch {
	case s.lines < maxLogLines:
		s.opts.Log(level, oneLine(strings.Join(words, " ")))
	case s.lines == maxLogLines:
		s.opts.Log(level, oneLine(strings.Join(words, " "))+" (further lines of this call are dropped)")
	}
	return 0
}
