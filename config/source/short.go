package source

import (
	"reflect"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

var (
	addressType = reflect.TypeFor[config.Address]()
	checkType   = reflect.TypeFor[config.Check]()
)

// long returns the table of a block that may be written shorter, or nil after
// an error.
func (r *reader) long(v *value, b *schema.Block, what string) *value {
	switch key := b.ShortKey(); {
	case v.kind == kindTable:
		return v
	case b.Type == addressType:
		if v.kind == kindText {
			return r.addressLine(v, what)
		}
		r.error(v.at, "wrong-type", "%s must be an address, or a table with address and its options, not %s", what, v.describe())
	case key == "":
		r.error(v.at, "wrong-type", "%s must be a table of keys, not %s", what, r.shape(b, v))
	case v.kind == kindText:
		return &value{at: v.at, kind: kindTable, fields: []field{{key: key, at: v.at, value: v}}}
	default:
		r.error(v.at, "wrong-type", "%s must be %s, or a table with %s, not %s", what, article(b.Field(key)), options(b, key), v.describe())
	}
	return nil
}

// options lists the keys of a small block, and those of a large one as its
// options.
func options(b *schema.Block, key string) string {
	if keys := b.Keys(); len(keys) <= 4 {
		return enumerated(keys)
	}
	return key + " and its options"
}

// check returns a check as a table with one key, its kind, or nil after an
// error. A kind alone, as text or with nothing behind it, says nothing more
// about itself.
func (r *reader) check(v *value, what string) *value {
	b := r.schema.Block(checkType)
	switch {
	case v.kind == kindText && b.Field(v.text) != nil:
		return &value{at: v.at, kind: kindTable, fields: []field{{key: v.text, at: v.at, value: &value{at: v.at, kind: kindTable}}}}
	case v.kind == kindTable && len(v.fields) == 1:
		if f := v.fields[0]; f.value.kind == kindNull {
			return &value{at: v.at, kind: kindTable, fields: []field{{key: f.key, at: f.at, value: &value{at: f.value.at, kind: kindTable}}}}
		}
		return v
	}
	hint := ""
	if v.kind == kindTable && slices.ContainsFunc(v.fields, func(f field) bool { return f.key == "name" }) {
		hint = "; name and options of a plugin stand below the kind: {plugin: {name: ..., options: ...}}"
	}
	r.error(v.at, "wrong-type", "%s must be a table with one key, the kind of check: %s%s", what, strings.Join(b.Keys(), ", "), hint)
	return nil
}

// special reads what is more than its type says. It reports whether the key
// is such a one.
func (r *reader) special(b *schema.Block, sf *schema.Field, v *value, dst reflect.Value, what string) bool {
	label := within(what, sf.Key)
	switch b.Name + "." + sf.Key {
	case "Script.script", "Program.script":
		if argv, ok := r.command(v, label); ok {
			sf.In(dst).Set(reflect.ValueOf(argv))
		}
	case "Script.lua", "Program.lua", "Lua.path", "TrackFile.file", "SSL.ca", "SSL.certificate", "SSL.key", "FIFO.path",
		"LuaCheck.path", "Plugin.path", "SSLCheck.ca", "SSLCheck.certificate", "SSLCheck.key", "GRPCCheck.ca", "GRPCCheck.certificate", "GRPCCheck.key",
		"Global.plugin_directory":
		if s, ok := r.asText(v, label); ok {
			sf.In(dst).SetString(r.path(v.at, s))
		}
	case "Instance.interface":
		r.instanceInterface(v, sf.In(dst), what)
	case "Instance.mcast_src_ip":
		r.sourceAddress(v, sf.In(dst), what)
	case "Authentication.auth_type":
		r.authType(v, sf.In(dst), what)
	case "Address.address", "Address.dev", "Address.label", "Address.scope", "Address.brd", "Address.peer":
		// They depend on each other: addressOptions reads them.
	default:
		return false
	}
	return true
}

// program reads a command, or a table with script, user and group. It
// returns nil after an error.
func (r *reader) program(b *schema.Block, v *value, what string) *config.Program {
	p := &config.Program{At: v.at}
	if v.kind == kindTable {
		if !r.block(v, b, reflect.ValueOf(p).Elem(), what, true) {
			return nil
		}
		t := &table{v, what}
		r.groupNeedsUser(t, "group", "user")
		r.programOrLua(t, "script or lua")
		return p
	}
	argv, ok := r.command(v, what)
	if !ok {
		return nil
	}
	p.Argv, p.Written = argv, config.Keys{{Name: "script", At: v.at}}
	return p
}

// groupNeedsUser reports a group without the user that it goes with.
func (r *reader) groupNeedsUser(t *table, group, user string) {
	if t.has(group) && !t.has(user) {
		r.error(t.place(group), "missing-key", "%s: %s needs %s", t.what, group, user)
	}
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
		words, err := SplitWords(v.text)
		if err != nil {
			r.error(v.at, "wrong-value", "%s: %v", what, err)
			return nil, false
		}
		argv = words
	default:
		r.error(v.at, "wrong-type", "%s must be text or a list of words, not %s", what, v.describe())
		return nil, false
	}
	if slices.ContainsFunc(argv, func(word string) bool { return strings.ContainsRune(word, 0) }) {
		r.error(v.at, "wrong-value", "%s: a word has a NUL in it", what)
		return nil, false
	}
	if strings.Contains(argv[0], "/") {
		argv[0] = r.path(v.at, argv[0])
	}
	return argv, true
}
