package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/lint"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/lua"
)

func newCheckCommand() *cobra.Command {
	var asJSON bool
	var explain string
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "say what is wrong with configuration files",
		Long: `Reads FILE as the daemon does and prints what is wrong with it, one line each:

  FILE:LINE:COLUMN: error|warning: text [name]

An error cannot run. A warning runs but will not do what its author thinks.
Several files are taken for the nodes of one cluster and compared with each
other. What this host lacks (interfaces, programs, users, Lua files) is only a
warning here, because the file may be for another host; run refuses it.

The exit status is 0 without an error, 1 with one, 2 for wrong use.
--explain NAME says more about the findings of one name.

With --json the findings are one array of objects on standard output, with
file, line, column, severity, name and text; line and column are 0 when a
finding is about the whole file.`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case explain != "" && len(args) > 0:
				return errors.New("check --explain NAME takes no file")
			case explain == "" && len(args) == 0:
				return errors.New("check needs a configuration file; `moonkeep check --help` says more")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if explain != "" {
				return printExplanation(cmd.OutOrStdout(), explain)
			}
			return check(args, asJSON, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as a JSON array")
	cmd.Flags().StringVar(&explain, "explain", "", "explain the findings called `NAME`")
	return cmd
}

func printExplanation(w io.Writer, name string) error {
	text, ok := lint.Explain(name)
	if !ok {
		return fmt.Errorf("there is no explanation for %q; there is one for %s", name, strings.Join(lint.Explained(), ", "))
	}
	_, err := fmt.Fprintf(w, "%s\n\n%s\n", name, paragraph(text, 78))
	return err
}

// paragraph breaks a text into lines.
func paragraph(text string, width int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// check prints the findings of the files and returns exitNo when one of them
// is an error.
func check(paths []string, asJSON bool, stdout, stderr io.Writer) error {
	found := config.Findings{}
	var nodes []*config.Config
	lacking := false
	for _, path := range paths {
		c, findings := checkFile(path)
		found = append(found, findings...)
		if findings.Errors() {
			continue
		}
		nodes = append(nodes, c)
		found = append(found, lint.One(c)...)
		host := checkHost(c)
		lacking = lacking || len(host) > 0 && !host.Errors()
		found = append(found, host...)
	}
	found = append(found, lint.Cluster(nodes)...)
	sortByFile(found, paths)
	output := printLines
	if asJSON {
		output = printJSON
	}
	if err := output(stdout, found); err != nil {
		return fmt.Errorf("print findings: %w", err)
	}
	fmt.Fprintln(stderr, summary(found, len(paths), lacking))
	if found.Errors() {
		return exitNo
	}
	return nil
}

// checkFile reads one file as the daemon does; that it cannot be read is a
// finding too.
func checkFile(path string) (*config.Config, config.Findings) {
	c, findings, err := openConfig(path)
	if err != nil {
		findings.Add(config.Position{File: path}, config.Error, "unreadable-file", "%v", err)
	}
	return c, findings
}

// checkHost returns what this host lacks, as warnings, and what is wrong with
// the Lua files that are there, as errors: no other host would take them.
func checkHost(c *config.Config) config.Findings {
	found := load.Host(c, compileLua)
	if !slices.ContainsFunc(found, func(f config.Finding) bool { return f.Name == "bad-lua-file" || f.Name == "no-lua-file" }) {
		found = append(found, checkLua(c)...)
	}
	for i := range found {
		if found[i].Name != "bad-lua-file" {
			found[i].Severity = config.Warning
			found[i].Text += "; run would refuse to start"
		}
	}
	return found
}

// checkLua reports the Lua files that lack the function that they are used
// for. It prepares them as the daemon does, one use at a time, to say where.
func checkLua(c *config.Config) config.Findings {
	var found config.Findings
	e := &edges{log: slog.New(slog.DiscardHandler), lost: new(lua.Lost), routerID: c.Global.RouterID}
	add := func(at config.Position, err error) {
		if err != nil {
			found.Add(at, config.Error, "bad-lua-file", "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	for i := range c.Scripts {
		_, err := e.newChecks(&config.Config{Global: c.Global, Scripts: c.Scripts[i : i+1]})
		add(c.Scripts[i].At, err)
	}
	for i := range c.Instances {
		_, _, err := e.targets(&config.Config{Global: c.Global, Instances: c.Instances[i : i+1]})
		add(c.Instances[i].At, err)
	}
	for i := range c.Groups {
		_, _, err := e.targets(&config.Config{Global: c.Global, Groups: c.Groups[i : i+1]})
		add(c.Groups[i].At, err)
	}
	return found
}

// sortByFile orders findings by the place of their file on the command line,
// then by line and column.
func sortByFile(found config.Findings, paths []string) {
	found.Sort()
	rank := func(f config.Finding) int {
		if i := slices.Index(paths, f.At.File); i >= 0 {
			return i
		}
		return len(paths)
	}
	slices.SortStableFunc(found, func(a, b config.Finding) int { return rank(a) - rank(b) })
}

func printLines(w io.Writer, found config.Findings) error {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintln(&b, f)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// findingJSON is the stable shape of a finding in JSON.
type findingJSON struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Severity string `json:"severity"`
	Name     string `json:"name"`
	Text     string `json:"text"`
}

func printJSON(w io.Writer, found config.Findings) error {
	all := make([]findingJSON, 0, len(found))
	for _, f := range found {
		all = append(all, findingJSON{f.At.File, f.At.Line, f.At.Column, f.Severity.String(), f.Name, f.Text})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(all)
}

func summary(found config.Findings, files int, lacking bool) string {
	wrong, doubtful := 0, 0
	for _, f := range found {
		if f.Severity == config.Error {
			wrong++
		} else {
			doubtful++
		}
	}
	text := fmt.Sprintf("%s: %s, %s", count(files, "file"), count(wrong, "error"), count(doubtful, "warning"))
	switch {
	case wrong > 0:
		return text + "; this cannot run"
	case lacking:
		return text + "; this host lacks something that the configuration needs"
	case doubtful > 0:
		return text + "; this can run"
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
