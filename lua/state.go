package lua

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	lua "github.com/yuin/gopher-lua"
)

// known are the functions that a script may return.
var known = [...]string{
	"check", "weight", "accept_failover",
	"on_master", "on_backup", "on_fault", "on_stop", "on_change",
	"on_priority", "on_dual_master", "on_real_server", "on_quorum",
}

// phases of a state's call, for the caller and the call's goroutine to agree
// on who saw its end.
const (
	phaseRunning int32 = iota
	phaseEnded
	phaseGivenUp
	phaseStuck // given up, and counted as stuck
)

// state is one Lua state with a script in it. One call uses it at a time; the
// runner throws it away after a failure.
type state struct {
	script *Script
	opts   *Options
	l      *lua.LState
	meter  *meter
	// functions are what the script returned.
	functions map[string]*lua.LFunction
	loaded    bool
	// born is the zero of time.monotonic.
	born time.Time
	// loading is true while the script's outermost code runs.
	loading bool
	// modules are the values that require returned, by name; required files
	// that are being loaded are there with nil.
	modules map[string]lua.LValue
	// classes are the metatables of our objects, by the class's name.
	classes map[string]*lua.LTable
	// stubs stand for the world in a test, nil else.
	stubs *stubs
	// used is what the last call took, written before it says that it ended.
	used     Usage
	jsonNull *lua.LUserData // json.null, nil before somebody asks for it
	patterns map[string]*compiled
	// opened are the connections of the present call.
	opened []*connection
	// long is true when the present call has computed for more than a slice.
	long bool
	// holding is true while the call has a slot.
	holding atomic.Bool
	// spent is what the calls were charged since it was counted what the
	// script keeps; see keepWithin.
	spent int
	// lines counts what the present call logged.
	lines int
	// argument is the table that check and weight are called with.
	argument *lua.LTable
	// done takes the end of each call. It has room for one, so that a call
	// that was given up can still end.
	done  chan error
	phase atomic.Int32
	// lost is its runner's, set when the call is given up.
	lost *atomic.Int32
}

func newState(script *Script, opts *Options) *state {
	s := &state{
		script: script,
		opts:   opts,
		meter:  newMeter(),
		l: lua.NewState(lua.Options{
			SkipOpenLibs:        true,
			RegistrySize:        256,
			RegistryGrowStep:    2048,
			RegistryMaxSize:     16 << 10,
			CallStackSize:       128,
			MinimizeStackMemory: true,
		}),
		born:    time.Now(),
		modules: map[string]lua.LValue{},
		classes: map[string]*lua.LTable{},
		done:    make(chan error, 1),
	}
	s.meter.yield = s.yield
	s.openStandard()
	if opts.stubbed {
		s.openTests()
	}
	return s
}

// load runs the script's outermost code and takes what it returns.
func (s *state) load() error {
	s.loading = true
	defer func() { s.loading = false }()
	value, err := s.runChunk(s.script.main)
	if err != nil {
		return err
	}
	take := s.take
	if s.stubs != nil {
		take = s.takeTests
	}
	if err := take(value); err != nil {
		return err
	}
	s.argument = s.l.NewTable()
	s.argument.RawSetString("args", s.args())
	s.loaded = true
	return nil
}

// runChunk runs one file and returns its value.
func (s *state) runChunk(proto *lua.FunctionProto) (lua.LValue, error) {
	l := s.l
	err := l.CallByParam(lua.P{Fn: l.NewFunctionFromProto(proto), NRet: 1, Protect: true}, s.hidden()...)
	if err != nil {
		return nil, err
	}
	value := l.Get(-1)
	l.Pop(1)
	return value, nil
}

// hidden makes the functions that rewritten operators call, in the order in which
// a chunk takes them.
func (s *state) hidden() []lua.LValue {
	none := func(*lua.LState) int { return 0 }
	var all []lua.LValue
	for _, fn := range []lua.LGFunction{s.chargeValue, s.concat, s.set, s.fill, none} {
		all = append(all, s.l.NewFunction(fn))
	}
	return all
}

