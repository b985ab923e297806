package source

import (
	"slices"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// The ranges of a script's numbers.
const (
	minCheckInterval = 10 * time.Millisecond
	maxCheckInterval = 24 * time.Hour
	maxRise          = 1000
	maxWeight        = 253
)

func (r *reader) scriptList(items []*value) []config.Script {
	var all []config.Script
	for i, item := range items {
		s, ok := r.script(item, i)
		if !ok {
			continue
		}
		if first := r.scripts[s.Name]; first != nil {
			r.error(s.At, "duplicate-name", "vrrp_script %s is defined twice, first in line %d", s.Name, first.At.Line)
			continue
		}
		r.scripts[s.Name] = &s
		all = append(all, s)
	}
	return all
}

// script reads one script. It returns true when it has a name, even if the
// rest is wrong, so that what refers to it is not called wrong as well.
func (r *reader) script(v *value, i int) (config.Script, bool) {
	s := config.Script{At: v.at, Interval: time.Second, Rise: 1, Fall: 1}
	t := r.table(v, title("vrrp_script", v, i))
	if t == nil {
		return s, false
	}
	s.Name = t.name("name")
	argv := t.take("script")
	if argv != nil {
		s.Argv, _ = r.command(argv.value, t.what+": script")
	}
	lua := r.luaPath(t, "lua", &s.Lua)
	r.luaRest(t, lua != nil, &s.Allow, &s.Args)
	r.user(t, lua == nil, &s.User, &s.Group)
	switch {
	case argv != nil && lua != nil:
		t.error(lua.at, "exclusive-keys", "%s: give script or lua, not both", t.what)
	case argv == nil && lua == nil && !t.has("lua") && !t.has("plugin"):
		t.error(v.at, "missing-key", "%s needs what it runs: script or lua", t.what)
	}
	t.duration("interval", &s.Interval, minCheckInterval, maxCheckInterval)
	s.Timeout = s.Interval
	t.duration("timeout", &s.Timeout, minCheckInterval, maxCheckInterval)
	t.number("rise", &s.Rise, 1, maxRise)
	t.number("fall", &s.Fall, 1, maxRise)
	t.number("weight", &s.Weight, -maxWeight, maxWeight)
	t.flag("reverse", &s.Reverse)
	t.flag("init_fail", &s.InitFail)
	t.done()
	return s, s.Name != ""
}

// command reads a program and its arguments: a list of words, or one text to
// split. A program with a slash in its name is relative to the file.
func (r *reader) command(v *value, what string) ([]string, bool) {
	var argv []string
	switch v.kind {
	case kindList:
		for _, item := range v.items {
			// An argument, unlike the program, may be empty.
			if item.kind == kindText && item.text == "" && len(argv) > 0 {
				argv = append(argv, "")
				continue
			}
			word, ok := r.asText(item, what+": a word")
			if !ok {
				return nil, false
			}
			argv = append(argv, word)
		}
		if len(argv) == 0 {
			r.error(v.at, "wrong-value", "%s names no program", what)
			return nil, false
		}
	case kindText:
		words, err := splitWords(v.text)
		if err != nil {
			r.error(v.at, "wrong-value", "%s: %v", what, err)
			return nil, false
		}
		argv = words
	default:
		r.error(v.at, "wrong-type", "%s must be text or a list of words, not %s", what, v.describe())
		return nil, false
	}
	for _, word := range argv {
		if strings.ContainsRune(word, 0) {
			r.error(v.at, "wrong-value", "%s: a word has a NUL in it", what)
			return nil, false
		}
	}
	if strings.Contains(argv[0], "/") {
		argv[0] = r.path(argv[0])
	}
	return argv, true
}

// user reads who a program runs as; it goes with programs only, since a Lua
// script runs inside the daemon.
func (r *reader) user(t *table, program bool, user, group *string) {
	u := t.text("user", user)
	g := t.text("group", group)
	for _, f := range []*field{u, g} {
		if f != nil && !program {
			t.error(f.at, "exclusive-keys", "%s: %s goes with a program; a Lua script runs inside the daemon", t.what, f.key)
		}
	}
	if g != nil && !t.has("user") {
		t.error(g.at, "missing-key", "%s: group needs user", t.what)
	}
}

// luaPath reads the path of a Lua file.
func (r *reader) luaPath(t *table, key string, dst *string) *field {
	f := t.text(key, dst)
	if f != nil {
		*dst = r.path(*dst)
	}
	return f
}

// luaRest reads allow and args, which go with a Lua file only.
func (r *reader) luaRest(t *table, lua bool, allow *[]string, args *map[string]string) {
	grants := []string{"exec", "net", "write"}
	for _, item := range t.list("allow") {
		s, ok := r.asText(item, t.what+": an item of allow")
		switch {
		case !ok:
		case !slices.Contains(grants, s):
			r.error(item.at, "wrong-value", "%s: allow knows exec, net and write, not %s", t.what, quoted(s))
		case slices.Contains(*allow, s):
			r.error(item.at, "given-twice", "%s: allow has %s twice", t.what, s)
		default:
			*allow = append(*allow, s)
		}
	}
	if f := t.take("args"); f != nil {
		*args = r.args(f.value, t.what+": args")
	}
	for _, key := range [...]string{"allow", "args"} {
		if t.has(key) && !lua && !t.has("lua") {
			t.error(t.place(key), "exclusive-keys", "%s: %s goes with lua only", t.what, key)
		}
	}
}

func (r *reader) args(v *value, what string) map[string]string {
	if v.kind != kindTable {
		r.error(v.at, "wrong-type", "%s must be a table of keys, not %s", what, v.describe())
		return nil
	}
	args := make(map[string]string, len(v.fields))
	for _, f := range v.fields {
		switch f.value.kind {
		case kindText, kindInt, kindFloat, kindBool:
			args[f.key] = f.value.text
		default:
			r.error(f.value.at, "wrong-type", "%s: %s must be text, a number, or true or false, not %s",
				what, quoted(f.key), f.value.describe())
		}
	}
	return args
}
