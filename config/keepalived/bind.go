package keepalived

import (
	"reflect"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// The binding makes the rows of the tables from the tags of the configuration's
// types, so that a keyword, its value, its bounds and its default are said once.
//
// binder.rows makes a row for each keyword of a struct. What the walker does
// with it follows from the field's kind and form:
//
//	bool, number, duration, text, address, enumeration, list of words
//	                 the value is read, held against its bounds and set
//	command          a program, and USER [GROUP] behind it
//	block            a struct is opened: a new item of a list, or what a
//	                 pointer points to. Its keywords follow from its own tags.
//	                 The first word behind the keyword is its key "name", if
//	                 it has one and is an item of a list
//	flat list        as block, for each of the items' keywords: TCP_CHECK in a
//	                 real_server begins a new item of checks
//	lines            an item is opened for each line, and the row's line called
//
// A keyword whose syntax is irregular has a row of its own in what special
// returns, under BLOCK/KEYWORD, of which everything that is not zero replaces
// what the tags say: handle for its words, line for the lines in its braces,
// finish for the end of its block. A field of form special, or of lines, must
// have one. A row with as is an old spelling that only its block has.
//
// Handlers reach the struct that is open by top, those around it by
// around, and set its other fields by hand or by reader.set. A finish that
// finds that the block is of no use calls reader.drop.
//
// For each keyword that was read the walker adds its native key to Written of
// the struct that is open. A finish can ask top's Written whether a key was
// given, so that what is inherited needs no second representation.
//
// When a row's keyword is not the field's current spelling, and does not mean
// the same to keepalived (see equalWords), the walker says which one is.
type binder struct {
	schema   *schema.Schema
	language language
	special  map[string]keyword
	// names are the blocks of the language that were made of structs.
	names map[*schema.Block]string
	// exact and first are exactNumbers and firstCounts.
	exact, first map[string]bool
}

// binding is how a row is bound to a field.
type binding struct {
	field *schema.Field
	// fresh is a struct of the field's with its defaults, to be copied.
	fresh reflect.Value
	// name is the field that the first word behind the keyword sets.
	name *schema.Field
	// required are the keys that the block must have written.
	required []*schema.Field
	// own says that a finish of its own looks for what is required.
	own bool
	// key is what is written down as given.
	key string
	// current is the spelling that has taken this one's place, or "".
	current string
}

// equalWords are further spellings that keepalived does not call old.
func equalWords() []string {
	return []string{"lvs_sched", "lvs_method", "neighbour_ip", "hoplimit", "noreverse", "broadcast", "preempt"}
}

// rows makes the rows of a struct: those of the given words, or all. They are
// for the block of the language called name.
func (b *binder) rows(name string, of *schema.Block, words ...string) []keyword {
	all := len(words) == 0
	if all {
		words = of.Spelled()
	}
	ks := make([]keyword, 0, len(words))
	for _, word := range words {
		ks = append(ks, b.row(name, word, of.Word(word)))
	}
	for key, own := range b.special {
		if word, ok := strings.CutPrefix(key, name+"/"); ok && own.as != "" && all {
			k := b.row(name, own.as, of.Word(own.as))
			k.name, k.bound.current = word, own.as
			ks = append(ks, k)
		}
	}
	return ks
}

// add makes a block of the language of a struct, and those within it.
func (b *binder) add(name string, of *schema.Block) string {
	if made, ok := b.names[of]; ok {
		return made
	}
	title := name
	if b.language[name] != nil {
		name = of.Name + "-" + name
	}
	b.names[of] = name
	b.language.add(name, nil)
	b.language.add(name, b.rows(name, of))
	b.language[name].title = title
	return name
}

// row makes the row of one keyword.
func (b *binder) row(block, word string, f *schema.Field) keyword {
	k := keyword{name: word, min: 1, max: 1, bound: &binding{field: f, key: f.Key}}
	if f.Within != nil {
		k.bound.key = f.Within.Key
	}
	if i := slices.Index(f.Words, word); i > 0 && !slices.Contains(equalWords(), word) {
		k.bound.current = f.Words[0]
	}
	switch {
	case f.Idle != "":
		k.status, k.note = warns, ": "+f.Idle
	case f.Unbuilt != "":
		k.status, k.note = refuses, ": "+f.Unbuilt
	}
	switch {
	case f.Form == "bare":
		k.min, k.max, k.repeats = 0, 0, true
	case f.Kind == schema.KindBool:
		k.min = 0
	case f.Form == "optional":
		k.min = 0
		if f.Kind == schema.KindScalar {
			k.max = -1
		}
	case f.Form == "words":
		k.max = -1
	case f.Form == "command":
		k.max, k.command = -1, true
	case f.Form == "list":
		k.min, k.max, k.repeats, k.line = 0, 0, true, wordsLine(f)
	case f.Form == "lines":
		k.min, k.max, k.repeats = 0, 0, true
		if f.Kind == schema.KindBlocks {
			k.bound.fresh = b.fresh(f)
		}
	case f.Elem != nil && f.Form != "special":
		b.structure(&k, block, f)
	}
	if own, ok := b.special[block+"/"+word]; ok {
		k.replace(&own)
	}
	if b.first[block+"/"+word] {
		k.first, k.repeats = true, false
	}
	if k.handle == nil && !k.braces() {
		k.handle = setField
	}
	number := f.Kind == schema.KindInt || f.Kind == schema.KindInts || f.Kind == schema.KindDuration || strings.HasPrefix(word, "track_") && k.line != nil
	k.exact = b.exact[block+"/"+word]
	k.tail = number && !f.Own && !k.exact
	return k
}

// exactNumbers are the keywords whose line keepalived ignores when something
// stands behind the digits. Of the others it complains and takes the digits when
// it runs; keepalived -t ignores all of them. An advert_int of 2s is there one of
// two microseconds, which is out of its range.
func exactNumbers() map[string]bool {
	return each(map[string]string{
		"":               "child_wait_time",
		"vrrp_instance":  "virtual_router_id unicast_ttl priority kernel_rx_buf_size advert_int",
		"virtual_server": "retry persistence_timeout", "real_server": "retry",
		"UDP_CHECK":    "min_reply_length max_reply_length",
		"bfd_instance": "min_rx min_tx idle_tx multiplier ttl hoplimit max_hops",
		"global_defs": "nftables_priority nftables_ipvs_priority nftables_ipvs_start_fwmark " +
			"vrrp_netlink_cmd_rcv_bufs vrrp_netlink_monitor_rcv_bufs lvs_netlink_cmd_rcv_bufs lvs_netlink_monitor_rcv_bufs process_monitor_rcv_bufs " +
			"vrrp_rx_bufs_multiplier random_seed",
	})
}

// each are the words of blocks, as BLOCK/KEYWORD.
func each(blocks map[string]string) map[string]bool {
	all := make(map[string]bool)
	for block, words := range blocks {
		for word := range strings.FieldsSeq(words) {
			all[block+"/"+word] = true
		}
	}
	return all
}

// firstCounts are the keywords of which keepalived keeps the first.
func firstCounts() map[string]bool {
	return each(map[string]string{
		"": "net_namespace instance",
		"global_defs": "notify_fifo notify_fifo_script vrrp_notify_fifo vrrp_notify_fifo_script lvs_notify_fifo lvs_notify_fifo_script " +
			"startup_script shutdown_script snmp_socket nftables lvs_sync_daemon",
		"vrrp_instance":      "notify_master notify_backup notify_fault notify_stop notify_deleted notify_master_rx_lower_pri lvs_sync_daemon_interface use_ipvlan",
		"vrrp_sync_group":    "notify_master notify_backup notify_fault notify_stop group",
		"track_group":        "group",
		"vrrp_track_process": "process weight",
		"virtual_server":     "quorum_up quorum_down",
		"real_server":        "notify_up notify_down",
		"url":                "digest",
		"TLSURL-url":         "digest",
	})
}

// structure makes the row of a keyword that opens a struct.
func (b *binder) structure(k *keyword, block string, f *schema.Field) {
	k.min, k.max, k.repeats = 0, 0, true
	k.bound.fresh = b.fresh(f)
	for i := range f.Elem.Fields {
		inner := &f.Elem.Fields[i]
		switch {
		case inner.Key == "name" && f.Kind == schema.KindBlocks:
			k.bound.name = inner
			k.named, k.max = true, 1
			if inner.Required {
				k.min = 1
			}
		case inner.Required && len(inner.Words) > 0:
			k.bound.required = append(k.bound.required, inner)
		}
	}
	if own := b.special[block+"/"+k.name]; own.line == nil {
		k.body = b.add(k.name, f.Elem)
	}
}

// fresh makes a struct of the field's with its defaults.
func (b *binder) fresh(f *schema.Field) reflect.Value {
	v := reflect.New(f.Elem.Type)
	b.schema.SetDefaults(v.Interface())
	return v.Elem()
}

// replace puts what a special row says in the place of what the tags say.
func (k *keyword) replace(own *keyword) {
	if own.min != 0 || own.max != 0 {
		k.min, k.max = own.min, own.max
	}
	if own.handle != nil {
		k.handle = own.handle
	}
	if own.line != nil {
		k.line, k.body = own.line, ""
	}
	if own.finish != nil {
		k.finish, k.bound.own = own.finish, true
	}
	if own.note != "" {
		k.note = own.note
	}
	k.named = k.named || own.named
	k.repeats = k.repeats || own.repeats
	k.command = k.command || own.command
	k.vital = k.vital || own.vital
}

// frame is a struct that is being read.
type frame struct {
	// value is the struct, written its list of keys, which may be nil.
	value   reflect.Value
	block   *schema.Block
	written *config.Keys
	// list is what it is the last item of; not valid for others.
	list reflect.Value
	// keys is where its keys begin in reader.keys.
	keys int
	// damaged and meant are those of what is around it.
	damaged bool
	meant   map[string]bool
	dropped bool
}

// top returns the struct that is being read. It panics if that is no T, which
// is a mistake in a table.
func top[T any](r *reader) *T { return r.frames[len(r.frames)-1].value.Addr().Interface().(*T) }

// around returns the innermost T that is being read, or nil.
func around[T any](r *reader) *T {
	for i := len(r.frames) - 1; i >= 0; i-- {
		if p, ok := r.frames[i].value.Addr().Interface().(*T); ok {
			return p
		}
	}
	return nil
}

// drop leaves out the item of a list that is being read.
func (r *reader) drop() { r.frames[len(r.frames)-1].dropped = true }

// push makes v the struct that is being read.
func (r *reader) push(v reflect.Value, b *schema.Block, list reflect.Value) {
	r.frames = append(r.frames, frame{
		value: v, block: b, written: b.Written(v), list: list, keys: len(r.keys), damaged: r.damaged, meant: r.meant,
	})
	r.damaged, r.meant = false, nil
}

// open begins the struct of a keyword and makes it the one that is being
// read.
func (r *reader) open(k *keyword, s *statement, at pos) {
	f := k.bound.field
	parent := r.frames[len(r.frames)-1].value
	var list reflect.Value
	switch {
	case f.Within != nil:
		list = f.Within.In(parent)
		parent = appendZero(list)
	case f.Kind == schema.KindBlocks:
		list = f.In(parent)
		if list.Cap() == 0 {
			list.Grow(r.more(s))
		}
		parent = appendZero(list)
	}
	v := parent
	if f.Within != nil || f.Kind != schema.KindBlocks {
		v = f.In(parent)
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
			v.Elem().Set(k.bound.fresh)
		}
		v = v.Elem()
	} else if list.IsValid() {
		v.Set(k.bound.fresh)
	}
	if p := f.Elem.At(v); p != nil && *p == (config.Position{}) {
		*p = r.position(at)
	}
	r.push(v, f.Elem, list)
}

