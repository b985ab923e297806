package main

import (
	"fmt"
	"slices"
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
				if err == nil {
					return nil
				}
				usage := "usage: " + strings.TrimSuffix(cmd.UseLine(), " [flags]")
				switch text := err.Error(); { // cobra's own words
				case strings.Contains(text, "arg(s)"):
					return fmt.Errorf("%w; %s", err, usage)
				case strings.HasPrefix(text, "unknown command "):
					if cmd.Flags().ShorthandLookup("c") != nil {
						usage = fmt.Sprintf("a file is named by -c: %s -c %s", cmd.CommandPath(), args[0])
					}
					return fmt.Errorf("%s takes no argument, and %q is one; %s", cmd.CommandPath(), args[0], usage)
				}
				return err
			}
		}
	}
}

// unknownFlag says of a flag that there is not how the file is named, where it may be meant
// for that: by keepalived's word, or by that of another command.
func unknownFlag(cmd *cobra.Command, err error) error {
	file := slices.ContainsFunc([]string{"'c' in -c", "'f' in -f", "--config", "--use-file"}, func(flag string) bool {
		return strings.HasPrefix(err.Error(), "unknown ") && strings.HasSuffix(err.Error(), flag)
	})
	switch {
	case file && cmd.Flags().ShorthandLookup("c") != nil:
		return fmt.Errorf("%w: a file is named by -c: %s -c FILE", err, cmd.CommandPath())
	case file && strings.Contains(cmd.Use, "FILE"):
		return fmt.Errorf("%w: the file stands by itself: %s FILE", err, cmd.CommandPath())
	}
	return fmt.Errorf("%w; `%s --help` says which there are", err, cmd.CommandPath())
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
