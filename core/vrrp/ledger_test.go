package vrrp

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var updateLedger = flag.Bool("update", false, "write LEDGER.md anew")

// ledgerRule is a rule of an RFC or of keepalived, and what shows that it is
// kept.
type ledgerRule struct {
	id string
	// source is the section of the RFC, or who else has the rule.
	source string
	text   string
	// kept and broken are tests that see the rule kept and that see what breaks
	// it refused, or seen. Several are apart by spaces; one of another package
	// has its folder in core before a dot ("kernel/wire.TestTune"), or in the
	// module after a slash ("/config/load.TestKeys").
	kept, broken string
	// why says why there is no such test.
	why string
}

type ledgerPart struct {
	title string
	rules []ledgerRule
}

func ledger() []ledgerPart {
	return []ledgerPart{
		{"Constants", ledgerConstants()},
		{"Messages", ledgerMessages()},
		{"Sending", ledgerSending()},
		{"Checksums", ledgerChecksums()},
		{"Timers", ledgerTimers()},
		{"States", ledgerStates()},
		{"Invariants", ledgerInvariants()},
		{"Receiving", ledgerReceiving()},
		{"Version 2", ledgerVersion2()},
		{"Both versions at once", ledgerBoth()},
		{"Operation", ledgerOperation()},
		{"HMAC", ledgerHMAC()},
		{"Unicast", ledgerUnicast()},
		{"Announcements", ledgerAnnouncements()},
		{"BFD", ledgerBFD()},
	}
}

const ledgerIntro = `# Rules and their tests

Written by ` + "`go test ./core/vrrp -run TestLedger -update`" + `; do not edit.

Each rule of the protocol, the test that sees it kept, the test that sees what
breaks it, and, where one of them is missing, why. Tests are those of this folder
unless they name another. RFC 9568 is meant where only a section stands.

`

// TestLedger holds that each rule has its tests, or a reason, that the tests
// are there, and that LEDGER.md says so.
func TestLedger(t *testing.T) {
	seen := map[string]bool{}
	folders := map[string]map[string]bool{}
	exists := func(ref string) bool {
		dir, name := place(ref)
		if folders[dir] == nil {
			folders[dir] = testsIn(t, filepath.Join("..", "..", dir))
		}
		return folders[dir][name]
	}
	var page bytes.Buffer
	page.WriteString(ledgerIntro)
	rules, tested := 0, 0
	for _, part := range ledger() {
		fmt.Fprintf(&page, "## %s\n\n| Id | Source | Rule | Kept | Broken | Otherwise |\n|---|---|---|---|---|---|\n", part.title)
		for _, r := range part.rules {
			if seen[r.id] {
				t.Errorf("%s stands twice", r.id)
			}
			seen[r.id] = true
			if r.source == "" || r.text == "" {
				t.Errorf("%s has no source or no text", r.id)
			}
			if (r.kept == "" || r.broken == "") && r.why == "" {
				t.Errorf("%s lacks a test and a reason", r.id)
			}
			for _, ref := range strings.Fields(r.kept + " " + r.broken) {
				if !exists(ref) {
					t.Errorf("%s: there is no test %s", r.id, ref)
				}
			}
			rules++
			if r.kept != "" && r.broken != "" {
				tested++
			}
			fmt.Fprintf(&page, "| %s | %s | %s | %s | %s | %s |\n", r.id, r.source, r.text, quoted(r.kept), quoted(r.broken), r.why)
		}
		page.WriteString("\n")
	}
	fmt.Fprintf(&page, "%d rules, %d of them tested both ways.\n", rules, tested)
	if *updateLedger {
		if err := os.WriteFile("LEDGER.md", page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile("LEDGER.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, page.Bytes()) {
		t.Error("LEDGER.md is not what the rules say; run go test ./core/vrrp -run TestLedger -update")
	}
}

// quoted writes names of tests for the page, with the folders of others.
func quoted(names string) string {
	var out []string
	for _, ref := range strings.Fields(names) {
		dir, name := place(ref)
		if dir == "core/vrrp" {
			out = append(out, "`"+name+"`")
		} else {
			out = append(out, fmt.Sprintf("`%s` in `%s`", name, dir))
		}
	}
	return strings.Join(out, ", ")
}

// place returns the folder of a test, from the module's root, and its name.
func place(ref string) (dir, name string) {
	folder, name, found := strings.Cut(ref, ".")
	if !found {
		return "core/vrrp", ref
	}
	if rest, ok := strings.CutPrefix(folder, "/"); ok {
		return rest, name
	}
	return "core/" + folder, name
}

// testsIn returns the names of the test and fuzz functions in a folder.
func testsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", dir, err)
	}
	names := map[string]bool{}
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && (strings.HasPrefix(fn.Name.Name, "Test") || strings.HasPrefix(fn.Name.Name, "Fuzz")) {
				names[fn.Name.Name] = true
			}
		}
	}
	return names
}
