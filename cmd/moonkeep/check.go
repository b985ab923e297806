package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/lint"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/config/silence"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// checkOptions are the flags of check.
type checkOptions struct {
	json, strict bool
	// excerpt shows the line below each finding, brief never does; with
	// neither it depends on whether somebody looks.
	excerpt, brief bool
	// configIDs are those of the files, in order, or one for all.
	configIDs []string
	// allow are names of warnings that are not wanted.
	allow   []string
	explain string
	plugins bool
}

func newCheckCommand() *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "find mistakes in configuration files",
		Long: `Reads FILE as the daemon does and prints each problem on a line:

  FILE:LINE:COLUMN: error|warning: text [name]

On a terminal, and with --excerpt, the line of the file follows, with a caret
under the place; passwords in it are hidden. A configuration with an error does
not run. One with a warning runs, but probably not as its author expects.
Several files are taken to be the nodes of one cluster and are compared with
each other. What this host lacks (interfaces, programs, users, Lua files) is
only a warning here, because the file may be meant for another host; run refuses
it.

Nothing is started, so the options of third-party checkers are not checked. With
--plugins each of these is started, as the daemon would, and asked whether it
accepts its options; no check is made.

A warning is silenced by its name: everywhere with --allow NAME, on one line by
a comment at its end or above it, in a whole file by a comment before everything
else:

  priority 100          # moonkeep: allow NAME, NAME: a remark
  # moonkeep: allow-file NAME

A comment or flag that silences nothing is reported too. Errors cannot be
silenced.

The exit status is 0 without an error, 1 with one, 2 for wrong use; with
--strict warnings count as errors. --explain NAME explains a finding; --explain
all lists the names.

With --json the findings are printed as one array of objects with file, line,
column, severity, name and text; line and column are 0 for a finding about the
whole file, and file is empty for one that is about no file.`,
		Example: `  moonkeep check keepalived.conf
  moonkeep check --strict a.conf b.conf
  moonkeep check --explain weight-too-small`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case o.explain != "" && len(args) > 0:
				return errors.New("check --explain NAME takes no file")
			case o.explain == "" && len(args) == 0:
				return errors.New("check needs a configuration file; `moonkeep check --help` says more")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.explain != "" {
				return printExplanation(cmd.OutOrStdout(), o.explain)
			}
			for _, name := range o.allow {
				if err := silence.Known(name); err != nil {
					return fmt.Errorf("--allow: %w", err)
				}
			}
			return check(cmd.Context(), args, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.json, "json", false, "print the findings as a JSON array")
	f.StringArrayVarP(&o.configIDs, "config-id", "i", nil, configIDsHelp)
	f.BoolVar(&o.strict, "strict", false, "exit with status 1 on warnings, too")
	f.StringSliceVar(&o.allow, "allow", nil, "silence the warnings of these names: `NAME`[,NAME]")
	f.BoolVar(&o.excerpt, "excerpt", false, "show the line of the file below each finding, as on a terminal")
	f.BoolVar(&o.brief, "brief", false, "print one line per finding, also on a terminal")
	f.BoolVar(&o.plugins, "plugins", false, "start third-party checkers and have them check their options")
	f.StringVar(&o.explain, "explain", "", "explain the finding `NAME`; all lists the names")
	cmd.MarkFlagsMutuallyExclusive("json", "excerpt", "brief")
	return cmd
}

func printExplanation(w io.Writer, name string) error {
	text, ok := lint.Explain(name)
	switch {
	case name == "all":
		text = strings.Join(lint.Explained(), "\n")
	case !ok:
		return silence.Known(name)
	default:
		text = name + "\n\n" + paragraph(text, 78)
	}
	_, err := fmt.Fprintln(w, text)
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

// collectSeldom tunes the collection of garbage for a run that is short and in
// which almost all that reading makes is still in use at the end: to look for
// garbage more often would cost a third of the time. The result undoes it.
func collectSeldom() (undo func()) {
	const percent = 400
	// It may be run on a small host: from here on memory counts more than time.
	const enough = 384 << 20
	before, limit := debug.SetGCPercent(percent), debug.SetMemoryLimit(enough)
	return func() {
		debug.SetGCPercent(before)
		debug.SetMemoryLimit(limit)
	}
}

// check prints the findings of the files and returns exitNo when one of them
// is an error.
func check(ctx context.Context, paths []string, o checkOptions, stdout, stderr io.Writer) error {
	defer collectSeldom()()
	ids, err := configIDs(o.configIDs, len(paths))
	if err != nil {
		return err
	}
	found := config.Findings{}
	var nodes []*config.Config
	var read []string
	lacking := false
	for i, path := range paths {
		c, findings := checkFile(path, ids[i])
		found = append(found, findings...)
		if c != nil {
			read = append(read, c.Files...)
		}
		if findings.Errors() {
			continue
		}
		nodes = append(nodes, c)
		found = append(found, lint.One(c)...)
		host, lacks := daemon.CheckHost(c)
		lacking = lacking || lacks
		found = append(found, host...)
		if o.plugins {
			if err := byHand(ctx, stderr, func(ctx context.Context, h *pluginhost.Host) error {
				found = append(found, daemon.AskPlugins(ctx, h, c)...)
				return nil
			}); err != nil {
				return fmt.Errorf("ask the plugins of %s: %w", path, err)
			}
		}
	}
	found = append(found, lint.Cluster(nodes)...)
	texts, err := readTexts(read)
	if err != nil {
		return err
	}
	found, silenced := silence.Apply(found, texts, o.allow, len(nodes))
	sortByFile(found, paths)
	if err := printFindings(stdout, found, texts, o); err != nil {
		return fmt.Errorf("print findings: %w", err)
	}
	failed := found.Errors() || o.strict && len(found) > 0
	fmt.Fprintln(stderr, summary(found, len(paths), silenced, failed, lacking))
	if failed {
		return exitNo
	}
	return nil
}

// readTexts returns the texts of files that have been read, each once.
func readTexts(paths []string) ([]silence.Text, error) {
	var texts []silence.Text
	for i, path := range paths {
		if slices.Contains(paths[:i], path) {
			continue
		}
		data, err := load.Text(path)
		if err != nil {
			return nil, fmt.Errorf("read the comments: %w", err)
		}
		texts = append(texts, silence.Text{File: path, Data: data})
	}
	return texts, nil
}

// checkFile reads one file as the daemon does; that it cannot be read is a
// finding too.
func checkFile(path, configID string) (*config.Config, config.Findings) {
	c, findings, err := daemon.OpenConfig(path, configID)
	if err != nil {
		findings.Add(config.NewPosition(path, 0, 0), config.Error, "unreadable-file", "%v", err)
	}
	return c, findings
}

// sortByFile orders findings by the place of their file on the command line,
// then by line and column.
func sortByFile(found config.Findings, paths []string) {
	found.Sort()
	rank := func(f config.Finding) int {
		if i := slices.Index(paths, f.At.File()); i >= 0 {
			return i
		}
		return len(paths)
	}
	slices.SortStableFunc(found, func(a, b config.Finding) int { return rank(a) - rank(b) })
}
