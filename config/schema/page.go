package schema

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// Page returns the reference page of the native languages, in Markdown: a
// table for each block, with every key, its type, unit, default, meaning and
// name in keepalived.conf.
func (s *Schema) Page() string {
	var b strings.Builder
	b.WriteString("# The keys of moonkeep's configuration\n\n" +
		"This page is written by `go test ./config/schema -run TestPage -update` from the types that both\n" +
		"languages are read into. `moonkeep schema` prints the same as a JSON Schema for editors.\n\n" +
		"A time is written with its unit (`2s`, `100ms`), a boolean is `true` or `false`. The third column is the\n" +
		"keyword of keepalived.conf; a number in brackets behind it says how common it is there, 1 to 3, and (own) that\n" +
		"moonkeep knows it there and keepalived does not. A key in\n" +
		"italics is known and not acted on; one in bold italics is not built, and `moonkeep run` refuses it.\n")
	titles := s.titles()
	for _, block := range s.order {
		name := titles[block]
		fmt.Fprintf(&b, "\n## %s\n\n", name)
		if block.Doc != "" {
			b.WriteString(cell(block.Doc) + "\n\n")
		}
		if short := block.Short(); short != "" {
			fmt.Fprintf(&b, "A text may stand for the whole: %s.\n\n", short)
		}
		b.WriteString("| Key | Value | keepalived.conf | Default | Meaning |\n|---|---|---|---|---|\n")
		for i := range block.Fields {
			b.WriteString(block.Fields[i].row(titles))
		}
	}
	return b.String()
}

// titles names each block by the key that first leads to it.
func (s *Schema) titles() map[*Block]string {
	titles := map[*Block]string{s.Root(): "The file"}
	taken := map[string]bool{}
	for _, b := range s.order {
		for i := range b.Fields {
			f := &b.Fields[i]
			if f.Elem == nil || titles[f.Elem] != "" {
				continue
			}
			name := f.Key
			if taken[name] {
				name = f.Elem.Name
			}
			titles[f.Elem], taken[name] = name, true
		}
	}
	return titles
}

func (f *Field) row(titles map[*Block]string) string {
	key := "`" + f.Key + "`"
	switch {
	case f.Unbuilt != "":
		key = "***" + key + "***"
	case f.Idle != "":
		key = "*" + key + "*"
	}
	words := "-"
	if f.IsFlat {
		words = "`" + f.Flat + "...`"
	} else if len(f.Words) > 0 {
		quoted := make([]string, len(f.Words))
		for i, w := range f.Words {
			quoted[i] = "`" + strings.TrimPrefix(w, "=") + "`"
		}
		words = strings.Join(quoted, ", ")
	}
	switch {
	case f.Own && len(f.Words) > 0:
		words += " (own)"
	case f.Tier > 0:
		words += fmt.Sprintf(" (%d)", f.Tier)
	}
	byDefault := "-"
	switch {
	case f.Required:
		byDefault = "required"
	case f.Default != "":
		byDefault = "`" + f.Default + "`"
	case f.Kind == KindBool && !f.Pointer && f.Inherits == "":
		byDefault = "`false`"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", key, cell(f.valueText(titles)), cell(words), cell(byDefault), cell(f.meaning()))
}

// valueText says what may be written.
func (f *Field) valueText(titles map[*Block]string) string {
	text := ""
	switch f.Kind {
	case KindBool:
		text = "true or false"
	case KindInt:
		text = "number"
		if f.Unit != "" {
			text += " (" + f.Unit + ")"
		}
	case KindInts:
		text = "list of numbers"
	case KindDuration:
		text = "time"
	case KindText, KindScalar:
		text = "text"
	case KindAddress:
		text = "address"
	case KindPrefix:
		text = "address/length"
	case KindWords, KindScalars:
		text = "list of texts"
	case KindMap:
		text = "table of texts"
		if f.Type == reflect.TypeFor[config.Args]() {
			text = "table of texts, numbers and booleans"
		}
	case KindProgram:
		text = "program"
	case KindBlock:
		return fmt.Sprintf("[%s](#%s)", titles[f.Elem], strings.ToLower(titles[f.Elem]))
	case KindBlocks:
		return fmt.Sprintf("list of [%s](#%s)", titles[f.Elem], strings.ToLower(titles[f.Elem]))
	}
	switch {
	case len(f.Enum) > 0:
		text += ": " + strings.Join(f.Enum, ", ")
	case f.bounded && f.High == "":
		text += ", at least " + f.Low
	case f.bounded:
		text += ", " + f.Low + " to " + f.High
	}
	if f.Whole {
		text += ", in whole " + unitName(f.Unit)
	}
	return text
}

func unitName(unit string) string {
	switch unit {
	case "ms":
		return "milliseconds"
	case "us":
		return "microseconds"
	}
	return "seconds"
}

// cell keeps a text in one cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