// more counts the statements from s on that have its keyword, so that a list
// of them is made once. Those of the top level are not there yet: it is how many
// lines of the file begin like that.
func (r *reader) more(s *statement) int {
	n, keyword := 1, s.words[0].text
	if len(r.enclosing) == 1 {
		if from := r.src.place(s.at()); !from.expanded {
			n += strings.Count(from.file.text[from.off:], "\n"+keyword+" ")
		}
		return n
	}
	for other := range r.tree.chain(s.next) {
		if len(other.words) > 0 && other.words[0].text == keyword {
			n++
		}
	}
	return n
}

// appendZero adds an item to a list and returns it.
func appendZero(list reflect.Value) reflect.Value {
	n := list.Len()
	list.Grow(1)
	list.SetLen(n + 1)
	item := list.Index(n)
	item.SetZero()
	return item
}

// pop ends the struct that is being read. An item that is damaged is left
// out, and what is around it is damaged too.
func (r *reader) pop() {
	n := len(r.frames) - 1
	f := &r.frames[n]
	if keys := r.keys[f.keys:]; f.written != nil && len(keys) > 0 {
		*f.written = r.join(*f.written, keys)
	}
	clear(r.keys[f.keys:])
	r.keys = r.keys[:f.keys]
	if f.list.IsValid() && (r.damaged || f.dropped) {
		f.list.SetLen(f.list.Len() - 1)
	}
	r.damaged, r.meant = r.damaged || f.damaged, f.meant
	r.frames = r.frames[:n]
}

