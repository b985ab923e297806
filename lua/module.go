package lua

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// moduleNames returns the modules that scripts can require, sorted.
func moduleNames() []string {
	return []string{"exec", "file", "http", "log", "process", "tcp", "time"}
}

// builtin reports whether a required name is one of our modules.
func builtin(name string) bool { return slices.Contains(moduleNames(), name) }

// module returns the functions of one of our modules.
func (s *state) module(name string) map[string]lua.LGFunction {
	switch name {
	case "exec":
		return map[string]lua.LGFunction{"run": s.execRun}
	case "file":
		return map[string]lua.LGFunction{
			"exists": s.fileExists, "read": s.fileRead, "age": s.fileAge,
			"size": s.fileSize, "write": s.fileWrite, "append": s.fileAppend,
		}
	case "http":
		return map[string]lua.LGFunction{"get": s.httpGet, "post": s.httpPost}
	case "log":
		return map[string]lua.LGFunction{"info": s.logInfo, "warn": s.logWarn, "error": s.logError}
	case "process":
		return map[string]lua.LGFunction{"running": s.processRunning, "count": s.processCount}
	case "tcp":
		return map[string]lua.LGFunction{"connect": s.tcpConnect}
	case "time":
		return map[string]lua.LGFunction{
			"now": s.timeNow, "monotonic": s.timeMonotonic, "format": s.timeFormat, "sleep": s.timeSleep,
		}
	}
	return nil
}

// require returns one of our modules, or what a file of the script's folder
// returns. Each is made once per state.
func (s *state) require(l *lua.LState) int {
	name := l.CheckString(1)
	value, known := s.modules[name]
	switch {
	case known && value == nil:
		l.RaiseError("require %q: the files require each other in a circle", name)
	case known:
	case builtin(name):
		value = l.SetFuncs(l.NewTable(), s.module(name))
	case s.script.files[name] != nil:
		s.modules[name] = nil
		made, err := s.runChunk(s.script.files[name])
		if err != nil {
			// Not made: another require runs the file again.
			delete(s.modules, name)
			l.Error(raised(err), 0)
		}
		if made == lua.LNil {
			made = lua.LTrue
		}
		value = made
	default:
		l.RaiseError("require %q: it was not there when the script was loaded; give the name in quotes, not in a variable", name)
	}
	s.modules[name] = value
	l.Push(value)
	return 1
}

// act is the beginning of every function that waits or has effects. It raises
// an error when the call is over, or when the script is only being loaded.
func (s *state) act(l *lua.LState, function string) {
	s.meter.live(l)
	if s.loading {
		l.RaiseError("%s: not while the script is loaded; call it inside a function", function)
	}
}

// need raises an error unless the configuration granted what a function needs.
func (s *state) need(l *lua.LState, function, grant string) {
	if !slices.Contains(s.opts.Allow, grant) {
		l.RaiseError("%s: not allowed; the configuration must grant it: allow: [%s]", function, grant)
	}
}

// fields are the named arguments of a function.
type fields struct {
	l        *lua.LState
	function string
	table    *lua.LTable
}

// options reads the table at argument n, which may be missing, and raises an
// error when it has a field that is not among names.
func options(l *lua.LState, n int, function string, names ...string) fields {
	f := fields{l: l, function: function, table: l.OptTable(n, nil)}
	if f.table == nil {
		return f
	}
	f.table.ForEach(func(key, _ lua.LValue) {
		if name, ok := key.(lua.LString); !ok || !slices.Contains(names, string(name)) {
			l.RaiseError("%s: there is no option %q; the options are %s", function, key.String(), strings.Join(names, ", "))
		}
	})
	return f
}

func (f fields) get(name string) lua.LValue {
	if f.table == nil {
		return lua.LNil
	}
	return f.table.RawGetString(name)
}

// text returns a string option, or "" when it is not given.
func (f fields) text(name string) string {
	switch v := f.get(name).(type) {
	case *lua.LNilType:
		return ""
	case lua.LString:
		return string(v)
	default:
		f.l.RaiseError("%s: %s must be a string, not a %s value", f.function, name, v.Type())
		return ""
	}
}

// seconds returns an option that is a time in seconds, or 0 when it is not
// given.
func (f fields) seconds(name string) time.Duration {
	switch v := f.get(name).(type) {
	case *lua.LNilType:
		return 0
	case lua.LNumber:
		return seconds(f.l, f.function+": "+name, float64(v))
	default:
		f.l.RaiseError("%s: %s must be a number of seconds, not a %s value", f.function, name, v.Type())
		return 0
	}
}

// seconds turns a number of seconds into a duration; it raises an error for
// one that is not positive or longer than a day.
func seconds(l *lua.LState, what string, n float64) time.Duration {
	if math.IsNaN(n) || n <= 0 || n > 86400 {
		l.RaiseError("%s must be a number of seconds above 0, at most 86400, not %g", what, n)
	}
	return time.Duration(n * float64(time.Second))
}

// limited returns the call's context with an own, earlier deadline when
// timeout is not 0.
func (s *state) limited(timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return context.WithCancel(s.meter.ctx)
	}
	return context.WithTimeout(s.meter.ctx, timeout)
}

// path returns a file's path; a relative one counts from the script's folder.
func (s *state) path(l *lua.LState, n int) string {
	path := l.CheckString(n)
	if path == "" {
		l.ArgError(n, "the path is empty")
	}
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.script.dir, path)
}

// failed pushes nil and a reason, the way in which modules say that the world
// did not do what was asked. Wrong arguments raise errors instead.
func (s *state) failed(l *lua.LState, format string, args ...any) int {
	s.meter.live(l)
	text := oneLine(fmt.Sprintf(format, args...))
	s.meter.chargeString(l, len(text))
	l.Push(lua.LNil)
	l.Push(lua.LString(text))
	return 2
}
