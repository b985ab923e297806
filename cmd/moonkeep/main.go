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

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// exitError ends the program with a status, after everything that should be
// said was said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// The exit statuses of every subcommand, besides 0.
const (
	exitNo exitError = 1 // the answer is no
	// exitUnknown is for what could not be found out: every error that is no
	// exitError ends with it, too.
	exitUnknown exitError = 2
	exitUsage   exitError = 2 // wrong use
)

// exitStatus is what they mean, for people.
const exitStatus = `Exit status:
  0  done, or the answer is yes
  1  no: the configuration has errors, a check or test failed, or the daemon
     refused or did only a part; from "run", that it could not start or broke
  2  no answer: wrong use, no daemon answers, or something that is needed could
     not be read or reached`

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
	return int(exitUnknown)
}

// newBareCommand is the program without its subcommands.
func newBareCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "moonkeep",
		Short:         "keeps a service's address alive",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(unknownFlag)
	return root
}

func newRootCommand() *cobra.Command {
	root := newBareCommand()
	root.Long = `moonkeep keeps a service's address alive: failover by VRRP, load balancing by
IPVS, health checks. It reads keepalived.conf, YAML, TOML and JSON.

` + exitStatus
	group := func(id, title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title})
		for _, cmd := range commands {
			cmd.GroupID = id
		}
		root.AddCommand(commands...)
	}
	group("config", "Configuration:", newCheckCommand(), newConvertCommand(), newDoctorCommand(), newKeywordsCommand(), newLabCommand(), newSchemaCommand(), newVRIDsCommand())
	group("daemon", "The daemon:", newRunCommand(), newStatusCommand(), newPlanCommand(), newReloadCommand(), newFailoverCommand(), newMaintenanceCommand(), newMetricsCommand())
	group("balance", "Load balancing:", append(newServerShortcuts(), newServerCommand(), newTopCommand(), newRealserverCommand())...)
	group("checks", "Checks and scripts:", newProbeCommand(), newDigestCommand(), newPluginCommand(), newLuaCommand())
	root.AddCommand(newVersionCommand())
	explainUsage(root)
	return root
}
