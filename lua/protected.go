package lua

import (
	"reflect"
	"slices"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// pcall is pcall(f, ...).
func (s *state) pcall(l *lua.LState) int {
	f := l.CheckAny(1)
	if f.Type() != lua.LTFunction && l.GetMetaField(f, "__call").Type() != lua.LTFunction {
		l.Push(lua.LFalse)
		l.Push(lua.LString("attempt to call a " + f.Type().String() + " value"))
		return 2
	}
	if err := protected(l, l.GetTop()-1, lua.MultRet); err != nil {
		l.Push(lua.LFalse)
		l.Push(s.caught(l, err))
		return 2
	}
	l.Insert(lua.LTrue, 1)
	return l.GetTop()
}

// protected is PCall. At an error gopher-lua parts the variables of all functions
// that run from the closures that share them, also of those that go on: "local n
// = 0", counted up in a closure that calls pcall, would stay 0. They are joined
// again.
func protected(l *lua.LState, arguments, results int) error {
	open := shared(l)
	err := l.PCall(arguments, results, nil)
	if err != nil {
		rejoin(l, open)
	}
	return err
}

// shared returns the variables that functions which run share with closures.
func shared(l *lua.LState) []*lua.Upvalue {
	var open []*lua.Upvalue
	for up := *firstOf(l); up != nil; up = *nextOf(up) {
		open = append(open, up)
	}
	return open
}

// rejoin makes these the shared variables. Nothing has run since they were parted,
// so that both sides have the same value. Others are those of functions that have
// ended.
func rejoin(l *lua.LState, open []*lua.Upvalue) {
	for up := *firstOf(l); up != nil; up = *nextOf(up) {
		if !slices.Contains(open, up) {
			up.Close()
		}
	}
	var next *lua.Upvalue
	for _, up := range slices.Backward(open) {
		*closedOf(up) = false
		*nextOf(up) = next
		next = up
	}
	*firstOf(l) = next
}

// The fields of gopher-lua's that hold shared variables, which it does not export.
func firstOf(l *lua.LState) **lua.Upvalue {
	return (**lua.Upvalue)(unsafe.Pointer(reflect.ValueOf(l).Elem().FieldByName("uvcache").UnsafeAddr()))
}

func nextOf(up *lua.Upvalue) **lua.Upvalue {
	return (**lua.Upvalue)(unsafe.Pointer(reflect.ValueOf(up).Elem().FieldByName("next").UnsafeAddr()))
}

func closedOf(up *lua.Upvalue) *bool {
	return (*bool)(unsafe.Pointer(reflect.ValueOf(up).Elem().FieldByName("closed").UnsafeAddr()))
}
