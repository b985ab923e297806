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
		Short: "print the measurements of the running node, for Prometheus",
		Long: `metrics prints what the running node measures, in the text format of Prometheus:
roles, priorities and adverts of virtual routers, checks, real servers and their
traffic, plugins, and what Lua scripts publish. With metrics_listen in the
configuration the node serves the same by HTTP, under /metrics.

Exit status 0: printed. 2: no node answers, or wrong use.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := control.NewClient(runDir).Metrics(cmd.Context())
			if err != nil {
				return err
			}
			if _, err = cmd.OutOrStdout().Write(text); err != nil {
				return fmt.Errorf("print the measurements: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&runDir, "run-dir", daemon.DefaultRunDir, "the run directory of the node")
	return cmd
}