// take notes the functions that the script returned.
func (s *state) take(value lua.LValue) error {
	s.functions = map[string]*lua.LFunction{}
	switch v := value.(type) {
	case *lua.LFunction:
		s.functions["check"] = v
		return nil
	case *lua.LTable:
		var bad []string
		v.ForEach(func(key, value lua.LValue) {
			fn, ok := value.(*lua.LFunction)
			name := lua.LVAsString(key)
			switch {
			case !slices.Contains(known[:], name):
				bad = append(bad, fmt.Sprintf("there is no function %q", name))
			case !ok:
				bad = append(bad, fmt.Sprintf("%s is a %s value", name, value.Type()))
			default:
				s.functions[name] = fn
			}
		})
		sort.Strings(bad)
		if len(bad) > 0 {
			return s.failure("the script returned a table in which %s; it may hold the functions %s", strings.Join(bad, ", "), strings.Join(known[:], ", "))
		}
		if len(s.functions) == 0 {
			return s.failure("the script returned an empty table; it may hold the functions %s", strings.Join(known[:], ", "))
		}
		return nil
	case *lua.LNilType:
		return s.failure("the script returned nothing; it must return its check function, or a table with the functions %s", strings.Join(known[:], ", "))
	}
	return s.failure("the script returned a %s value; it must return its check function, or a table with the functions %s", value.Type(), strings.Join(known[:], ", "))
}

func (s *state) failure(format string, args ...any) error {
	return &Error{Kind: ErrScript, Text: s.script.path + ": " + fmt.Sprintf(format, args...)}
}

// args returns the script's arguments as a new table.
func (s *state) args() *lua.LTable {
	tb := s.l.NewTable()
	for key, value := range s.opts.Args {
		switch v := value.(type) {
		case string:
			tb.RawSetString(key, lua.LString(v))
		case float64:
			tb.RawSetString(key, lua.LNumber(v))
		case bool:
			tb.RawSetString(key, lua.LBool(v))
		}
	}
	return tb
}

// call calls one of the script's functions with one argument and returns its
// first two values.
func (s *state) call(name string, argument lua.LValue) (first, second lua.LValue, err error) {
	l := s.l
	if err := l.CallByParam(lua.P{Fn: s.functions[name], NRet: 2, Protect: true}, argument); err != nil {
		return nil, nil, err
	}
	first, second = l.Get(-2), l.Get(-1)
	l.Pop(2)
	return first, second, nil
}

// explain turns the end of a call into the error that callers see: what the
// meter says goes before what the virtual machine says, because a script can
// catch the latter.
func (s *state) explain(err error) error {
	var text, trace string
	switch e := err.(type) {
	case nil:
	case *Error:
		if s.meter.over == nil {
			return e
		}
	case *lua.ApiError:
		text, trace = describe(e.Object), e.StackTrace
	default:
		text = err.Error()
	}
	kind := ErrScript
	if over := s.meter.over; over != nil {
		kind = over
		for _, sentinel := range []error{ErrTimeout, ErrLimit} {
			if errors.Is(over, sentinel) {
				kind = sentinel
			}
		}
		if !strings.HasSuffix(text, over.Error()) {
			text = over.Error()
		}
	} else if err == nil {
		return nil
	}
	if !s.script.names(text) {
		text = s.script.path + ": " + text
	}
	return &Error{Kind: kind, Text: text + s.script.hint(text), Trace: trace}
}

// describe renders what a script raised. It calls no metamethod: that would
// be the script again.
func describe(value lua.LValue) string {
	switch v := value.(type) {
	case lua.LString:
		return oneLine(string(v))
	case lua.LNumber, lua.LBool:
		return "error " + v.String()
	case *lua.LTable:
		if text, ok := v.RawGetString("message").(lua.LString); ok {
			return oneLine(string(text))
		}
	}
	return fmt.Sprintf("error raised with a %s value", value.Type())
}

// maxLine is the length that a message or log line of a script is cut to.
const maxLine = 1024

// brief cuts a text of a script that a message shows: quoting a megabyte takes
// longer than a call may run on.
func brief(text string) string {
	const most = 100
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

// oneLine makes a text fit into one line of a log, and safe to print.
func oneLine(text string) string {
	if len(text) > maxLine {
		text = text[:maxLine] + "..."
	}
	text = strings.ToValidUTF8(text, "?")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.TrimSpace(text))
}
