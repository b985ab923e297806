package lua

import (
	"fmt"
	"reflect"
	"time"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// countEvery is how many values are counted between two looks at the clock.
const countEvery = 1024

// keepWithin holds what a script keeps from call to call to the limit of one
// call. It is called after a call that was good. Counting takes as long as
// there is to count, so that it is done only when the calls since the last
// time were charged the limit together: what is kept is below twice the limit,
// and a check that allocates little is never counted.
func (s *state) keepWithin() error {
	limit := s.opts.Limits.Memory
	s.spent += limit - s.meter.memory
	if s.spent < limit {
		return nil
	}
	k := keeper{meter: s.meter, limit: limit, seen: map[unsafe.Pointer]bool{}}
	k.count(s)
	switch {
	case k.size > limit:
		s.meter.over = &keptError{limit}
	case k.late && s.spent > 4*limit:
		// It was never counted to the end.
		s.meter.over = &keptError{limit}
	case !k.late:
		s.spent = k.size
		return nil
	default:
		return nil
	}
	return s.meter.over
}

// keptError says that a script keeps too much.
type keptError struct{ limit int }

func (e *keptError) Error() string {
	return fmt.Sprintf("%v: more than %d KiB kept from call to call", ErrLimit, e.limit>>10)
}

func (e *keptError) Unwrap() error { return ErrLimit }

// keeper counts what can be reached, by the estimates that calls are charged
// by.
type keeper struct {
	meter *meter
	limit int
	size  int
	n     int
	late  bool
	// seen are tables, functions, variables and long strings that were counted.
	seen map[unsafe.Pointer]bool
	todo []lua.LValue
}

// count adds up everything that the script can reach.
func (k *keeper) count(s *state) {
	k.push(s.l.G.Global)
	k.push(s.l.G.Registry)
	k.push(s.argument)
	for _, v := range s.modules {
		k.push(v)
	}
	for _, f := range s.functions {
		k.push(f)
	}
	for len(k.todo) > 0 && k.size <= k.limit {
		v := k.todo[len(k.todo)-1]
		k.todo = k.todo[:len(k.todo)-1]
		switch v := v.(type) {
		case *lua.LTable:
			k.table(v)
		case *lua.LFunction:
			k.function(v)
		case *lua.LUserData:
			k.size += costTable
		}
		if k.n++; k.n%countEvery == 0 && !k.inTime() {
			k.late = true
			return
		}
	}
}

// inTime reports whether the call still has time.
func (k *keeper) inTime() bool {
	deadline, ok := k.meter.ctx.Deadline()
	return k.meter.ctx.Err() == nil && (!ok || time.Until(deadline) > 0)
}

// first reports whether something is met for the first time.
func (k *keeper) first(p unsafe.Pointer) bool {
	if k.seen[p] {
		return false
	}
	k.seen[p] = true
	return true
}

// push counts a value, or notes it to be looked into.
func (k *keeper) push(v lua.LValue) {
	switch v := v.(type) {
	case lua.LString:
		// Short ones are counted each time: that costs less than knowing them.
		if text := string(v); len(text) < 64 || k.first(unsafe.Pointer(unsafe.StringData(text))) {
			k.size += len(text) + 16
		}
	case *lua.LTable:
		if v != nil && k.first(unsafe.Pointer(v)) {
			k.todo = append(k.todo, v)
		}
	case *lua.LFunction:
		if v != nil && k.first(unsafe.Pointer(v)) {
			k.todo = append(k.todo, v)
		}
	case *lua.LUserData:
		if v != nil && k.first(unsafe.Pointer(v)) {
			k.todo = append(k.todo, v)
		}
	}
}

// table counts a table and what is in it. Names that were removed still take
// their room, which only its own fields say.
func (k *keeper) table(tb *lua.LTable) {
	fields := reflect.ValueOf(tb).Elem()
	k.size += costTable + costItem*fields.FieldByName("array").Cap() + costField*fields.FieldByName("keys").Len()
	if tb.Metatable != nil {
		k.push(tb.Metatable)
	}
	for key, value := tb.Next(lua.LNil); key != lua.LNil; key, value = tb.Next(key) {
		k.push(key)
		k.push(value)
		if k.n++; k.size > k.limit || k.n%countEvery == 0 && !k.inTime() {
			k.late = k.size <= k.limit
			return
		}
	}
}

// function counts a function and the variables that it closes over.
func (k *keeper) function(f *lua.LFunction) {
	k.size += costClosure
	if f.Env != nil {
		k.push(f.Env)
	}
	for _, up := range f.Upvalues {
		if up != nil && k.first(unsafe.Pointer(up)) {
			k.push(up.Value())
		}
	}
}
