package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
)

// command is a moonkeep command line in a document: indented, or in the
// systemd unit.
var command = regexp.MustCompile(`(?m)^(?: {4}|Exec\w+=)(?:\S*/)?moonkeep ([^#\n]+)`)

// TestDocuments holds that the commands which documents show exist, with
// their flags.
func TestDocuments(t *testing.T) {
	for _, name := range []string{"README.md", "contrib/systemd/moonkeep.service", "examples/nginx-ha/README.md", "examples/nginx-restart/README.md", "examples/load-weight/README.md", "examples/flag-file/README.md", "examples/cloud-address/README.md", "examples/tell/README.md", "examples/lvs-dr/README.md"} {
		text, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		all := command.FindAllStringSubmatch(string(text), -1)
		if len(all) == 0 {
			t.Errorf("%s shows no command", name)
		}
		for _, m := range all {
			line := strings.TrimSpace(m[1])
			if why := wrong(strings.Fields(line)); why != "" {
				t.Errorf("%s: moonkeep %s: %s", name, line, why)
			}
		}
	}
	for _, bad := range []string{"rum", "run --nonsense", "status extra words"} {
		if wrong(strings.Fields(bad)) == "" {
			t.Errorf("moonkeep %s passes as right", bad)
		}
	}
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
