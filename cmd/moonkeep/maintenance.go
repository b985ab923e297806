package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/core/control"
)

func newMaintenanceCommand() *cobra.Command {
	var o operateOptions
	cmd := &cobra.Command{
		Use:   "maintenance on|off [INSTANCE|GROUP...]",
		Short: "keep this node from becoming MASTER, or end that",
		Long: `on: the named instances and sync groups, or the whole node, do not become MASTER
until off, not even after a restart of the daemon or the host. An instance that
is MASTER is handed over first, as by failover; if no other node takes it over,
it stays MASTER and is not put into maintenance, unless --force.

off: they take part again as the configuration says.

Exit status 0: done. 1: not done for all of them, or the daemon refused. 2:
wrong use, or no daemon answers.`,
		Example: `  moonkeep maintenance on
  moonkeep maintenance off VI_1`,
		Args:      cobra.MinimumNArgs(1),
		ValidArgs: []string{"on", "off"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != "on" && args[0] != "off" {
				return fmt.Errorf("maintenance %s: say on or off", args[0])
			}
			r := control.MaintenanceRequest{On: args[0] == "on", Names: args[1:], Force: o.force}
			return o.moves(cmd, func(ctx context.Context, c *control.Client) (control.Moves, error) { return c.Maintain(ctx, r) },
				func(w io.Writer, m *control.Moves) bool { return printMaintenance(w, m, r.On) })
		},
	}
	o.flags(cmd)
	return cmd
}
