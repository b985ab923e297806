package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/config/plan"
	"github.com/moonkeep/moonkeep/core/control"
)

func newReloadCommand() *cobra.Command {
	var runDir string
	var asJSON bool
	var request control.ReloadRequest
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "reload the configuration, and print what changed",
		Long: `Makes the daemon reload its configuration, as SIGHUP does, waits for the outcome,
and prints errors and warnings with their places, and what changed, as plan
does. What did not change keeps its role, its timers and its addresses. A
configuration with errors changes nothing.

Mistakes that keepalived passes over (a misspelt word, a bad address, a missing
brace at the end) are warnings, for which something is left out. A start runs
without it. A reload with such a mistake that the running configuration has not is
refused, as SIGHUP is, so that a slip of the hand takes nothing from a node that
works; and so is one by which no file matches an include any more, in every
language, or that leaves no instance and no virtual server. --force takes the
configuration as it is.

Certificates, keys and Lua files that the configuration names are read again, and
named where something else is in them than before.

Checkers of third parties are asked whether they take the checks that are new to
them, and all of theirs where the plugin is another, but those that they refuse
already. One that is refused refuses the reload; --force takes it only if the
running configuration has it too.

Exit status 0: the new configuration runs. 1: it was refused. 2: wrong use, or
no daemon answers.`,
		Example: `  moonkeep reload
  moonkeep reload --force
  moonkeep reload --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := control.NewClient(runDir).Reload(cmd.Context(), request)
			if err != nil {
				return refusal(cmd.ErrOrStderr(), runDir, err)
			}
			if asJSON {
				err = printIndented(cmd.OutOrStdout(), r)
			} else {
				err = printReload(cmd.OutOrStdout(), &r)
			}
			if err == nil && r.Error != "" {
				return exitNo
			}
			return err
		},
	}
	cmd.Flags().StringVar(&runDir, "run-dir", daemon.DefaultRunDir, runDirHelp)
	cmd.Flags().BoolVar(&request.Force, "force", false, "also with new mistakes for which something is left out, or with nothing to run")
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonHelp)
	return cmd
}

// printReload writes what a reload came to for people.
func printReload(w io.Writer, r *control.Reloaded) error {
	var b strings.Builder
	for _, f := range r.Findings {
		place := "-"
		if f.File != "" {
			place = fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
		}
		fmt.Fprintf(&b, "%s: %s: %s [%s]\n", place, f.Severity, f.Text, f.Name)
	}
	if r.Error != "" {
		fmt.Fprintf(&b, "refused, the earlier configuration runs on: %s\n", r.Error)
		_, err := io.WriteString(w, b.String())
		return err
	}
	var p plan.Report
	if err := json.Unmarshal(r.Plan, &p); err != nil {
		return fmt.Errorf("read what changed: %w", err)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	if len(p.Changes) == 0 {
		_, err := io.WriteString(w, "reloaded, nothing changed\n")
		return err
	}
	if err := printPlan(w, &p); err != nil {
		return err
	}
	_, err := io.WriteString(w, "reloaded\n")
	return err
}
