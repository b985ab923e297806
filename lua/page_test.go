package lua

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated files anew")

// MODULES.md is written from the descriptions of the modules and from the
// examples, each of which runs in TestExamples.
func TestModulesPage(t *testing.T) {
	want := modulesPage(t)
	if *update {
		if err := os.WriteFile("MODULES.md", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("MODULES.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("MODULES.md is not what the modules say; run: go test ./lua -run TestModulesPage -update")
	}
}

func modulesPage(t *testing.T) []byte {
	var b bytes.Buffer
	b.WriteString("# Modules of Lua scripts\n\nWritten by `go test ./lua -run TestModulesPage -update`. [README.md](README.md) has\nwhat holds for all of them.\n\n")
	for _, m := range modules() {
		fmt.Fprintf(&b, "- [%s](#%s): %s\n", m.Name, m.Name, firstSentence(m.Doc))
	}
	for _, m := range modules() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", m.Name, m.Doc)
		var shown string
		for i := range m.Functions {
			f := &m.Functions[i]
			describeFunction(&b, m.Name, f)
			// Functions that take the same options are said to.
			if table := optionsOf(f); table != "" && table == shown {
				b.WriteString("\nOptions as above.\n")
			} else if table != "" {
				b.WriteString(table)
				shown = table
			}
		}
		for _, c := range m.Constants {
			fmt.Fprintf(&b, "\n`%s.%s`\n\n%s.\n", m.Name, c.Name, upperFirst(c.Doc))
		}
		for _, c := range m.Classes {
			fmt.Fprintf(&b, "\n### %s\n\n%s\n", c.Name, c.Doc)
			rows(&b, "field", c.Fields)
			for i := range c.Methods {
				describeFunction(&b, c.Name, &c.Methods[i])
				b.WriteString(optionsOf(&c.Methods[i]))
			}
		}
		example, err := os.ReadFile(filepath.Join("examples", m.Name+".lua"))
		if err != nil {
			t.Fatalf("module %s has no example: %v", m.Name, err)
		}
		fmt.Fprintf(&b, "\n```lua\n%s```\n", example)
	}
	return b.Bytes()
}

func firstSentence(text string) string {
	sentence, _, found := strings.Cut(text, ". ")
	if found {
		return sentence + "."
	}
	return text
}

func describeFunction(b *bytes.Buffer, owner string, f *Function) {
	fmt.Fprintf(b, "\n`%s`\n\n%s.", f.Signature(owner), upperFirst(f.Doc))
	for _, p := range f.Params {
		fmt.Fprintf(b, " `%s`%s: %s.", p.Name, unit(p), p.Doc)
	}
	for _, r := range f.Returns {
		if r.Unit != "" {
			fmt.Fprintf(b, " Returns %s%s.", r.Doc, unit(r))
		}
	}
	if f.Grant != "" {
		fmt.Fprintf(b, " Needs `allow: [%s]`.", f.Grant)
	}
	if f.None != "" {
		fmt.Fprintf(b, " Nil and a reason when %s.", f.None)
	}
	if f.Raises != "" {
		fmt.Fprintf(b, " An error when %s.", f.Raises)
	}
	b.WriteString("\n")
}

func upperFirst(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func unit(v Value) string {
	if v.Unit == "" {
		return ""
	}
	return " (" + v.Unit + ")"
}

func optionsOf(f *Function) string {
	var b bytes.Buffer
	if len(f.Options) > 0 {
		rows(&b, "option", f.Options)
	}
	return b.String()
}

func rows(b *bytes.Buffer, what string, values []Value) {
	if len(values) == 0 {
		return
	}
	fmt.Fprintf(b, "\n| %s | type | |\n|---|---|---|\n", what)
	for _, v := range values {
		kind := v.Type
		if v.Optional && what == "field" {
			kind += "?"
		}
		if v.Unit != "" {
			kind += ", " + v.Unit
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", v.Name, strings.ReplaceAll(kind, "|", "\\|"), strings.ReplaceAll(v.Doc, "|", "\\|"))
	}
}

// What is described is complete: every function has words, a known grant and
// values with a type, and names are not used twice.
func TestModulesAreDescribed(t *testing.T) {
	grants := append(Grants(), "")
	seen := map[string]bool{}
	check := func(owner string, f *Function) {
		name := owner + "." + f.Name
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
		if f.Name == "" || f.Doc == "" || f.call == nil {
			t.Errorf("%s: a name, words or the function are missing", name)
		}
		if !slices.Contains(grants, f.Grant) {
			t.Errorf("%s: grant %q", name, f.Grant)
		}
		if f.Fails != (f.None != "") {
			t.Errorf("%s: fails is %v, and it does %q", name, f.Fails, f.None)
		}
		if f.Grant != "" && !f.Acts {
			t.Errorf("%s needs a grant and may run while a script is being loaded", name)
		}
		for _, v := range slices.Concat(f.Params, f.Options) {
			if v.Name == "" || v.Type == "" || v.Doc == "" {
				t.Errorf("%s: %+v", name, v)
			}
		}
		for _, v := range f.Returns {
			if v.Type == "" || v.Doc == "" {
				t.Errorf("%s returns %+v", name, v)
			}
		}
	}
	defer func() {
		for name := range failures() {
			if !seen[name] {
				t.Errorf("it is said when %s fails, which is not there", name)
			}
		}
	}()
	for _, m := range modules() {
		if m.Name == "" || m.Doc == "" || len(m.Functions) == 0 {
			t.Errorf("module %q is not described", m.Name)
		}
		for i := range m.Functions {
			check(m.Name, &m.Functions[i])
		}
		for _, c := range m.Classes {
			if !strings.HasPrefix(c.Name, m.Name+".") || c.Doc == "" {
				t.Errorf("class %q of %s", c.Name, m.Name)
			}
			for i := range c.Methods {
				check(c.Name, &c.Methods[i])
			}
		}
	}
}
