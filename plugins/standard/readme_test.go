package standard

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the tables of README.md anew")

const (
	tablesBegin = "<!-- begin of the tables: go test ./plugins/standard -run TestReadme -update -->\n"
	tablesEnd   = "<!-- end of the tables -->\n"
)

// TestReadme holds that README.md has the options that the checkers have.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(b), tablesBegin)
	have, tail, ok2 := strings.Cut(rest, tablesEnd)
	if !ok || !ok2 {
		t.Fatal("README.md has no place for the tables")
	}
	want := tables()
	if *update {
		if err := os.WriteFile("README.md", []byte(head+tablesBegin+want+tablesEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("README.md is not what the checkers say; write it anew: go test ./plugins/standard -run TestReadme -update\n%s", diff)
	}
}

// tables describe all checkers. Options that SSL_GET shares with HTTP_GET stand
// there.
func tables() string {
	var b strings.Builder
	shared := map[string]bool{}
	for _, name := range Names() {
		info := New(name).Info()
		fmt.Fprintf(&b, "\n### %s\n\n%s\n", info.Name, info.Doc)
		rows := 0
		for _, o := range info.Options {
			key := o.Name + o.Doc
			if name == "SSL_GET" && shared[key] {
				continue
			}
			if name == "HTTP_GET" {
				shared[key] = true
			}
			if rows == 0 {
				if name == "SSL_GET" {
					b.WriteString("It has the options of HTTP_GET, and these:\n")
				}
				b.WriteString("\n| option | type | default | |\n|---|---|---|---|\n")
			}
			rows++
			text := strings.ReplaceAll(o.Doc, "|", `\|`)
			if o.Required {
				text += " Required."
			}
			kind := o.Type
			if o.Unit != "" {
				kind += ", " + o.Unit
			}
			value := ""
			if o.Default != "" {
				value = "`" + o.Default + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", o.Name, kind, value, text)
		}
	}
	return b.String() + "\n"
}
