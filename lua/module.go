package lua

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// moduleNames returns the modules that scripts can require, sorted.
func moduleNames() []string {
	return []string{
		"bytes", "dns", "env", "exec", "file", "hash", "http", "icmp", "json", "log", "mail",
		"metric", "net", "node", "process", "re2", "store", "systemd", "tcp", "time", "udp", "webhook",
	}
}

// modules returns the descriptions of our modules, which the caller may not
// change. They are made once: each state binds the functions of one description,
// which is larger than what the state adds to it.
var modules = sync.OnceValue(func() []Module { return explainFailures(describeModules()) })

// describeModules describes our modules, in the order of moduleNames.
func describeModules() []Module {
	return []Module{
		bytesModule(), dnsModule(), envModule(), execModule(), fileModule(), hashModule(), httpModule(), icmpModule(), jsonModule(), logModule(), mailModule(),
		metricModule(), netModule(), nodeModule(), processModule(), re2Module(), storeModule(), systemdModule(), tcpModule(), timeModule(), udpModule(), webhookModule(),
	}
}

// moduleNamed returns the description of one of our modules, nil when there is
// none of that name.
func moduleNamed(name string) *Module {
	all := modules()
	i, ok := slices.BinarySearchFunc(all, name, func(m Module, name string) int { return strings.Compare(m.Name, name) })
	if !ok {
		return nil
	}
	return &all[i]
}

// builtin reports whether a required name is one of our modules.
func builtin(name string) bool { return slices.Contains(moduleNames(), name) }

// require returns one of our modules, or what a file of the script's folder
// returns. Each is made once per state.
func (s *state) require(l *lua.LState) int {
	name := l.CheckString(1)
	value, known := s.modules[name]
	switch {
	case known && value == nil:
		l.RaiseError("require %q: the files require each other in a circle", brief(name))
	case known:
	case s.stubs != nil && name == stubName:
		value = s.stubs.module()
	case s.stubs != nil && name == testName:
		value = s.stubs.testModule()
	case builtin(name):
		value = s.makeModule(name)
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
		if s.stubs != nil && slices.Contains(clientNames(), name) {
			value = s.stubs.client(name, made)
		}
	default:
		l.RaiseError("require %q: it was not there when the script was loaded; give the name in quotes, not in a variable", brief(name))
	}
	s.modules[name] = value
	l.Push(value)
	return 1
}

// need raises an error unless the configuration granted what a function needs.
func (s *state) need(l *lua.LState, function, grant string) {
	if !slices.Contains(s.opts.Allow, grant) {
		l.RaiseError("%s", (&notGranted{function, grant}).Error())
	}
}

// fields are the named arguments of a function.
type fields struct {
	l        *lua.LState
	function string
	table    *lua.LTable
	known    []Value // the function's options
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

// flag returns an option that is true or false, or otherwise when it is not
// given.
func (f fields) flag(name string, otherwise bool) bool {
	switch v := f.get(name).(type) {
	case *lua.LNilType:
		return otherwise
	case lua.LBool:
		return bool(v)
	default:
		f.l.RaiseError("%s: %s must be true or false, not a %s value", f.function, name, v.Type())
		return false
	}
}

// integer returns an option that is an integer in its range, or otherwise when it
// is not given.
func (f fields) integer(name string, otherwise int) int {
	from, to := 0, 0
	for i := range f.known {
		if f.known[i].Name == name {
			from, to = f.known[i].Least, f.known[i].Most
		}
	}
	switch v := f.get(name).(type) {
	case *lua.LNilType:
		return otherwise
	case lua.LNumber:
		if n := int(v); lua.LNumber(n) == v && n >= from && n <= to {
			return n
		}
		f.l.RaiseError("%s: %s must be an integer from %d to %d, not %s", f.function, name, from, to, v.String())
	default:
		f.l.RaiseError("%s: %s must be an integer, not a %s value", f.function, name, v.Type())
	}
	return 0
}

// maxWords bounds the names in such a table.
const maxWords = 256

// words returns an option that is a table of strings by name.
func (f fields) words(name string) map[string]string {
	v := f.get(name)
	if v == lua.LNil {
		return nil
	}
	table, ok := v.(*lua.LTable)
	if !ok {
		f.l.RaiseError("%s: %s must be a table {name = value}, not a %s value", f.function, name, v.Type())
	}
	words := map[string]string{}
	table.ForEach(func(key, value lua.LValue) {
		if len(words) == maxWords {
			f.l.RaiseError("%s: %s has more than %d names", f.function, name, maxWords)
		}
		word, ok := key.(lua.LString)
		if !ok || !lua.LVCanConvToString(value) {
			f.l.RaiseError("%s: %s must have names and values that are strings", f.function, name)
		}
		words[string(word)] = lua.LVAsString(value)
	})
	return words
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

// within returns the call's context, with an earlier deadline when the options
// have a timeout.
func (c call) within(opts fields) (context.Context, context.CancelFunc) {
	timeout := opts.seconds("timeout")
	if timeout == 0 {
		return context.WithCancel(c.s.meter.ctx)
	}
	return context.WithTimeout(c.s.meter.ctx, timeout)
}

// path returns the path that argument n is; a relative one counts from the
// script's folder.
func (c call) path(n int) string {
	path := c.l.CheckString(n)
	if path == "" {
		c.l.ArgError(n, "the path is empty")
	}
	return c.s.resolve(path)
}

// resolve makes a path absolute.
func (s *state) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.script.dir, path)
}

// failed pushes nil and a reason, the way in which modules say that the world
// did not do what was asked. Wrong arguments raise errors instead.
func (s *state) failed(l *lua.LState, format string, args ...any) int {
	s.meter.expired()
	s.meter.live(l)
	text := oneLine(fmt.Sprintf(format, args...))
	s.meter.chargeString(l, len(text))
	l.Push(lua.LNil)
	l.Push(lua.LString(text))
	return 2
}
