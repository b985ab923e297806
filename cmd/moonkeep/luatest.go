package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/lua"
)

func newLuaTestCommand() *cobra.Command {
	var asJSON bool
	var only string
	o := lua.TestOptions{}
	cmd := &cobra.Command{
		Use:   "test [DIR]",
		Short: "run the tests of Lua scripts, with every module stubbed",
		Long: `Runs every function returned by the files *_test.lua below DIR (default: the
current directory), each in a Lua state of its own. Every module is replaced by
a stub, so that nothing on this machine is read or changed. lua/README.md
explains how to write tests.

The output is TAP version 13; with --json it is one object.

Exit status 0: all tests passed. 1: a test failed. 2: wrong use, or there are no
tests.`,
		Example: `  moonkeep lua test
  moonkeep lua test checks --run nginx`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			if only != "" {
				re, err := regexp.Compile(only)
				if err != nil {
					return fmt.Errorf("--run: %w", err)
				}
				o.Only = re
			}
			return luaTests(cmd.Context(), dir, o, asJSON, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the results as a JSON object")
	cmd.Flags().StringVar(&only, "run", "", "run only the tests whose FILE:NAME matches `REGEXP`")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 5*time.Second, "the time limit for a test")
	return cmd
}

// luaTested is what lua test --json prints; its shape is stable.
type luaTested struct {
	Passed int           `json:"passed"`
	Failed int           `json:"failed"`
	Tests  []luaTestedAs `json:"tests"`
}

type luaTestedAs struct {
	File    string   `json:"file"`
	Name    string   `json:"name"`
	OK      bool     `json:"ok"`
	Message string   `json:"message"`
	At      string   `json:"at"`
	Seconds float64  `json:"seconds"`
	Log     []string `json:"log"`
}

// luaTests runs the tests at a path and prints how they ended.
func luaTests(ctx context.Context, path string, o lua.TestOptions, asJSON bool, w io.Writer) error {
	files, err := lua.TestFiles(path)
	if err != nil {
		return err
	}
	all := luaTested{Tests: []luaTestedAs{}}
	for _, file := range files {
		for _, r := range lua.RunTests(ctx, file, o) {
			if r.OK {
				all.Passed++
			} else {
				all.Failed++
			}
			all.Tests = append(all.Tests, luaTestedAs{r.File, r.Name, r.OK, r.Message, r.Place, r.Took.Seconds(), append([]string{}, r.Log...)})
		}
	}
	if len(all.Tests) == 0 {
		return fmt.Errorf("there is no test in %s: the names of files with tests end in _test.lua", path)
	}
	if asJSON {
		err = printIndented(w, all)
	} else {
		err = all.tap(w)
	}
	if err != nil {
		return fmt.Errorf("print the results: %w", err)
	}
	if all.Failed > 0 {
		return exitNo
	}
	return nil
}

// tap prints the results in the Test Anything Protocol, version 13.
func (all *luaTested) tap(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "TAP version 13\n1..%d\n", len(all.Tests))
	for i, r := range all.Tests {
		verdict := "ok"
		if !r.OK {
			verdict = "not ok"
		}
		fmt.Fprintf(b, "%s %d - %s: %s\n", verdict, i+1, r.File, strings.ReplaceAll(r.Name, "#", `\#`))
		if r.OK {
			continue
		}
		fmt.Fprintf(b, "  ---\n  message: %s\n", quotedYAML(r.Message))
		if r.At != "" {
			fmt.Fprintf(b, "  at: %s\n", quotedYAML(r.At))
		}
		if len(r.Log) > 0 {
			b.WriteString("  log:\n")
			for _, line := range r.Log {
				fmt.Fprintf(b, "    - %s\n", quotedYAML(line))
			}
		}
		b.WriteString("  ...\n")
	}
	fmt.Fprintf(b, "# %d passed, %d failed\n", all.Passed, all.Failed)
	return b.Flush()
}

// quotedYAML is a text as YAML takes it whatever is in it: JSON.
func quotedYAML(text string) string {
	out, err := json.Marshal(text)
	if err != nil { // no string has none
		return text
	}
	return string(out)
}

func newLuaReplCommand() *cobra.Command {
	var f scriptFlags
	cmd := &cobra.Command{
		Use:   "repl",
		Short: "evaluate Lua interactively",
		Long: `Reads Lua from standard input, runs it within a script's limits and prints the
result: process.running{name = "nginx"} prints true or false. All modules are
available as globals. An incomplete line is continued on the next one. "help"
lists the modules; "help http" and "help http.get" describe a module and a
function. "exit" or the end of the input leaves. Unlike in a script, only global
variables keep their value from one line to the next.`,
		Example: `  moonkeep lua repl
  moonkeep lua repl --grant exec`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.options(func(level slog.Level, text string) {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", strings.ToLower(level.String()), text)
			})
			if err != nil {
				return err
			}
			s, err := lua.NewSession(".", o)
			if err != nil {
				return err
			}
			return repl(cmd.Context(), s, f.timeout, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringSliceVar(&f.grants, "grant", nil, "what lines may do beyond reading: `"+strings.Join(lua.Grants(), ",")+"`")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Second, "the time limit for a line")
	return cmd
}

func repl(ctx context.Context, s *lua.Session, timeout time.Duration, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	text := ""
	for fmt.Fprint(out, "> "); lines.Scan(); fmt.Fprint(out, map[bool]string{true: "> ", false: ">> "}[text == ""]) {
		if text == "" && slices.Contains([]string{"exit", "quit"}, strings.TrimSpace(lines.Text())) {
			return nil
		}
		if topic, ok := strings.CutPrefix(strings.TrimSpace(lines.Text())+" ", "help "); ok && text == "" {
			help, known := lua.Help(strings.TrimSpace(topic))
			if !known {
				help = "error: there is no " + strings.TrimSpace(topic) + "; help lists the modules\n"
			}
			fmt.Fprint(out, help)
			continue
		}
		text += lines.Text() + "\n"
		if strings.TrimSpace(text) == "" {
			text = ""
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		values, more, err := s.Eval(ctx, text)
		cancel()
		switch {
		case more:
			continue
		case err != nil:
			fmt.Fprintln(out, "error:", err)
		case values != "":
			fmt.Fprintln(out, values)
		}
		text = ""
	}
	fmt.Fprintln(out)
	return lines.Err()
}

func newLuaDefinitionsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "definitions DIR",
		Short: "write definition files for editors, to complete and check scripts",
		Long: `Writes a definition file for each module into DIR, for the Lua language server
(LuaLS): signatures, options and documentation. With

    {"workspace.library": ["DIR"], "runtime.version": "Lua 5.1"}

in .luarc.json an editor completes calls and marks mistakes in them.`,
		Example: `  moonkeep lua definitions lua-definitions`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			for name, text := range lua.Definitions() {
				if err := os.WriteFile(filepath.Join(args[0], name), []byte(text), 0o644); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
