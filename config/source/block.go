package source

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// whole names the root table in messages; what is in it is named without.
const whole = "the configuration"

// within names a part of something.
func within(what, part string) string {
	if what == whole {
		return part
	}
	return what + ": " + part
}

// block reads a table into dst, a struct of block b that has its defaults
// already. It reports whether it was read without an error. Quiet is the
// inside of something that is not acted on, of which this has been said.
func (r *reader) block(v *value, b *schema.Block, dst reflect.Value, what string, quiet bool) bool {
	before := r.errors()
	if v = r.long(v, b, what); v == nil {
		return false
	}
	if at := b.At(dst); at != nil {
		*at = v.at
	}
	written := b.Written(dst)
	for i := range v.fields {
		f := &v.fields[i]
		sf := b.Field(f.key)
		if sf == nil {
			r.unknown(b, f, what)
			continue
		}
		if written != nil {
			*written = append(*written, config.Key{Name: f.key, At: f.at})
			if sf.IsFlat && sf.Kind == schema.KindBlock {
				for _, inner := range f.value.fields {
					*written = append(*written, config.Key{Name: f.key + "." + inner.key, At: inner.at})
				}
			}
		}
		r.field(b, sf, f, dst, what, quiet)
	}
	for i := range b.Fields {
		if sf := &b.Fields[i]; sf.Required && !r.sound && v.get(sf.Key) == nil {
			r.error(v.at, "missing-key", "%s needs %s", what, needed(b, sf))
		}
	}
	switch whole := dst.Addr().Interface().(type) {
	case *config.Address:
		r.addressOptions(&table{v, what}, whole)
	case *config.DNSCheck:
		if wrong := config.DNSNameFault(whole.Name); wrong != "" {
			t := &table{v, what}
			r.error(t.value("name"), "wrong-value", "%s: name: a name has %s", what, wrong)
		}
	case *config.MiscCheck:
		r.account(&table{v, what}, whole)
	case *config.RealServer:
		if at, text := whole.SmoothingFault(); text != "" {
			r.error(at, "bad-smoothing", "%s: smoothing %s", what, text)
		}
	case *config.Plugin:
		r.groupNeedsUser(&table{v, what}, "group", "user")
	}
	return r.errors() == before
}

// account moves the user of misc_path to where that of a MISC_CHECK stands, so
// that one program has one account.
func (r *reader) account(t *table, m *config.MiscCheck) {
	r.groupNeedsUser(t, "group", "user")
	p := m.MiscPath
	if p.File() != nil && t.has("user") {
		r.error(t.place("user"), "exclusive-keys", "%s: user goes with a program; a Lua script runs inside the daemon", t.what)
		return
	}
	if p == nil || p.User == "" {
		return
	}
	at := t.value("misc_path")
	if t.has("user") {
		r.error(at, "exclusive-keys", "%s: misc_path names a user, and user does too: take one of them out", t.what)
		return
	}
	m.Written = append(m.Written, config.Key{Name: "user", At: at})
	m.User, m.Group, p.User, p.Group = p.User, p.Group, "", ""
}

// unknown reports a key that the block does not have.
func (r *reader) unknown(b *schema.Block, f *field, what string) {
	if r.errors() > maxKept {
		// Nobody sees what would be found out about it.
		r.error(f.at, "unknown-key", "%s has no such key", what)
		return
	}
	known := b.Keys()
	if b == r.schema.Root() {
		known = append(known, includeKey)
	}
	r.error(f.at, "unknown-key", "%s has no key %s%s", what, quoted(f.key), hint(f.key, known))
}

// field reads one key of a table.
func (r *reader) field(b *schema.Block, sf *schema.Field, f *field, dst reflect.Value, what string, quiet bool) {
	before := r.errors()
	inner := quiet || sf.Idle != "" || sf.Unbuilt != ""
	if !r.special(b, sf, f.value, dst, what) {
		r.decode(sf, f.value, sf.In(dst), what, inner)
	}
	if !quiet && r.errors() == before {
		r.acts(sf, f, dst, what)
	}
}

// acts says what does not come of a key. One that says what is so anyhow is
// no news.
func (r *reader) acts(sf *schema.Field, f *field, dst reflect.Value, what string) {
	v := sf.Value(dst)
	if sf.Idle == "" && sf.Unbuilt == "" || !v.IsValid() || v.IsZero() || sf.Default != "" && sf.Format(v) == sf.Default ||
		v.Kind() == reflect.Slice && v.Len() == 0 && sf.Bare != "[]" {
		return
	}
	if sf.Unbuilt != "" {
		r.warn(f.at, "not-built", "%s is not built yet: %s; moonkeep run refuses to start with it", within(what, f.key), sf.Unbuilt)
		return
	}
	r.warn(f.at, "not-acted-on", "%s is not acted on: %s", within(what, f.key), sf.Idle)
}

