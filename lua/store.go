package lua

import (
	"errors"
	"sort"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// The bounds of a Store: what is beyond them is refused, and nothing that is
// there is dropped for it.
const (
	maxStoreKeys  = 256
	maxStoreKey   = 128
	maxStoreValue = 4 << 10
	maxStores     = 4096
	// maxStored is what all scripts together keep, in octets of keys and values.
	maxStored = 16 << 20
)

// Store keeps small values of scripts from call to call and across reloads,
// for each user of a script its own. It is safe for concurrent use; the zero
// value is ready.
type Store struct {
	mu  sync.Mutex
	all map[string]map[string]stored
	// octets counts keys and values of all.
	octets int
}

// stored is a string, float64 or bool, and when it ends.
type stored struct {
	value any
	ends  time.Time // zero: never
}

// Forget drops what is kept for those who are not named.
func (s *Store) Forget(keep func(name string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.all {
		if !keep(name) {
			for key := range s.all[name] {
				s.drop(s.all[name], key)
			}
			delete(s.all, name)
		}
	}
}

// size is what a value counts for.
func (v stored) size(key string) int {
	text, _ := v.value.(string)
	return len(key) + max(len(text), 8)
}

// drop drops a value, if it is there.
func (s *Store) drop(values map[string]stored, key string) {
	if old, there := values[key]; there {
		s.octets -= old.size(key)
		delete(values, key)
	}
}

// get returns a value, nil when there is none.
func (s *Store) get(name, key string, now time.Time) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.getLocked(name, key, now)
}

func (s *Store) getLocked(name, key string, now time.Time) any {
	v, ok := s.all[name][key]
	if ok && !v.ends.IsZero() && !now.Before(v.ends) {
		s.drop(s.all[name], key)
		return nil
	}
	return v.value
}

// set keeps a value, or drops it when it is nil.
func (s *Store) set(name, key string, v stored) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.setLocked(name, key, v)
}

func (s *Store) setLocked(name, key string, v stored) error {
	if v.value == nil {
		s.drop(s.all[name], key)
		return nil
	}
	values := s.all[name]
	old, there := values[key]
	grows := v.size(key)
	if there {
		grows -= old.size(key)
	}
	if s.octets+grows > maxStored {
		for _, values := range s.all {
			s.expire(values)
		}
		if _, there = values[key]; !there {
			grows = v.size(key)
		}
		if grows > 0 && s.octets+grows > maxStored {
			return errors.New("the store is full: all scripts together keep 16 MiB")
		}
	}
	if !there {
		if len(values) >= maxStoreKeys {
			s.expire(values)
		}
		switch {
		case len(values) >= maxStoreKeys:
			return errors.New("the store is full: a script keeps 256 values")
		case values == nil && len(s.all) >= maxStores:
			return errors.New("the store is full: 4096 scripts have values")
		}
	}
	if values == nil {
		values = map[string]stored{}
		if s.all == nil {
			s.all = map[string]map[string]stored{}
		}
		s.all[name] = values
	}
	values[key] = v
	s.octets += grows
	return nil
}

// expire drops what has ended.
func (s *Store) expire(values map[string]stored) {
	now := time.Now()
	for key, v := range values {
		if !v.ends.IsZero() && !now.Before(v.ends) {
			s.drop(values, key)
		}
	}
}

// add adds to a number, which is 0 when it is not there.
func (s *Store) add(name, key string, n float64, now time.Time) (float64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.getLocked(name, key, now).(float64)
	if !ok && s.all[name][key].value != nil {
		return 0, errors.New("the value is no number")
	}
	v := s.all[name][key] // keeps its end
	v.value = old + n
	return old + n, s.setLocked(name, key, v)
}

