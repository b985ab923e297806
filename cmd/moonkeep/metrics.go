package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/metrics"
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
	cmd.Flags().StringVar(&runDir, "run-dir", defaultRunDir, "the run directory of the node")
	return cmd
}

// Metrics implements control.Daemon.
func (d *daemon) Metrics(ctx context.Context) ([]byte, error) { return metrics.Text(ctx, d) }

// alive asks the loop for a sign of life.
func (d *daemon) alive(ctx context.Context) error {
	_, _, err := d.engine.Status(ctx)
	return err
}

// metricsPage is the page of metrics, wherever the configuration wants it.
type metricsPage struct {
	log *slog.Logger

	mu     sync.Mutex
	at     config.Listen
	page   *control.Page // nil while it is not served
	served chan struct{} // closed when page is not served any more
}

// adopt serves the page there. A page that cannot be opened is no reason not to
// hold addresses: it is said, and tried again at the next reload.
func (p *metricsPage) adopt(at config.Listen, d *daemon) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.page != nil && p.at == at {
		return
	}
	p.end()
	if p.at = at; at == "" {
		return
	}
	page, err := control.ListenPage(string(at), d.Metrics, d.alive)
	if err != nil {
		p.log.Error("no metrics are served", "err", err)
		return
	}
	p.page, p.served = page, make(chan struct{})
	p.log.Info("metrics are served", "at", page.Addr().String())
	go func() {
		defer close(p.served)
		if err := page.Serve(); err != nil {
			p.log.Error("no metrics are served any more", "err", err)
		}
	}()
}

// close ends it.
func (p *metricsPage) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
}

func (p *metricsPage) end() {
	if p.page == nil {
		return
	}
	if err := p.page.Close(); err != nil {
		p.log.Warn("close the page of metrics", "err", err)
	}
	<-p.served
	p.page = nil
}
