package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/core/control"
)

func newMetricsCommand() *cobra.Command {
	var runDir string
	cmd := &cobra.Command{
		Use:   "metrics",
		Short: "print the metrics of the running daemon, for Prometheus",
		Long: `Prints the metrics of the running daemon in Prometheus' text format: roles,
priorities and adverts of virtual routers, checks, real servers and their
traffic, plugins, and what Lua scripts publish. With metrics_listen in the
configuration the daemon serves the same over HTTP, at /metrics.

Exit status 0: printed. 2: wrong use, or no daemon answers.`,
		Example: `  moonkeep metrics
  moonkeep metrics --run-dir /run/moonkeep-2`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := control.NewClient(runDir).Metrics(cmd.Context())
			if err != nil {
				return refusal(cmd.ErrOrStderr(), runDir, err)
			}
			if _, err = cmd.OutOrStdout().Write(text); err != nil {
				return fmt.Errorf("print the measurements: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&runDir, "run-dir", daemon.DefaultRunDir, runDirHelp)
	return cmd
}
