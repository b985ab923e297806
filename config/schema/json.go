package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// schemaID names the JSON Schema.
const schemaID = "https://github.com/moonkeep/moonkeep/schema.json"

// object is a JSON object that keeps the order of its keys.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// JSON returns the JSON Schema (draft 2020-12) of the native languages, for
// editors: every key with its type, bounds, default and meaning. A file that
// it refuses is refused by moonkeep too; what depends on several values, such
// as references between blocks, only moonkeep check finds.
func (s *Schema) JSON() ([]byte, error) {
	text := object{{"type", "string"}}
	words := object{{"type", "array"}, {"items", text}, {"minItems", 1}}
	defs := object{
		{"reference", object{
			{"description", "the value of an environment variable, with a default behind :-"},
			{"type", "string"},
			{"pattern", `^\$\{[A-Za-z_][A-Za-z0-9_]*(:-.*)?\}$`},
		}},
		{"duration", object{
			{"description", "a time with its unit, such as 2s or 100ms"},
			{"type", "string"},
			{"pattern", `^\+?([0-9.]+(ns|us|µs|ms|s|m|h))+$|^[0-9]+d$|^[+-]?0$|^\$\{.*\}$`},
		}},
		{"program", object{
			{"description", "a program and its arguments, run without a shell: a list of words, or one text that is split as a shell splits words"},
			{"anyOf", []any{text, words}},
		}},
	}
	for _, b := range s.order[1:] {
		defs = append(defs, member{b.Name, s.jsonBlock(b)})
	}
	root := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", schemaID},
		{"title", "moonkeep's configuration"},
	}
	body := s.jsonBlock(s.Root())
	include := object{
		{"description", "Further files, by path or pattern, relative to this one; a folder means the files in it."},
		{"type", "array"},
		{"items", text},
	}
	for i := range body {
		if properties, ok := body[i].value.(object); ok && body[i].name == "properties" {
			body[i].value = append(object{{"include", include}}, properties...)
		}
	}
	root = append(append(root, body...), member{"$defs", defs})
	all, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the JSON Schema: %w", err)
	}
	return append(all, '\n'), nil
}

// jsonBlock is the schema of a table.
func (s *Schema) jsonBlock(b *Block) object {
	properties := object{}
	var required []string
	for i := range b.Fields {
		f := &b.Fields[i]
		properties = append(properties, member{f.Key, s.jsonField(f)})
		if f.Required {
			required = append(required, f.Key)
		}
	}
	o := object{{"type", "object"}}
	if b.Doc != "" {
		o = append(o, member{"description", b.Doc})
	}
	o = append(o, member{"properties", properties})
	if len(required) > 0 {
		o = append(o, member{"required", required})
	}
	if b.Name == oneKey {
		o = append(o, member{"minProperties", 1}, member{"maxProperties", 1})
	}
	return append(o, member{"additionalProperties", false})
}

// oneKey is the block that has one key, the kind of a check.
const oneKey = "Check"

// needs reports whether a table must have a key.
func (b *Block) needs() bool {
	return slices.ContainsFunc(b.Fields, func(f Field) bool { return f.Required })
}

// jsonField is the schema of a value, with what is said about it.
func (s *Schema) jsonField(f *Field) object {
	o := object{{"description", f.meaning()}}
	if d, ok := f.jsonDefault(); ok {
		o = append(o, member{"default", d})
	}
	return append(o, s.jsonType(f)...)
}

// meaning is the field's text with what else a reader must know.
func (f *Field) meaning() string {
	text := f.Doc
	if f.Inherits != "" {
		text += " When not written: " + f.Inherits + "."
	}
	if f.Unbuilt != "" {
		text += " Not built yet, moonkeep run refuses it: " + f.Unbuilt + "."
	} else if f.Idle != "" {
		text += " Not acted on yet: " + f.Idle + "."
	}
	return text
}

