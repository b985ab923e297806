package lua

import (
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Module describes one of the modules that scripts require. What it says is
// what is enforced: grants, options and the functions themselves come from
// here, and so do MODULES.md and everything else that is written about them.
type Module struct {
	Name string
	// Doc is a paragraph for people.
	Doc       string
	Functions []Function
	Constants []Constant
	// Classes are the tables and objects that its functions return.
	Classes []Class
}

// Function describes a function of a module, or a method of a class.
type Function struct {
	Name string
	Doc  string
	// Params are the arguments in order, without the table of options.
	Params []Value
	// Options are the fields of a table that follows the arguments and may be
	// left out; empty when the function takes none.
	Options []Value
	Returns []Value
	// Fails says that the function returns nil and a reason, a string, when
	// the world did not do what was asked.
	Fails bool
	// None says when, and Raises when the function raises an error, beyond what holds
	// for all: see failures.
	None, Raises string
	// Grant is what the configuration must allow, empty when nothing.
	Grant string
	// Acts says that the function waits or has effects, so that it refuses to
	// run while a script is being loaded.
	Acts bool

	call func(call) int
	// accept raises the error for arguments that call refuses before it looks at the
	// world, as far as their types do not say it; nil when they do. What stands in for
	// the function in a test calls it.
	accept func(call)
}

// Class describes a table with known fields, or an object with methods.
type Class struct {
	// Name is MODULE.Name.
	Name    string
	Doc     string
	Fields  []Value
	Methods []Function
}

// Value describes an argument, an option, a field or a result.
type Value struct {
	Name string
	// Type is in the notation of LuaLS: string, number, integer, boolean, any,
	// string[], table<string, string>, or the name of a class.
	Type string
	// Unit is of a number: "s" or "octets"; empty when it has none.
	Unit string
	// Least and Most are the range of an option that is an integer.
	Least, Most int
	Doc         string
	// Optional says that it may be nil.
	Optional bool
}

// arg is an argument, opt one that may be left out or an option, and ret a
// result.
func arg(name, kind, doc string) Value { return Value{Name: name, Type: kind, Doc: doc} }
func opt(name, kind, doc string) Value {
	return Value{Name: name, Type: kind, Doc: doc, Optional: true}
}
func ret(kind, doc string) Value { return Value{Type: kind, Doc: doc} }

// in gives a value its unit.
func (v Value) in(unit string) Value {
	v.Unit = unit
	return v
}

// between gives an option that is an integer its range.
func (v Value) between(least, most int) Value {
	v.Least, v.Most = least, most
	return v
}

// timeoutOption is what every function that waits takes.
func timeoutOption() Value {
	return opt("timeout", "number", "gives up earlier than the call's own deadline").in("s")
}

// Signature renders a function as documents show it, for example
// "file.read(path: string): string | nil, string". owner is the module or
// class.
func (f Function) Signature(owner string) string {
	var b strings.Builder
	b.WriteString(owner)
	if strings.Contains(owner, ".") {
		b.WriteString(":")
	} else {
		b.WriteString(".")
	}
	b.WriteString(f.Name + "(")
	for i, p := range f.Params {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.String())
	}
	if len(f.Options) > 0 {
		if len(f.Params) > 0 {
			b.WriteString(", ")
		}
		b.WriteString("options?: table")
	}
	b.WriteString(")")
	for i, r := range f.Returns {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(r.Type)
		if r.Optional {
			b.WriteString("?")
		}
	}
	if f.Fails {
		b.WriteString(" | nil, string")
	}
	return b.String()
}

// String renders a value as name: type.
func (v Value) String() string {
	if v.Optional {
		return v.Name + "?: " + v.Type
	}
	return v.Name + ": " + v.Type
}

// Constant is a value that a module has beside its functions.
type Constant struct {
	Name, Type, Doc string
	value           func(*state) lua.LValue
}

