package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// COMMANDS.md is the reference of the command line, from what the commands say of
// themselves.
func TestCommandsPage(t *testing.T) {
	root := newRootCommand()
	root.InitDefaultCompletionCmd()
	var b strings.Builder
	b.WriteString("# moonkeep(8)\n\nWritten by `go test ./cmd/moonkeep -run TestCommandsPage -update`. `moonkeep COMMAND --help`\nsays the same.\n\n## Name\n\nmoonkeep - " + root.Short + "\n\n## Commands\n\n")
	var all []*cobra.Command
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.Hidden || sub.Name() == "help" || sub.Parent().Name() == "completion" {
				continue
			}
			all = append(all, sub)
			walk(sub)
		}
	}
	walk(root)
	anchor := func(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }
	for _, c := range all {
		fmt.Fprintf(&b, "- [%s](#%s): %s\n", c.CommandPath(), anchor(c), c.Short)
	}
	b.WriteString("\n```text\n" + exitStatus + "\n```\n")
	for _, c := range all {
		commandPage(t, &b, c)
	}
	const file = "COMMANDS.md"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), b.String()); diff != "" {
		t.Errorf("COMMANDS.md is not what the commands say; run: go test ./cmd/moonkeep -run TestCommandsPage -update\n%s", diff)
	}
}

func commandPage(t *testing.T, b *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n    %s\n\n", c.CommandPath(), c.Short, c.UseLine())
	if c.Long != "" {
		fmt.Fprintf(b, "```text\n%s\n```\n", strings.TrimSpace(c.Long))
	} else if !c.HasSubCommands() {
		t.Errorf("%s says no more than %q", c.CommandPath(), c.Short)
	}
	var options strings.Builder
	if c.Example != "" {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", unindent(c.Example))
	} else if c.Runnable() && !c.HasSubCommands() && c.Name() != "completion" {
		t.Errorf("%s has no example", c.CommandPath())
	}
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if kind != "" {
			name += " " + kind
		}
		if usage == "" {
			t.Errorf("%s %s is not explained", c.CommandPath(), name)
		}
		fmt.Fprintf(&options, "| `%s` | %s | %s |\n", name, strings.ReplaceAll(usage, "|", "\\|"), def(f))
	})
	if options.Len() > 0 {
		b.WriteString("\n| Option | Meaning | Default |\n|---|---|---|\n" + options.String())
	}
}

// unindent takes two blanks off each line of an example.
func unindent(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}

// def is the default of a flag, without the empty ones.
func def(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "false", "[]", "0", "0s":
		return ""
	}
	return "`" + f.DefValue + "`"
}
