// Command moonkeep keeps a service's address alive: VRRP failover with health
// checks, in one binary. This package has a file per subcommand, which parses
// flags and prints. It decides nothing, and joins no parts: what runs is in
// package daemon.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// exitError ends the program with a status, after everything that should be
// said was said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// The exit statuses of every subcommand.
const (
	exitNo    exitError = 1 // the answer is no
	exitUsage exitError = 2 // wrong use
)

func main() {
	// The libraries' own log: net/http writes there what peers send it. The daemon
	// takes it into its log, see newLog; checkers and the commands drop it.
	log.SetOutput(io.Discard)
	if pluginhost.IsLaunch() {
		pluginhost.Launch()
	}
	daemon.ServeChecker(os.Args)
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	root := newBareCommand()
	if len(args) > 0 && args[0] == "run" {
		root.AddCommand(newRunCommand()) // the daemon waits for no other
		explainUsage(root)
	} else {
		root = newRootCommand()
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	}
	fmt.Fprintln(stderr, "moonkeep:", err)
	return int(exitUsage)
}

// newBareCommand is the program without its subcommands.
func newBareCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "moonkeep",
		Short:         "keeps a service's address alive",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if strings.HasSuffix(err.Error(), "'c' in -c") && strings.Contains(cmd.Use, "FILE") {
			return fmt.Errorf("%w: the file stands by itself: %s FILE", err, cmd.CommandPath())
		}
		return fmt.Errorf("%w; `%s --help` says which there are", err, cmd.CommandPath())
	})
	return root
}

func newRootCommand() *cobra.Command {
	root := newBareCommand()
	root.AddCommand(
		newRunCommand(),
		newCheckCommand(),
		newConvertCommand(),
		newDigestCommand(),
		newDoctorCommand(),
		newFailoverCommand(),
		newKeywordsCommand(),
		newLabCommand(),
		newLuaCommand(),
		newMaintenanceCommand(),
		newMetricsCommand(),
		newPlanCommand(),
		newPluginCommand(),
		newProbeCommand(),
		newRealserverCommand(),
		newServerCommand(),
		newDrainCommand(),
		newWeightCommand(),
		newTopCommand(),
		newReloadCommand(),
		newSchemaCommand(),
		newStatusCommand(),
		newVersionCommand(),
	)
	explainUsage(root)
	return root
}