// call is one call of a module's function: what the function is handed.
type call struct {
	s *state
	l *lua.LState
	f *Function
	// name is the function's full name, for messages.
	name string
	// reads says that what is sent by HTTP asks for something and changes nothing.
	reads bool
}

// bind makes a function that scripts can call. It refuses what the
// configuration did not grant, what must not happen while the script is being
// loaded, and everything once the call is over.
func (s *state) bind(owner string, f *Function) *lua.LFunction {
	if s.stubs != nil {
		if fn := s.stubs.bind(owner, f); fn != nil {
			return fn
		}
	}
	name := owner + "." + f.Name
	waits := f.Acts || waiting(owner)
	return s.l.NewFunction(func(l *lua.LState) int {
		if f.Grant != "" {
			s.need(l, name, f.Grant)
		}
		s.meter.live(l)
		if f.Acts && s.loading {
			l.RaiseError("%s: not while the script is loaded; call it inside a function", name)
		}
		if waits {
			s.leave()
			defer s.enter()
		}
		return f.call(call{s: s, l: l, f: f, name: name})
	})
}

// waiting reports whether the functions of a module may have to wait for the
// kernel or for the daemon. Log does that itself, behind what it computes.
func waiting(module string) bool {
	return slices.Contains([]string{"file", "net", "node", "process"}, module)
}

// makeModule returns one of our modules as scripts see it.
func (s *state) makeModule(name string) *lua.LTable {
	m := moduleNamed(name)
	tb := s.l.NewTable()
	for i := range m.Functions {
		tb.RawSetString(m.Functions[i].Name, s.bind(name, &m.Functions[i]))
	}
	for _, c := range m.Constants {
		tb.RawSetString(c.Name, c.value(s))
	}
	for i := range m.Classes {
		if c := &m.Classes[i]; len(c.Methods) > 0 {
			methods := s.l.NewTable()
			for j := range c.Methods {
				methods.RawSetString(c.Methods[j].Name, s.bind(c.Name, &c.Methods[j]))
			}
			meta := s.l.NewTable()
			meta.RawSetString("__index", methods)
			meta.RawSetString("__metatable", lua.LString(c.Name))
			meta.RawSetString("__tostring", s.l.NewFunction(func(l *lua.LState) int {
				l.Push(lua.LString(c.Name))
				return 1
			}))
			s.classes[c.Name] = meta
		}
	}
	return tb
}

// options reads the table of options behind the arguments, which may be
// missing, and raises an error when it has a field that the function does not
// take.
func (c call) options() fields { return c.optionsAt(len(c.f.Params) + 1) }

// methodOptions is options for a method, whose object is before its arguments.
func (c call) methodOptions() fields { return c.optionsAt(len(c.f.Params) + 2) }

func (c call) optionsAt(n int) fields {
	f := fields{l: c.l, function: c.name, table: c.l.OptTable(n, nil), known: c.f.Options}
	if f.table == nil {
		return f
	}
	f.table.ForEach(func(key, _ lua.LValue) {
		name, ok := key.(lua.LString)
		if ok && slices.ContainsFunc(c.f.Options, func(v Value) bool { return v.Name == string(name) }) {
			return
		}
		var names []string
		for _, v := range c.f.Options {
			names = append(names, v.Name)
		}
		c.l.RaiseError("%s: there is no option %q; the options are %s", c.name, brief(key.String()), strings.Join(names, ", "))
	})
	return f
}

// fail pushes nil and a reason: how modules say that the world did not do
// what was asked. Wrong arguments raise errors instead.
func (c call) fail(format string, args ...any) int { return c.s.failed(c.l, format, args...) }

// push returns one value to the script.
func (c call) push(v lua.LValue) int {
	c.l.Push(v)
	return 1
}

// text returns a string to the script, and charges for it.
func (c call) text(v string) int {
	c.s.meter.chargeString(c.l, len(v))
	return c.push(lua.LString(v))
}
