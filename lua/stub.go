package lua

import (
	"fmt"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// The names that only tests can require.
const (
	stubName = "stub"
	testName = "test"
)

// unstubbed are the modules whose functions only compute, or act on the state
// alone: tests call them as they are.
func unstubbed(module string) bool {
	return slices.Contains([]string{"bytes", "hash", "json", "log", "re2"}, module)
}

// stubs stand in a state for the world: every function of a module that could
// reach it. One belongs to one test.
type stubs struct {
	s *state
	// answers are what was registered, by the function's full name, the
	// latest first.
	answers map[string][]answer
	// sequences and objects are the tables that stub.sequence and stub.object
	// returned.
	sequences map[*lua.LTable]*sequence
	calls     []stubCall
	logged    []string
	// fault is the first call that had no stub. A script may catch the error;
	// the test fails all the same.
	fault string
	// clock is what time.now says, in seconds; slept what time.sleep took, and
	// passed what time.monotonic says: clock, but for setting it.
	clock, slept, passed float64
	// kept is what store keeps, of this test alone.
	kept Store
	any  *lua.LTable
}

// answer is one registered answer: what the arguments must be, and either a
// function that is called with them or the results.
type answer struct {
	match   []lua.LValue
	handler *lua.LFunction
	results []lua.LValue
}

// sequence is a result that is another one at each call; the last stays.
type sequence struct {
	values []lua.LValue
	next   int
}

type stubCall struct {
	name string
	args []lua.LValue
}

// clockStart is the time at which tests begin.
const clockStart = 1_700_000_000

func newStubs(s *state) *stubs {
	return &stubs{
		s: s, answers: map[string][]answer{}, sequences: map[*lua.LTable]*sequence{},
		clock: clockStart, any: s.l.NewTable(),
	}
}

// bind is state.bind for a test: a function that records its call and answers
// as the test says, or nil when the real one is to be used. Grants, what arguments may be and the
// refusal to act while the script is loaded hold as in the daemon.
func (x *stubs) bind(owner string, f *Function) *lua.LFunction {
	module, _, _ := strings.Cut(owner, ".")
	if unstubbed(module) {
		return nil
	}
	name := owner + "." + f.Name
	return x.s.l.NewFunction(func(l *lua.LState) int {
		if f.Grant != "" {
			x.s.need(l, name, f.Grant)
		}
		x.s.meter.live(l)
		if f.Acts && x.s.loading {
			l.RaiseError("%s: not while the script is loaded; call it inside a function", name)
		}
		c := call{s: x.s, l: l, f: f, name: name}
		c.accept(1)
		return x.call(l, name, f)
	})
}

// call records a call and answers it.
func (x *stubs) call(l *lua.LState, name string, f *Function) int {
	args := arguments(l)
	x.s.meter.charge(l, 64+16*len(args))
	x.calls = append(x.calls, stubCall{name, args})
	for _, a := range x.answers[name] {
		if !x.matches(l, a.match, args) {
			continue
		}
		if a.handler != nil {
			top := l.GetTop()
			l.Push(a.handler)
			for _, arg := range args {
				l.Push(arg)
			}
			l.Call(len(args), lua.MultRet)
			return l.GetTop() - top
		}
		return x.push(l, a.results)
	}
	if n, ok := x.time(l, name, f); ok {
		return n
	}
	if strings.HasPrefix(name, "store.") {
		return f.call(call{s: x.s, l: l, f: f, name: name}) // on what this test keeps
	}
	text := fmt.Sprintf("%s(%s) has no stub; add stub.%s(...) to the test", name, shown(args), name)
	if x.fault == "" {
		x.fault = l.Where(1) + text
	}
	l.RaiseError("%s", text)
	return 0
}

// time is the clock of a test: it stands still, but for time.sleep.
func (x *stubs) time(l *lua.LState, name string, f *Function) (int, bool) {
	switch name {
	case "time.now":
		l.Push(lua.LNumber(x.clock))
		return 1, true
	case "time.monotonic":
		l.Push(lua.LNumber(x.passed))
		return 1, true
	case "time.sleep":
		took := seconds(l, "time.sleep: the argument", float64(l.CheckNumber(1))).Seconds()
		x.clock += took
		x.slept += took
		x.passed += took
		return 0, true
	case "time.format":
		if l.GetTop() < 1 {
			l.Push(lua.LNil)
		}
		if l.GetTop() < 2 {
			l.Push(lua.LNumber(x.clock))
		}
		return f.call(call{s: x.s, l: l, f: f, name: name}), true
	}
	return 0, false
}

// push returns results to the script: of sequences the next value, of tables a
// copy, so that a script that changes what it got changes no later answer.
func (x *stubs) push(l *lua.LState, results []lua.LValue) int {
	if len(results) == 1 {
		if tb, ok := results[0].(*lua.LTable); ok && x.sequences[tb] != nil {
			q := x.sequences[tb]
			value := q.values[min(q.next, len(q.values)-1)]
			q.next++
			if value == lua.LNil {
				l.Push(lua.LNil)
				l.Push(lua.LString("the stub says so"))
				return 2
			}
			return x.push(l, []lua.LValue{value})
		}
	}
	for _, v := range results {
		l.Push(x.copied(l, v, 0))
	}
	return len(results)
}

// copied copies tables that are plain data.
func (x *stubs) copied(l *lua.LState, v lua.LValue, depth int) lua.LValue {
	tb, ok := v.(*lua.LTable)
	if !ok || tb.Metatable != lua.LNil || x.sequences[tb] != nil || depth > 20 {
		return v
	}
	out := l.NewTable()
	tb.ForEach(func(key, value lua.LValue) {
		x.s.meter.charge(l, costField)
		out.RawSet(key, x.copied(l, value, depth+1))
	})
	return out
}

// matches reports whether arguments are what an answer is for: a list must be
// the same, of a table with names those given must be, and a function decides
// by itself. What is not given may be anything.
func (x *stubs) matches(l *lua.LState, match, args []lua.LValue) bool {
	for i, want := range match {
		got := lua.LValue(lua.LNil)
		if i < len(args) {
			got = args[i]
		}
		switch w := want.(type) {
		case *lua.LTable:
			if w == x.any {
				continue
			}
			if !similar(l, got, w, w.Len() == 0, 0) {
				return false
			}
		case *lua.LFunction:
			l.Push(w)
			l.Push(got)
			l.Call(1, 1)
			yes := lua.LVAsBool(l.Get(-1))
			l.Pop(1)
			if !yes {
				return false
			}
		default:
			if !similar(l, got, want, false, 0) {
				return false
			}
		}
	}
	return true
}

// similar compares two values by what is in them; with part it is enough that
// got has what want has.
func similar(l *lua.LState, got, want lua.LValue, part bool, depth int) bool {
	a, ok := got.(*lua.LTable)
	b, also := want.(*lua.LTable)
	if !ok || !also || a == b {
		return l.RawEqual(got, want)
	}
	if depth > 50 {
		return false
	}
	same, n := true, 0
	b.ForEach(func(key, value lua.LValue) {
		n++
		same = same && similar(l, a.RawGet(key), value, part, depth+1)
	})
	if !same || part {
		return same
	}
	a.ForEach(func(_, _ lua.LValue) { n-- })
	return n == 0
}

// register is stub.MODULE.FUNCTION(match..., results...), or (function).
func (x *stubs) register(name string, f *Function) lua.LGFunction {
	most := len(f.Params)
	if most == 0 && len(f.Options) > 0 {
		most = 1
	}
	return func(l *lua.LState) int {
		args := arguments(l)
		a := answer{}
		isFunction := false
		if len(args) == 1 {
			a.handler, isFunction = args[0].(*lua.LFunction)
		}
		switch {
		case isFunction:
		case len(args) == 0:
			l.RaiseError("stub.%s: say what it returns: stub.%s(%s)", name, name, expected(f, most))
		case len(args) <= most, f.Fails && len(args) == 2 && args[0] == lua.LNil && args[1].Type() == lua.LTString:
			// (nil, "reason") is how a failure is returned, whatever was asked.
			a.results = args
		default:
			a.match, a.results = args[:most], args[most:]
		}
		x.answers[name] = append([]answer{a}, x.answers[name]...)
		return 0
	}
}

// expected shows how a stub is registered.
func expected(f *Function, most int) string {
	var words []string
	for _, p := range f.Params {
		words = append(words, p.Name)
	}
	if most > len(words) {
		words = append(words, "options")
	}
	return strings.Join(append(words, "result"), ", ")
}

// arguments are the arguments of the function that is being called.
func arguments(l *lua.LState) []lua.LValue {
	args := make([]lua.LValue, l.GetTop())
	for i := range args {
		args[i] = l.Get(i + 1)
	}
	return args
}

// shown renders arguments for a message.
func shown(args []lua.LValue) string {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = render(a, 0)
	}
	return oneLine(strings.Join(words, ", "))
}

// render shows a value as Lua writes it; large tables are cut.
func render(v lua.LValue, depth int) string {
	switch v := v.(type) {
	case lua.LString:
		text := string(v)
		if len(text) > 200 {
			text = text[:200] + "..."
		}
		return fmt.Sprintf("%q", text)
	case *lua.LTable:
		if depth > 3 {
			return "{...}"
		}
		var words, named []string
		n := v.Len()
		v.ForEach(func(key, value lua.LValue) {
			switch i, isNumber := key.(lua.LNumber); {
			case len(words)+len(named) > 20:
			case isNumber && int(i) >= 1 && int(i) <= n:
				words = append(words, render(value, depth+1))
			default:
				named = append(named, lua.LVAsString(key)+" = "+render(value, depth+1))
			}
		})
		slices.Sort(named)
		if words = append(words, named...); len(words) > 20 {
			words[20] = "..."
		}
		return "{" + strings.Join(words, ", ") + "}"
	}
	return v.String()
}
