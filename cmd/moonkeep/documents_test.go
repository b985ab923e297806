package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/spf13/cobra"
)

var (
	// commandLine is a moonkeep command line in a document: indented, in a block of
	// shell, or in the systemd unit.
	commandLine = regexp.MustCompile(`(?m)^(?: {4}|Exec\w+=\S*/)?(?:\$ )?(?:build/)?moonkeep ([^#|>\n]+)`)
	// commandName is one in running text.
	commandName = regexp.MustCompile("`(?:build/)?moonkeep ([^`]+)`")
)

// TestDocuments holds that the commands which documents, and comments in the code,
// show or name exist, with their flags.
func TestDocuments(t *testing.T) {
	t.Parallel()
	lines, names := 0, 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "build" || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		var text string
		switch ext := filepath.Ext(path); {
		case ext == ".md", ext == ".service":
			read, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = string(read)
			if d.Name() == "COMMANDS.md" { // its forms are not command lines
				break
			}
			for _, m := range commandLine.FindAllStringSubmatch(text, -1) {
				line := strings.TrimSpace(m[1])
				if !strings.HasPrefix(m[0], "moonkeep") || fenced(text, m[0]) {
					lines++
					if why := wrong(shellWords(line)); why != "" {
						t.Errorf("%s: moonkeep %s: %s", path, line, why)
					}
				}
			}
		case ext == ".go" && !strings.HasSuffix(path, "_test.go"):
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			for _, c := range file.Comments {
				text += c.Text() + "\n"
			}
		default:
			return nil
		}
		for _, m := range commandName.FindAllStringSubmatch(text, -1) {
			names++
			if why := unknown(strings.Fields(m[1])); why != "" {
				t.Errorf("%s: %s: %s", path, m[0], why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if lines < 40 || names < 40 {
		t.Errorf("%d command lines and %d names of commands were found, want 40 or more of each", lines, names)
	}
	for _, bad := range []string{"rum", "run --nonsense", "status extra words"} {
		if wrong(strings.Fields(bad)) == "" {
			t.Errorf("moonkeep %s passes as right", bad)
		}
	}
	for _, bad := range []string{"rehearse", "server drian X", "check --nonsense"} {
		if unknown(strings.Fields(bad)) == "" {
			t.Errorf("`moonkeep %s` passes as known", bad)
		}
	}
}

// fenced reports whether a line stands in a block of shell commands.
func fenced(text, line string) bool {
	before, _, _ := strings.Cut(text, "\n"+line)
	i := strings.LastIndex(before, "\n```")
	return i >= 0 && strings.HasPrefix(before[i:], "\n```sh\n")
}

// unknown says what is wrong with the names of a command and of its flags; what
// stands between them may be anything.
func unknown(words []string) string {
	placeholder := func(word string) bool { return word == strings.ToUpper(word) }
	if placeholder(words[0]) {
		return ""
	}
	root := newRootCommand()
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(words)
	if err != nil {
		return err.Error()
	}
	if cmd.HasSubCommands() && len(rest) > 0 && cmd != root && !placeholder(rest[0]) {
		for _, name := range strings.Split(rest[0], "|") { // a choice
			if !slices.ContainsFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == name }) {
				return "there is no command " + name + " in it"
			}
		}
	}
	for _, w := range rest {
		name, is := strings.CutPrefix(w, "--")
		name, _, _ = strings.Cut(name, "=")
		if is && name != "" && name != "help" && cmd.Flags().Lookup(name) == nil {
			return "there is no flag --" + name
		}
	}
	return ""
}

// TestUnitKeepsTheJournal: systemd removes the run directory with each end of the
// daemon, and the journal in it, unless it is told not to.
func TestUnitKeepsTheJournal(t *testing.T) {
	text, err := os.ReadFile("../../contrib/systemd/moonkeep.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"RuntimeDirectory=" + filepath.Base(daemon.DefaultRunDir), "RuntimeDirectoryPreserve=yes"} {
		if !strings.Contains(string(text), "\n"+line+"\n") {
			t.Errorf("the unit has no line %s", line)
		}
	}
	if strings.Contains(string(text), "\nExecStartPre=/") {
		t.Error("what runs before the daemon keeps it from removing what a crash left")
	}
}

// wrong says what is wrong with a command line, without running it.
func wrong(args []string) string {
	root := newRootCommand()
	root.InitDefaultCompletionCmd(args...)
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err.Error()
	}
	if cmd == root {
		return "it names no subcommand"
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err.Error()
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		return err.Error()
	}
	return ""
}