// stored copies keys to where they stay. The lists within one block of the top
// level share an array, in which they go and stay together.
func (r *reader) stored(keys []config.Key) config.Keys {
	n := len(keys)
	if cap(r.chunk)-len(r.chunk) < n {
		// As a rule there is one for each statement, and one more.
		r.chunk = make(config.Keys, 0, max(n, r.tree.size()+1))
	}
	from := len(r.chunk)
	r.chunk = append(r.chunk, keys...)
	return r.chunk[from : from+n : from+n]
}

// join adds keys to those that a struct wrote before, mostly none.
func (r *reader) join(before config.Keys, keys []config.Key) config.Keys {
	if len(before) == 0 {
		return r.stored(keys)
	}
	return append(before, keys...)
}

// wrote notes a key of the struct that is being read; a list only once.
func (r *reader) wrote(key string, at pos, list bool) {
	if len(r.frames) == 0 {
		return
	}
	f := &r.frames[len(r.frames)-1]
	if f.written == nil {
		return
	}
	if list {
		for _, k := range r.keys[f.keys:] {
			if k.Name == key {
				return
			}
		}
	}
	r.keys = append(r.keys, config.Key{Name: key, At: r.position(at)})
}

// given reports whether a key of the struct that is being read was written.
func (r *reader) given(key string) bool {
	return config.Keys(r.keys[r.frames[len(r.frames)-1].keys:]).Has(key)
}

// givenBehind reports whether a key was written, and behind another one.
func (r *reader) givenBehind(key, other string) bool {
	keys := r.keys[r.frames[len(r.frames)-1].keys:]
	last := func(name string) int {
		return slices.IndexFunc(keys, func(k config.Key) bool { return k.Name == name })
	}
	return last(key) > last(other)
}

// givenAt is where a key of the struct that is being read was written, or the
// struct itself.
func (r *reader) givenAt(key string) config.Position {
	f := &r.frames[len(r.frames)-1]
	var at config.Position
	if p := f.block.At(f.value); p != nil {
		at = *p
	}
	return config.Keys(r.keys[f.keys:]).At(key, at)
}
