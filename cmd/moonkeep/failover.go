package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/core/control"
)

func newFailoverCommand() *cobra.Command {
	var o operateOptions
	var rest time.Duration
	var cancel bool
	cmd := &cobra.Command{
		Use:   "failover [INSTANCE|GROUP...]",
		Short: "move the addresses of this node to another node",
		Long: `Hands the named instances and sync groups over to another node, or all of which
this node is MASTER. The daemon announces that it is leaving, and goes on
answering for the addresses until another node has them, so that clients notice
nothing. If no other node takes them in time, it stays MASTER.

After that the instance does not preempt its successor, whatever the priorities,
until the successor fails or gives up, until the time of --for is over, or until
--cancel. A restart of the daemon ends this, too.

With --force the addresses are given up even if no other node takes them, or if
a script's accept_failover objects.

Exit status 0: another node has all the addresses. 1: not all of them, or the
daemon refused. 2: wrong use, or no daemon answers.`,
		Example: `  moonkeep failover
  moonkeep failover VI_1 --for 10m
  moonkeep failover --cancel`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if rest < 0 {
				return fmt.Errorf("--for %v: give a time, such as 10m", rest)
			}
			r := control.FailoverRequest{Names: args, Rest: rest.Seconds(), Force: o.force, Cancel: cancel}
			return o.moves(cmd, func(ctx context.Context, c *control.Client) (control.Moves, error) { return c.Failover(ctx, r) },
				func(w io.Writer, m *control.Moves) bool { return cancel || printFailover(w, m, len(args) > 0) })
		},
	}
	o.flags(cmd)
	cmd.Flags().DurationVar(&rest, "for", 0, "do not preempt for this long (default: until the other node fails)")
	cmd.Flags().BoolVar(&cancel, "cancel", false, "end an earlier failover: preempt again as the configuration says")
	return cmd
}

// operateOptions are the flags of what asks for a move.
type operateOptions struct {
	runDir        string
	force, asJSON bool
}

func (o *operateOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.runDir, "run-dir", daemon.DefaultRunDir, runDirHelp)
	cmd.Flags().BoolVar(&o.force, "force", false, "give the addresses up even if no other node takes them, or accept_failover objects")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, jsonHelp)
}

// moves asks for a move and prints what came of it; show reports whether all
// is as it was asked for.
func (o *operateOptions) moves(cmd *cobra.Command, ask func(context.Context, *control.Client) (control.Moves, error), show func(io.Writer, *control.Moves) bool) error {
	m, err := ask(cmd.Context(), control.NewClient(o.runDir))
	if err != nil {
		return refusal(cmd.ErrOrStderr(), o.runDir, err)
	}
	var text strings.Builder
	done := show(&text, &m)
	if o.asJSON {
		text.Reset()
		if err := printIndented(&text, m); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(cmd.OutOrStdout(), text.String()); err != nil {
		return err
	}
	if !done {
		return exitNo
	}
	return nil
}

// refusal says why a daemon did not do what it was asked for, and returns the exit
// status: whether it said no, or nobody answered.
func refusal(w io.Writer, runDir string, err error) error {
	if errors.Is(err, control.ErrNotRunning) {
		fmt.Fprintf(w, "moonkeep: no daemon answers in %s (is it running, with the same --run-dir, and may you use its socket?)\n", runDir)
	} else {
		fmt.Fprintln(w, "moonkeep:", err)
	}
	if said := (*control.Refusal)(nil); errors.As(err, &said) {
		return exitNo
	}
	return exitUnknown
}

// printFailover says what became of each instance. Those that were not MASTER
// matter only if they were named.
func printFailover(w io.Writer, m *control.Moves, named bool) bool {
	done, any := true, false
	for _, x := range m.Instances {
		switch {
		case x.Moved:
			any = true
			printMoved(w, &x)
		case x.Role == "MASTER":
			any, done = true, false
			printStayed(w, &x)
		case named:
			any, done = true, false
			fmt.Fprintf(w, "%s: it is %s here, there is nothing to give up (%s)\n", x.Instance, x.Role, x.Why)
		}
	}
	if !any {
		fmt.Fprintln(w, "no instance is MASTER here: there is nothing to give up")
		return false
	}
	return done
}

func printMoved(w io.Writer, x *control.Move) {
	took := age(x.Took)
	switch {
	case x.To == "":
		fmt.Fprintf(w, "%s: given up after %s; no other node was heard to take the addresses\n", x.Instance, took)
	default:
		fmt.Fprintf(w, "%s: %s has the addresses now, with priority %d (%s)\n", x.Instance, x.To, x.ToPriority, took)
	}
}

func printStayed(w io.Writer, x *control.Move) {
	switch {
	case x.Objection != "":
		fmt.Fprintf(w, "%s: still MASTER: its policy holds the move back: %s (--force moves nevertheless)\n", x.Instance, x.Objection)
	case x.Under:
		fmt.Fprintf(w, "%s: still handing over; `moonkeep status` tells\n", x.Instance)
	default:
		fmt.Fprintf(w, "%s: still MASTER: %s (--force gives the addresses up nevertheless)\n", x.Instance, x.Why)
	}
}

// printMaintenance says which instances are in maintenance.
func printMaintenance(w io.Writer, m *control.Moves, on bool) bool {
	done := true
	for _, x := range m.Instances {
		if x.Moved {
			printMoved(w, &x)
		}
		switch {
		case on && (!x.Maintenance || x.Under):
			done = false
			printStayed(w, &x)
		case on:
			fmt.Fprintf(w, "%s: in maintenance, %s\n", x.Instance, x.Role)
		case x.Maintenance:
			done = false
			fmt.Fprintf(w, "%s: still in maintenance\n", x.Instance)
		default:
			fmt.Fprintf(w, "%s: takes part again, %s\n", x.Instance, x.Role)
		}
	}
	if on && m.Maintenance {
		fmt.Fprintln(w, "the node is in maintenance, also after a restart, until `moonkeep maintenance off`")
	}
	return done
}
