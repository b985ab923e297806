package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// problem notes something wrong with a tag.
func (s *Schema) problem(b *Block, name, format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf("%s.%s: ", b.Name, name)+fmt.Sprintf(format, args...))
}

// add makes the block of a struct type and of all within it.
func (s *Schema) add(t reflect.Type, texts map[string]string) *Block {
	if b := s.blocks[t]; b != nil {
		return b
	}
	b := &Block{Type: t, Name: t.Name(), Doc: texts[t.Name()]}
	s.blocks[t] = b
	s.order = append(s.order, b)
	// Fields are large, and all of them once: grown by and by they would take
	// several times the room.
	b.Fields = make([]Field, 0, countFields(t))
	s.fields(b, t, nil, texts)
	return b
}

// countFields is how many fields the block of a struct will have at most.
func countFields(t reflect.Type) (n int) {
	for i := range t.NumField() {
		sf := t.Field(i)
		key, keyed := sf.Tag.Lookup("key")
		switch {
		case sf.Anonymous && !keyed && sf.Type.Kind() == reflect.Struct:
			n += countFields(sf.Type)
		case keyed && key != "-":
			n++
		}
	}
	return n
}

// fields adds the fields of a struct, and of those embedded in it, to b.
func (s *Schema) fields(b *Block, t reflect.Type, index []int, texts map[string]string) {
	all := make(map[string]string)
	for i := range t.NumField() {
		sf := t.Field(i)
		path := append(slices.Clone(index), i)
		tags, err := tagsOf(all, sf.Tag)
		if err != nil {
			s.problem(b, sf.Name, "%v", err)
		}
		key, keyed := tags["key"]
		switch {
		case !sf.IsExported() && !sf.Anonymous:
			continue
		case sf.Type == position && sf.Name == "At" && b.at == nil:
			b.at = path
		case sf.Type == reflect.TypeFor[config.Keys]() && sf.Name == "Written" && b.written == nil:
			b.written = path
		}
		switch {
		case sf.Anonymous && !keyed && sf.Type.Kind() == reflect.Struct:
			s.fields(b, sf.Type, path, texts)
		case !keyed:
			s.problem(b, sf.Name, "it has no tag key")
		case key != "-":
			b.Fields = append(b.Fields, Field{Index: path, Name: sf.Name, Key: key, Doc: docOf(texts, t, sf.Name, key)})
			s.field(b, &b.Fields[len(b.Fields)-1], sf.Type, tags, texts)
		}
	}
}

// docOf returns a field's comment with its key where the Go name began it.
func docOf(texts map[string]string, t reflect.Type, name, key string) string {
	if texts == nil {
		return ""
	}
	doc := texts[t.Name()+"."+name]
	if rest, ok := strings.CutPrefix(doc, name+" "); ok {
		return key + " " + rest
	}
	return doc
}

// field fills in what the type and the tags say.
func (s *Schema) field(b *Block, f *Field, t reflect.Type, tags map[string]string, texts map[string]string) {
	f.Type = t
	if t.Kind() == reflect.Pointer {
		f.Pointer, f.Type = true, t.Elem()
	}
	kind, ok := kindOf(f.Type)
	if !ok {
		s.problem(b, f.Name, "a %v is no value of a configuration", t)
	}
	f.Kind = kind
	switch kind {
	case KindBlock, KindProgram:
		f.Elem = s.add(f.Type, texts)
	case KindBlocks:
		item := f.Type.Elem()
		if item.Kind() == reflect.Pointer {
			item = item.Elem()
		}
		f.Elem = s.add(item, texts)
	}
	f.Words = []string{f.Key}
	if word, ok := tags["word"]; ok {
		f.Words = strings.Split(word, ",")
		if word == "-" {
			f.Words = nil
		}
	}
	if enum := tags["enum"]; enum != "" {
		f.Enum = strings.Split(enum, ",")
	} else if f.Type.Implements(wordy) {
		f.Enum = reflect.Zero(f.Type).Interface().(interface{ Words() []string }).Words()
	}
	f.Flat, f.IsFlat = tags["flat"], has(tags, "flat")
	f.Root = tags["at"] == "root"
	f.Default, f.Inherits = tags["default"], tags["inherits"]
	f.Unit, f.Form, f.Bare = tags["unit"], tags["form"], tags["bare"]
	f.Whole, f.Secret, f.Required = has(tags, "whole"), has(tags, "secret"), has(tags, "required")
	f.Own, f.Idle, f.Unbuilt = has(tags, "own"), tags["idle"], tags["unbuilt"]
	// What is no number is found by the checks of the tags.
	f.Tier, _ = strconv.Atoi(tags["tier"])
	if err := f.bounds(tags["range"]); err != nil {
		s.problem(b, f.Name, "range: %v", err)
	}
	if texts != nil {
		s.checkTags(b, f, tags)
	}
}

func has(tags map[string]string, name string) bool { _, ok := tags[name]; return ok }