// keys returns the names of what is there, sorted.
func (s *Store) keys(name string, now time.Time) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for key := range s.all[name] {
		if s.getLocked(name, key, now) != nil {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	return keys
}

func storeModule() Module {
	key := arg("key", "string", "at most 128 octets")
	return Module{
		Name: "store",
		Doc: "Small values that last from call to call and across reloads, also after a call that failed, until the daemon ends. " +
			"Each use of a script in the configuration has its own, which accept_failover shares with the other functions of its notify file: 256 values of 4 KiB at most, and all together 16 MiB.",
		Functions: []Function{
			{Name: "get", Doc: "a value; nil when there is none", Params: []Value{key}, Returns: []Value{{Type: "string|number|boolean", Doc: "the value", Optional: true}}, call: storeGet, accept: func(c call) { c.storeKey() }},
			{
				Name: "set", Doc: "keeps a value; nil drops it", Params: []Value{key, arg("value", "string|number|boolean|nil", "the value")},
				Options: []Value{opt("expires", "number", "drops it after this time").in("s")}, Returns: []Value{ret("boolean", "true")}, Fails: true, call: storeSet, accept: func(c call) { c.storeKey(); c.storable() },
			},
			{Name: "add", Doc: "adds to a number, which is 0 when it is not there; in one step", Params: []Value{key, opt("n", "number", "1 unless given")}, Returns: []Value{ret("number", "the sum")}, Fails: true, call: storeAdd, accept: func(c call) { c.storeKey() }},
			{Name: "keys", Doc: "the keys of what is there, in order", Returns: []Value{ret("string[]", "the keys")}, call: storeKeys},
		},
	}
}

// storeKey is the key of the first argument.
func (c call) storeKey() string {
	key := c.l.CheckString(1)
	if key == "" || len(key) > maxStoreKey {
		c.l.ArgError(1, "a key has 1 to 128 octets")
	}
	c.s.meter.charge(c.l, 256)
	return key
}

// kept is where the values are: a test has its own.
func (c call) kept() *Store {
	if c.s.stubs != nil {
		return &c.s.stubs.kept
	}
	return c.s.opts.Host.Store
}

// now is the time by which values end, in a test that of its clock.
func (c call) now() time.Time {
	if x := c.s.stubs; x != nil {
		return time.Unix(0, int64(x.clock*1e9))
	}
	return time.Now()
}

func storeGet(c call) int {
	switch v := c.kept().get(c.s.opts.Name, c.storeKey(), c.now()).(type) {
	case string:
		return c.text(v)
	case float64:
		return c.push(lua.LNumber(v))
	case bool:
		return c.push(lua.LBool(v))
	}
	return c.push(lua.LNil)
}

func storeSet(c call) int {
	key := c.storeKey()
	v, fits := c.storable()
	if !fits {
		return c.fail("a value has at most %d octets", maxStoreValue)
	}
	if d := c.options().seconds("expires"); d > 0 {
		v.ends = c.now().Add(d)
	}
	if err := c.kept().set(c.s.opts.Name, key, v); err != nil {
		return c.fail("%v", err)
	}
	return c.push(lua.LTrue)
}

// storable is the second argument as it is kept, unless it is too long.
func (c call) storable() (v stored, fits bool) {
	switch value := c.l.Get(2).(type) {
	case *lua.LNilType:
	case lua.LString:
		if len(value) > maxStoreValue {
			return v, false
		}
		// A copy: the original may be a part of something large.
		v.value = string(append([]byte(nil), value...))
	case lua.LNumber:
		v.value = float64(value)
	case lua.LBool:
		v.value = bool(value)
	default:
		c.l.ArgError(2, "want a string, a number, a boolean or nil, not a "+value.Type().String()+" value")
	}
	return v, true
}

func storeAdd(c call) int {
	n, err := c.kept().add(c.s.opts.Name, c.storeKey(), float64(c.l.OptNumber(2, 1)), c.now())
	if err != nil {
		return c.fail("%v", err)
	}
	return c.push(lua.LNumber(n))
}

func storeKeys(c call) int {
	list := c.l.NewTable()
	for _, key := range c.kept().keys(c.s.opts.Name, c.now()) {
		c.s.meter.charge(c.l, 2*costItem+len(key))
		list.Append(lua.LString(key))
	}
	return c.push(list)
}
