package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// explainUsage has every command below root say, when it is called wrongly, how
// it is called; and those that only hold others refuse what is none of them: a
// script that mistypes `server drain` must not be told that all is well.
func explainUsage(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		explainUsage(cmd)
		switch check := cmd.Args; {
		case cmd.HasSubCommands() && !cmd.Runnable():
			cmd.Args, cmd.SuggestionsMinimumDistance = unknownCommand, 2
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		case check != nil:
			cmd.Args = func(cmd *cobra.Command, args []string) error {
				err := check(cmd, args)
				if err != nil && strings.Contains(err.Error(), "arg(s)") { // cobra's own words
					return fmt.Errorf("%w; usage: %s", err, strings.TrimSuffix(cmd.UseLine(), " [flags]"))
				}
				return err
			}
		}
	}
}

// unknownCommand takes no arguments: what stands there is no command.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("unknown command %q for %q, did you mean %s?", args[0], cmd.CommandPath(), strings.Join(near, " or "))
	}
	return fmt.Errorf("unknown command %q for %q; `%s --help` says which there are", args[0], cmd.CommandPath(), cmd.CommandPath())
}