// bounds takes the tag range apart.
func (f *Field) bounds(text string) error {
	if text == "" {
		return nil
	}
	low, high, ok := strings.Cut(text, "..")
	if !ok {
		return fmt.Errorf("%q is not LOW..HIGH", text)
	}
	number := func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }
	switch f.Kind {
	case KindDuration:
		number = func(s string) (int64, error) { d, err := time.ParseDuration(s); return int64(d), err }
	case KindInt, KindInts:
	default:
		return fmt.Errorf("a %v has none", f.Kind)
	}
	f.Low, f.High, f.bounded = low, high, true
	f.low, f.high = -1<<63, 1<<63-1
	var err error
	if low != "" {
		if f.low, err = number(low); err != nil {
			return err
		}
	}
	if high != "" {
		if f.high, err = number(high); err != nil {
			return err
		}
	}
	if f.low > f.high {
		return fmt.Errorf("%s is empty", text)
	}
	return nil
}

// tagsOf takes a tag apart into all, which is emptied first, and returns it.
func tagsOf(all map[string]string, tag reflect.StructTag) (map[string]string, error) {
	clear(all)
	for rest := strings.TrimSpace(string(tag)); rest != ""; rest = strings.TrimSpace(rest) {
		name, quoted, ok := strings.Cut(rest, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \"") {
			return all, fmt.Errorf("the tag is damaged before %q", rest)
		}
		prefix, err := strconv.QuotedPrefix(quoted)
		if err != nil {
			return all, fmt.Errorf("the value of tag %s is not in quotes", name)
		}
		value, err := strconv.Unquote(prefix)
		if err != nil {
			return all, fmt.Errorf("the value of tag %s: %w", name, err)
		}
		if has(all, name) {
			return all, fmt.Errorf("tag %s is given twice", name)
		}
		if !slices.Contains(tagNames(), name) {
			return all, fmt.Errorf("there is no tag %s", name)
		}
		all[name] = value
		rest = quoted[len(prefix):]
	}
	return all, nil
}

func tagNames() []string {
	return []string{"key", "word", "at", "flat", "default", "inherits", "range", "enum", "unit", "whole", "form", "bare", "secret", "required", "tier", "own", "idle", "unbuilt"}
}

// index makes the tables of keys and keywords of a block.
func (s *Schema) index(b *Block) {
	b.keys, b.words = make([]uint16, len(b.Fields)), make(map[string]*Field, len(b.Fields))
	for i := range b.Fields {
		b.keys[i] = uint16(i)
	}
	slices.SortStableFunc(b.keys, func(x, y uint16) int { return strings.Compare(b.Fields[x].Key, b.Fields[y].Key) })
	for i := 1; i < len(b.keys); i++ {
		if f := &b.Fields[b.keys[i]]; f.Key == b.Fields[b.keys[i-1]].Key {
			s.problem(b, f.Name, "key %s is there twice", f.Key)
		}
	}
	s.indexWords(b, &flatPart{block: b})
	if b != s.order[0] {
		return
	}
	// What stands at the top level but belongs to a block of the root.
	for i := range b.Fields {
		f := &b.Fields[i]
		if f.Kind != KindBlock {
			continue
		}
		for j := range f.Elem.Fields {
			if inner := f.Elem.Fields[j]; inner.Root {
				inner.Index = slices.Concat(f.Index, inner.Index)
				s.spell(b, &inner)
			}
		}
	}
}

// flatPart is a flat struct in a block, or the block itself: how it is
// reached, named and prefixed there.
type flatPart struct {
	block        *Block
	index        []int
	path, prefix string
	within       *Field
}

// indexWords adds to b the keywords of a part of it.
func (s *Schema) indexWords(b *Block, part *flatPart) {
	for i := range part.block.Fields {
		f := &part.block.Fields[i]
		if f.Root {
			continue
		}
		if f.IsFlat && f.Elem != nil {
			inner := &flatPart{block: f.Elem, index: slices.Concat(part.index, f.Index), path: part.path + f.Key + ".", prefix: part.prefix + f.Flat, within: part.within}
			if f.Kind == KindBlocks {
				inner.index, inner.within = nil, f
			}
			s.indexWords(b, inner)
			continue
		}
		if part.block == b {
			s.spell(b, f)
			continue
		}
		inner := *f
		inner.Index, inner.Key, inner.Within = slices.Concat(part.index, f.Index), part.path+f.Key, part.within
		inner.Words = slices.Clone(f.Words)
		for j, word := range inner.Words {
			if absolute, ok := strings.CutPrefix(word, "="); ok {
				inner.Words[j] = absolute
			} else {
				inner.Words[j] = part.prefix + word
			}
		}
		s.spell(b, &inner)
	}
}

// spell adds the keywords of one field to b.
func (s *Schema) spell(b *Block, f *Field) {
	for _, word := range f.Words {
		if b.words[word] != nil {
			s.problem(b, f.Name, "keyword %s is there twice", word)
			continue
		}
		b.words[word] = f
		b.spelled = append(b.spelled, word)
	}
}