// decode reads a value into dst, which is of the field's type.
func (r *reader) decode(sf *schema.Field, v *value, dst reflect.Value, what string, quiet bool) {
	switch sf.Kind {
	case schema.KindBlock:
		r.nested(sf, v, dst, what, quiet)
		return
	case schema.KindBlocks:
		r.blocks(sf, v, dst, what, quiet)
		return
	case schema.KindProgram:
		p := r.program(sf.Elem, v, within(what, sf.Key))
		switch {
		case p == nil:
		case p.Lua == "" && sf.Key == "weight_by":
			r.error(v.at, "wrong-value", "%s must be a Lua file with a weight function: {lua: FILE}", within(what, sf.Key))
		case p.Lua != "" && sf.Key == "any":
			r.error(v.at, "wrong-value", "%s cannot be a Lua file: give it as lua beside master and backup, and its functions hear of all changes", within(what, sf.Key))
		case p.Lua != "" && strings.HasSuffix(sf.Key, "_script"): // one of the daemon's own
			r.error(v.at, "wrong-value", "%s cannot be a Lua file: name a program", within(what, sf.Key))
		default:
			dst.Set(reflect.ValueOf(p))
		}
		return
	}
	if !sf.Pointer {
		r.scalar(sf, v, dst, what)
		return
	}
	made := reflect.New(sf.Type)
	if r.scalar(sf, v, made.Elem(), what) {
		dst.Set(made)
	}
}

// nested reads a struct, or makes and reads the one that a pointer is for.
func (r *reader) nested(sf *schema.Field, v *value, dst reflect.Value, what string, quiet bool) {
	what = within(what, sf.Key)
	if !sf.Pointer {
		r.block(v, sf.Elem, dst, what, quiet)
		return
	}
	// A block that needs no key can just be there.
	if v.kind == kindBool && !slices.ContainsFunc(sf.Elem.Fields, func(f schema.Field) bool { return f.Required }) {
		if !truth(v.text) {
			return
		}
		v = &value{at: v.at, kind: kindTable}
	}
	if sf.Elem.Type == checkType {
		if v = r.check(v, what); v == nil {
			return
		}
	}
	made := reflect.New(sf.Type)
	r.schema.SetDefaults(made.Interface())
	r.block(v, sf.Elem, made.Elem(), what, quiet)
	dst.Set(made)
}

// blocks reads a list of tables. What is no table is left out.
func (r *reader) blocks(sf *schema.Field, v *value, dst reflect.Value, what string, quiet bool) {
	if v.kind != kindList {
		r.error(v.at, "wrong-type", "%s must be a list, not %s", within(what, sf.Key), r.shape(sf.Elem, v))
		return
	}
	list := reflect.MakeSlice(dst.Type(), 0, len(v.items))
	for i, item := range v.items {
		made := reflect.New(sf.Elem.Type)
		r.schema.SetDefaults(made.Interface())
		var name string
		switch {
		case sf.Elem.Type == checkType:
			if item = r.check(item, fmt.Sprintf("%s: %s: item %d", what, sf.Key, i+1)); item == nil {
				continue
			}
			name = what
		case sf.Form == "block":
			name = within(what, r.title(sf.Spelling(), item, i))
		default:
			name = fmt.Sprintf("%s: item %d", within(what, sf.Key), i+1)
		}
		if ok := r.block(item, sf.Elem, made.Elem(), name, quiet); !ok && (sf.Elem.Type == addressType || item.kind != kindTable) {
			continue
		}
		// Others are kept, so that what refers to them is not called wrong too.
		list = reflect.Append(list, made.Elem())
		if what == whole && (sf.Key == scriptsKey || sf.Key == instancesKey || sf.Key == groupsKey) {
			r.tables[sf.Key] = append(r.tables[sf.Key], &table{item, name})
			continue
		}
		v.items[i] = nil // ten thousand servers are not held twice
	}
	if list.Len() > 0 {
		dst.Set(list)
	}
}

// title names an item of a list for messages: by its name, or by its place
// as long as that is not known.
func (r *reader) title(kind string, v *value, i int) string {
	for _, key := range [...]string{"name", "address", "fwmark", "group"} {
		f := v.get(key)
		if f != nil && (f.value.kind == kindText || f.value.kind == kindInt) && f.value.text != "" && f.value.reference == "" {
			return kind + " " + printable(f.value.text)
		}
	}
	if v.kind == kindText && v.text != "" && v.reference == "" {
		return kind + " " + printable(v.text)
	}
	return fmt.Sprintf("%s number %d", kind, i+1)
}

// shape describes a value that is no table of b. What may be a password is
// not repeated.
func (r *reader) shape(b *schema.Block, v *value) string {
	if slices.ContainsFunc(b.Fields, func(f schema.Field) bool { return f.Secret }) && v.reference == "" {
		return v.kind.String()
	}
	return v.describe()
}

// needed says what is missing.
func needed(b *schema.Block, sf *schema.Field) string {
	switch b.Name + "." + sf.Key {
	case "Instance.virtual_router_id":
		return "a virtual_router_id from 1 to 255, the same on all nodes"
	case "SyncGroup.group":
		return "a group: the list of its instances"
	case "Lua.path":
		return "the path of a Lua file"
	}
	return article(sf)
}

func article(sf *schema.Field) string {
	switch {
	case sf.Kind == schema.KindBlocks || sf.Kind == schema.KindWords && sf.Key != "script" && sf.Key != "process":
		return sf.Key
	case strings.ContainsRune("aeiou", rune(sf.Key[0])):
		return "an " + sf.Key
	}
	return "a " + sf.Key
}

// The lists at the root whose tables are looked at again, when all is read.
const (
	scriptsKey   = "vrrp_scripts"
	instancesKey = "vrrp_instances"
	groupsKey    = "vrrp_sync_groups"
)

// maxName is how long a name may be.
const maxName = 64

// naming checks a name that others refer to.
func (r *reader) naming(v *value, s, what, key string) bool {
	if strings.ContainsFunc(s, unicode.IsSpace) || utf8.RuneCountInString(s) > maxName {
		r.error(v.at, "wrong-value", "%s: %s must be one word of at most %d characters, not %s", what, key, maxName, v.shown(s))
		return false
	}
	return true
}