func (f *Field) jsonDefault() (any, bool) {
	switch f.Kind {
	case KindBool:
		return f.Default == "true", f.Default != "" || f.Inherits == "" && !f.Pointer
	case KindInt:
		n, err := strconv.ParseInt(f.Default, 10, 64)
		return n, err == nil
	}
	return f.Default, f.Default != ""
}

func (s *Schema) jsonType(f *Field) object {
	ref := func(name string) object { return object{{"$ref", "#/$defs/" + name}} }
	list := func(items object) object { return object{{"type", "array"}, {"items", items}} }
	switch f.Kind {
	case KindBool:
		return object{{"anyOf", []any{object{{"type", "boolean"}}, ref("reference")}}}
	case KindInt:
		return object{{"anyOf", []any{f.jsonNumber(), ref("reference")}}}
	case KindInts:
		return list(f.jsonNumber())
	case KindDuration:
		return ref("duration")
	case KindWords:
		items := object{{"type", "string"}}
		if len(f.Enum) > 0 {
			items = append(items, member{"enum", f.Enum})
		}
		if f.Name == "Argv" {
			return ref("program")
		}
		if f.Form == "words" {
			return object{{"anyOf", []any{object{{"type", "string"}}, list(items)}}}
		}
		return list(items)
	case KindScalars:
		return list(object{{"type", "string"}})
	case KindMap:
		return object{{"type", "object"}, {"additionalProperties", object{{"type", []string{"string", "number", "boolean"}}}}}
	case KindProgram:
		return object{{"anyOf", []any{ref("program"), ref(f.Elem.Name)}}}
	case KindBlock:
		if f.Elem.Short() != "" {
			return object{{"anyOf", []any{object{{"type", "string"}}, ref(f.Elem.Name)}}}
		}
		if f.Pointer && !f.Elem.needs() {
			return object{{"anyOf", []any{object{{"type", []string{"boolean", "null"}}}, ref(f.Elem.Name)}}}
		}
		return ref(f.Elem.Name)
	case KindBlocks:
		if f.Elem.Name == oneKey {
			return list(object{{"anyOf", []any{object{{"enum", f.Elem.Keys()}}, ref(f.Elem.Name)}}})
		}
		if f.Elem.Short() != "" {
			return list(object{{"anyOf", []any{object{{"type", "string"}, {"description", f.Elem.Short()}}, ref(f.Elem.Name)}}})
		}
		return list(ref(f.Elem.Name))
	}
	o := object{{"type", "string"}}
	if f.Kind == KindScalar {
		// Some texts are numbers and booleans to the languages.
		o = object{{"type", []string{"string", "number", "boolean"}}}
		if f.Form == "words" {
			return object{{"anyOf", []any{o, list(object{{"type", []string{"string", "number"}}})}}}
		}
	}
	if len(f.Enum) > 0 && f.Kind == KindText {
		return object{{"anyOf", []any{object{{"enum", f.Enum}}, ref("reference")}}}
	}
	return o
}

func (f *Field) jsonNumber() object {
	o := object{{"type", "integer"}}
	if f.bounded {
		if f.Low != "" {
			o = append(o, member{"minimum", f.low})
		}
		if f.High != "" {
			o = append(o, member{"maximum", f.high})
		}
	}
	return o
}

// ShortKey returns the key that a text in place of a table stands for, ""
// when the block has no short form or, as an address, one of its own.
func (b *Block) ShortKey() string {
	switch b.Name {
	case "Lua", "FIFO", "URL", "TLSURL":
		return "path"
	case "Track":
		return "name"
	case "Peer", "RealServer", "SorryServer", "GroupEntry":
		return "address"
	case "SMTPServer":
		return "host"
	case "Linkbeat", "SyncDaemon":
		return "interface"
	}
	return ""
}

// Short says which text may stand for the whole table, "" when none may.
func (b *Block) Short() string {
	if b.Name == "Address" {
		return "a line as in keepalived's virtual_ipaddress: 192.0.2.1/24 dev eth1"
	}
	if key := b.ShortKey(); key != "" {
		return "the " + key + " alone"
	}
	return ""
}
