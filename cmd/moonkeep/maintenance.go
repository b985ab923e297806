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
		Short: "keep this node out, or let it in again",
		Long: `on: the instances and sync groups that are named, or the whole node, are never
MASTER until off, also after a restart of the daemon or of the host. Those that
are MASTER hand over first, as with failover; one that no other node takes over
stays MASTER and is not in maintenance, unless --force.

off: they take part again as the configuration says.

Exit status 0: so it is. 1: not for all that were named.`,
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
