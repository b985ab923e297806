package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// word is a word of a shell command, in quotes or not.
var word = regexp.MustCompile(`(?:'[^']*'|[^\s'])+`)

// shellWords are those of a line, for the few forms that examples use.
func shellWords(line string) (list []string) {
	for _, w := range word.FindAllString(line, -1) {
		list = append(list, strings.ReplaceAll(w, "'", ""))
	}
	return list
}

// TestHelpExamples holds that the examples in the help of commands are right, and
// that those which need no daemon, no network and no file of the system run.
func TestHelpExamples(t *testing.T) {
	// What runs where there is nothing but these files.
	alone := regexp.MustCompile(`^(check|convert|keywords|plan .*--from|lua (run|test|repl|definitions)|plugin (list$|info [A-Z_]+$)|schema|version)`)
	node := func(priority string) string {
		return "vrrp_instance VI_1 {\n  state BACKUP\n  interface lo9\n  virtual_router_id 51\n  priority " + priority +
			"\n  version 3\n  virtual_ipaddress {\n    192.0.2.1/24\n  }\n}\n"
	}
	t.Chdir(t.TempDir())
	if err := os.Mkdir("checks", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"keepalived.conf":       node("100"),
		"a.conf":                node("100"),
		"b.conf":                node("90"),
		"old.conf":              node("100"),
		"new.conf":              node("90"),
		"checks/nginx.lua":      "return { check = function(ctx) return ctx.args.url ~= nil end }",
		"checks/nginx_test.lua": `return { passes = function() require("test").ok(require("nginx").check{ args = { url = "u" } }) end }`,
		"notify.lua":            "return { on_change = function(e) assert(e.to == 'BACKUP' and e.args.file) end }",
	} {
		if err := os.WriteFile(filepath.FromSlash(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ran := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if cmd.Example == "" {
			return
		}
		for _, text := range strings.Split(cmd.Example, "\n") {
			line, is := strings.CutPrefix(text, "  moonkeep ")
			if !is || !strings.HasPrefix("moonkeep "+line+" ", cmd.CommandPath()+" ") {
				t.Errorf("%s: the example %q is none of it", cmd.CommandPath(), text)
				continue
			}
			args := shellWords(line)
			if why := wrong(args); why != "" {
				t.Errorf("moonkeep %s: %s", line, why)
			}
			// --strict turns the warning of an interface that is not here into an error.
			if !alone.MatchString(line) || strings.Contains(line, "--strict") {
				continue
			}
			ran++
			if status, _, stderr := runLine(args...); status != 0 {
				t.Errorf("moonkeep %s: exit status %d: %s", line, status, stderr)
			}
		}
	}
	walk(newRootCommand())
	if ran < 15 {
		t.Errorf("%d examples were run, want 15 or more: they are looked for by their beginning", ran)
	}
}
