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
		Short: "run the tests of Lua scripts, with stubs for every module",
		Long: `Runs every function that the files *_test.lua below DIR return, each in a Lua
state of its own, with stubs in the place of all modules: nothing of this
machine is looked at or changed. lua/README.md tells how tests are written.

The output is TAP, version 13; with --json one object. The exit status is 0
when all tests passed, 1 when one failed, and 2 when there is none.`,
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
	cmd.Flags().StringVar(&only, "run", "", "run the tests whose FILE:NAME this `REGEXP` matches")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 5*time.Second, "how long a test may take")
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
		Short: "type Lua and see what it comes to",
		Long: `Reads lines from standard input and runs them within the limits of a script, all
modules at hand as globals: process.running{name = "nginx"} prints true or
false. A line that is not finished is gone on with. "help" lists the modules,
"help http" and "help http.get" tell of one and of a function. The end of the input
or "exit" ends it. Unlike in a script, variables that are to be there in the next
line must be globals.`,
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
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Second, "how long a line may take")
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
		Short: "write what editors need to complete and check scripts",
		Long: `Writes a file for each module into DIR, in the notation of LuaLS
(lua-language-server): signatures, options and meanings. With

    {"workspace.library": ["DIR"], "runtime.version": "Lua 5.1"}

in .luarc.json an editor completes them and finds wrong ones.`,
		Args: cobra.ExactArgs(1),
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
