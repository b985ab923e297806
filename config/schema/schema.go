package schema

import (
	"encoding"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// Kind is what values a field has. A pointer has the kind of what it points
// to.
type Kind uint8

// The kinds.
const (
	KindBool     Kind = iota
	KindInt           // any integer type
	KindDuration      // time.Duration
	KindText          // string
	KindAddress       // netip.Addr
	KindPrefix        // netip.Prefix
	KindScalar        // a type with UnmarshalText
	KindWords         // []string
	KindInts          // a slice of integers
	KindScalars       // a slice of KindAddress, KindPrefix or KindScalar
	KindMap           // map[string]string or config.Args
	KindBlock         // a struct
	KindBlocks        // a slice of structs
	KindProgram       // config.Program, a struct too
)

// Forms are the values of the tag form:
//
//	bare      the keyword alone sets true
//	optional  the value may be left out, which means the tag bare
//	words     all words of the line
//	list      words in braces, on any lines
//	lines     braces with an entry on each line
//	command   a program with its arguments, and USER [GROUP]
//	block     braces with keywords
//	special   like nothing else
func Forms() []string {
	return []string{"bare", "optional", "words", "list", "lines", "command", "block", "special"}
}

// Block is one struct: a table of the native languages, a block or a line of
// keepalived's. It is not changed once New has returned.
type Block struct {
	Type reflect.Type
	// Name is the Go type's.
	Name string
	// Doc is the type's comment.
	Doc string
	// Fields are in the order of the struct, those of embedded structs
	// where these stand.
	Fields []Field

	// keys are the places in Fields by their keys in order.
	keys  []uint16
	words map[string]*Field
	// spelled are the keywords in order.
	spelled []string
	at      []int
	written []int
	// defaulted are the places in Fields of those with a default, and of
	// structs, which may have some.
	defaulted []int
}

// Field is one key of a block.
type Field struct {
	// Index is for reflect.Value.FieldByIndex on the block's value; In does
	// that faster and through nil pointers.
	Index []int
	// Name is the Go field's.
	Name string
	// Key is the native key; of a Field that Word found in a flat struct,
	// the struct's key, a dot and the key.
	Key string
	// Words are the keywords of keepalived.conf, with the prefix of the flat
	// struct around them if Word found it there. None: keepalived has none.
	Words []string
	// Flat is the prefix of a struct whose keywords stand in its parent's
	// block. IsFlat tells an empty prefix from none.
	Flat string
	// Within is set on what Word found in the items of a flat list: the
	// list, of which the keyword begins a new item. Index begins at that.
	Within *Field

	Default  string
	Inherits string
	// Low and High are the bounds as the tag has them, empty for none.
	Low, High string
	Enum      []string
	Unit      string
	Form      string
	Bare      string
	Idle      string
	Unbuilt   string
	// Doc is the field's comment, beginning with its key, if it is Documented.
	Doc string
	// Type is the Go type, without the pointer.
	Type reflect.Type
	// Elem is the block of a struct, or of a slice's items; else nil.
	Elem *Block

	low, high int64
	Tier      int
	// What is small stands together: there are many fields, at every start.

	// Root says that the keyword stands at the top level of keepalived.conf.
	// Root().Word finds it, with an Index that begins at Config; its key is
	// still Global's.
	Root     bool
	IsFlat   bool
	Whole    bool
	Secret   bool
	Required bool
	// Own says that the keyword in keepalived.conf is moonkeep's: keepalived
	// does not know it.
	Own bool
	// Pointer says that the field is a pointer: nil when not written.
	Pointer bool
	bounded bool
	Kind    Kind
}

// Schema is every block reachable from config.Config.
type Schema struct {
	blocks map[reflect.Type]*Block
	order  []*Block
	// problems are what is wrong with the tags.
	problems []string
}

// New returns the schema, which is the same for all and is not changed. It is
// computed at the first call, which takes some milliseconds. Its comments are
// empty.
func New() *Schema { return compute() }

// compute remembers what follows from the types alone.
var compute = sync.OnceValue(func() *Schema { return build(reflect.TypeFor[config.Config](), nil) })

// Documented returns the schema with the comments, and with what is wrong with the
// tags. It is computed at every call.
func Documented() *Schema { return of(reflect.TypeFor[config.Config]()) }

func of(root reflect.Type) *Schema { return build(root, texts()) }

// build makes a schema. Without texts the tags are not checked either: nothing of
// both is of use to who reads a configuration.
func build(root reflect.Type, texts map[string]string) *Schema {
	s := &Schema{blocks: make(map[reflect.Type]*Block)}
	s.add(root, texts)
	for _, b := range s.order {
		s.index(b)
	}
	for _, b := range s.order {
		s.ready(b)
	}
	return s
}

// Root returns the block of config.Config.
func (s *Schema) Root() *Block { return s.order[0] }

// Block returns the block of a struct type or of a pointer to one, nil when
// the configuration has no such type.
func (s *Schema) Block(t reflect.Type) *Block {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return s.blocks[t]
}

// Of returns the block of a struct or of a pointer to one.
func (s *Schema) Of(v any) *Block { return s.Block(reflect.TypeOf(v)) }

// Blocks returns every block once, the root first, each before its parts.
func (s *Schema) Blocks() []*Block { return slices.Clone(s.order) }

// Problems returns what is wrong with the tags, a line for each, of a schema that
// is Documented.
func (s *Schema) Problems() []string { return slices.Clone(s.problems) }

// Field returns the field of a native key, or nil. Like the struct, it must
// not be changed.
func (b *Block) Field(key string) *Field {
	i, found := slices.BinarySearchFunc(b.keys, key, func(i uint16, key string) int { return strings.Compare(b.Fields[i].Key, key) })
	if !found {
		return nil
	}
	return &b.Fields[b.keys[i]]
}

// Word returns the field of a keyword that may stand in this block in
// keepalived.conf, or nil. It looks into flat structs and flat lists.
func (b *Block) Word(word string) *Field { return b.words[word] }

// Spelled returns the keywords that Word knows, in the order of the structs.
func (b *Block) Spelled() []string { return b.spelled }

// Keys returns the native keys in order.
func (b *Block) Keys() []string {
	keys := make([]string, len(b.Fields))
	for i := range b.Fields {
		keys[i] = b.Fields[i].Key
	}
	return keys
}

// At returns where the block v stands, to be set; nil when its struct does
// not say.
func (b *Block) At(v reflect.Value) *config.Position {
	if b.at == nil {
		return nil
	}
	return v.FieldByIndex(b.at).Addr().Interface().(*config.Position)
}

// Written returns the keys that the block v wrote, to be added to; nil when
// its struct does not keep them.
func (b *Block) Written(v reflect.Value) *config.Keys {
	if b.written == nil {
		return nil
	}
	return v.FieldByIndex(b.written).Addr().Interface().(*config.Keys)
}

// In returns the field's value in v, a value of its block's struct that can
// be set. Structs on the way that are nil are made.
func (f *Field) In(v reflect.Value) reflect.Value {
	for _, i := range f.Index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v
}

// Value is In for those who only look: the result is not valid when a struct
// on the way, or the field itself, is a nil pointer, and is never a pointer.
func (f *Field) Value(v reflect.Value) reflect.Value {
	for _, i := range f.Index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return reflect.Value{}
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	if v.Kind() == reflect.Pointer {
		return v.Elem()
	}
	return v
}

// Spelling returns the current keyword, "" when there is none.
func (f *Field) Spelling() string {
	if len(f.Words) == 0 {
		return ""
	}
	return f.Words[0]
}

var (
	unmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	position    = reflect.TypeFor[config.Position]()
	wordy       = reflect.TypeFor[interface{ Words() []string }]()
)

// kindOf returns what values of type t are, false when the schema has no
// such values.
func kindOf(t reflect.Type) (Kind, bool) {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return KindDuration, true
	case reflect.TypeFor[netip.Addr]():
		return KindAddress, true
	case reflect.TypeFor[netip.Prefix]():
		return KindPrefix, true
	case reflect.TypeFor[config.Program]():
		return KindProgram, true
	}
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return KindScalar, true
	}
	switch t.Kind() {
	case reflect.Bool:
		return KindBool, true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return KindInt, true
	case reflect.String:
		return KindText, true
	case reflect.Struct:
		return KindBlock, true
	case reflect.Map:
		return KindMap, t.Key().Kind() == reflect.String && (t.Elem().Kind() == reflect.String || t == reflect.TypeFor[config.Args]())
	case reflect.Slice:
		return sliceOf(t.Elem())
	}
	return 0, false
}

func sliceOf(item reflect.Type) (Kind, bool) {
	if item.Kind() == reflect.Pointer {
		item = item.Elem()
	}
	switch k, ok := kindOf(item); k {
	case KindText:
		return KindWords, ok
	case KindInt:
		return KindInts, ok
	case KindAddress, KindPrefix, KindScalar:
		return KindScalars, ok
	case KindBlock:
		return KindBlocks, ok
	}
	return 0, false
}

// String names the kind for messages about the schema.
func (k Kind) String() string {
	return [...]string{"bool", "int", "duration", "text", "address", "prefix", "scalar", "words", "ints", "scalars", "map", "block", "blocks", "program"}[k]
}
