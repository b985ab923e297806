package schema

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestConfiguration holds that every tag reachable from config.Config is
// sound.
func TestConfiguration(t *testing.T) {
	s := Documented()
	for _, p := range s.Problems() {
		t.Error(p)
	}
	for _, b := range s.Blocks() {
		if b.Doc == "" {
			t.Errorf("%s: the type has no comment", b.Name)
		}
	}
	statements(t, s, s.Root(), make(map[*Block]bool))
}

// statements holds what goes for blocks whose keys are keywords of their own
// in keepalived.conf, not words of a line.
func statements(t *testing.T, s *Schema, b *Block, seen map[*Block]bool) {
	if seen[b] {
		return
	}
	seen[b] = true
	for i := range b.Fields {
		f := &b.Fields[i]
		if len(f.Words) > 0 && f.Tier == 0 && !f.IsFlat {
			t.Errorf("%s.%s: a keyword has a tier", b.Name, f.Name)
		}
		if f.Elem == nil || f.Form != "block" && !f.IsFlat {
			continue
		}
		// What is one of several blocks has these there.
		chooses := !slices.ContainsFunc(f.Elem.Fields, func(x Field) bool { return x.Form != "block" })
		if !f.IsFlat && !chooses && (f.Elem.at == nil || f.Elem.written == nil) {
			t.Errorf("%s: it has no At config.Position or no Written config.Keys", f.Elem.Name)
		}
		statements(t, s, f.Elem, seen)
	}
}

func TestProblems(t *testing.T) {
	type field struct {
		value any
		tag   reflect.StructTag
	}
	for want, fields := range map[string][]field{
		"X: it has no tag key":                                      {{0, ""}},
		"X: there is no tag kye":                                    {{0, `kye:"a"`}},
		"X: tag key is given twice":                                 {{0, `key:"a" key:"b"`}},
		"X: the tag is damaged":                                     {{0, `key`}},
		"X: the value of tag key is not in quotes":                  {{0, `key:a`}},
		"X: a float64 is no value of a configuration":               {{0.5, `key:"a"`}},
		"X: range: \"1-2\" is not LOW..HIGH":                        {{0, `key:"a" range:"1-2"`}},
		"X: range: 2..1 is empty":                                   {{0, `key:"a" range:"2..1"`}},
		"X: range: a text has none":                                 {{"", `key:"a" range:"1..2"`}},
		"X: range: strconv.ParseInt: parsing \"a\": invalid syntax": {{0, `key:"a" range:"a..2"`}},
		"X: range: time: missing unit in duration \"2\"":            {{time.Second, `key:"a" range:"..2"`}},
		"X: default 3: must be from 1 to 2":                         {{0, `key:"a" range:"1..2" default:"3"`}},
		"X: default c: must be a or b":                              {{"", `key:"a" enum:"a,b" default:"c"`}},
		"X: default -1: is too large a number, or below zero":       {{uint8(0), `key:"a" default:"-1"`}},
		"X: the key is not in lower_snake style":                    {{0, `key:"aB"`}},
		"Y: key a is there twice":                                   {{0, `key:"a"`}, {0, `key:"a"`}},
		"Y: keyword w is there twice":                               {{0, `key:"a" word:"w"`}, {0, `key:"b" word:"v,w"`}},
		"at can be root only":                                       {{0, `key:"a" at:"top"`}},
		"flat goes with structs only":                               {{0, `key:"a" flat:"a_"`}},
		"a keyword is empty":                                        {{0, `key:"a" word:"a,"`}},
		"what is required has no default":                           {{0, `key:"a" default:"1" required:"true"`}},
		"enum goes with text only":                                  {{0, `key:"a" enum:"1,2"`}},
		"a word of the enum is empty":                               {{"", `key:"a" enum:"a,,b"`}},
		"unit goes with numbers and durations only":                 {{"", `key:"a" unit:"s"`}},
		"the unit of a duration is s, ms or us":                     {{time.Second, `key:"a" unit:"min"`}},
		"whole goes with durations only":                            {{0, `key:"a" whole:"true"`}},
		"secret can be true only":                                   {{"", `key:"a" secret:"yes"`}},
		"there is no form blocks":                                   {{"", `key:"a" form:"blocks"`}},
		"form bare goes with a boolean only":                        {{"", `key:"a" form:"bare"`}},
		"form command goes with a program only":                     {{"", `key:"a" form:"command"`}},
		"form list goes with lists only":                            {{"", `key:"a" form:"list"`}},
		"form lines goes with lists only":                           {{"", `key:"a" form:"lines"`}},
		"bare goes with form optional only":                         {{0, `key:"a" bare:"1"`}},
		"tier is 1, 2 or 3":                                         {{0, `key:"a" tier:"4"`}},
		"idle and unbuilt exclude each other":                       {{0, `key:"a" idle:"x" unbuilt:"y"`}},
		"it has no comment":                                         {{0, `key:"a"`}},
	} {
		var all []reflect.StructField
		for i, f := range fields {
			all = append(all, reflect.StructField{Name: string(rune('X' + i)), Type: reflect.TypeOf(f.value), Tag: f.tag})
		}
		found := of(reflect.StructOf(all)).Problems()
		if !strings.Contains(strings.Join(found, "\n"), want) {
			t.Errorf("%q: found %q, want %q", fields, found, want)
		}
	}
}
