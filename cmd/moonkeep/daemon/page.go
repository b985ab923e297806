package daemon

import (
	"context"
	"log/slog"
	"sync"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/metrics"
)

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
	closed bool
}

// adopt serves the page there. A page that cannot be opened is no reason not to
// hold addresses: it is said, and tried again at the next reload. After close it
// does nothing.
func (p *metricsPage) adopt(at config.Listen, d *daemon) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.page != nil && p.at == at {
		return
	}
	p.end()
	if p.at = at; at == "" {
		return
	}
	page, err := control.ListenPage(string(at), d.Metrics, d.alive)
	if err != nil {
		p.log.Error("cannot serve metrics", "err", err)
		return
	}
	p.page, p.served = page, make(chan struct{})
	p.log.Info("serving metrics", "at", page.Addr().String())
	go func() {
		defer close(p.served)
		if err := page.Serve(); err != nil {
			p.log.Error("metrics are no longer served", "err", err)
		}
	}()
}

// close ends it.
func (p *metricsPage) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.end()
}

func (p *metricsPage) end() {
	if p.page == nil {
		return
	}
	if err := p.page.Close(); err != nil {
		p.log.Warn("cannot close the metrics page", "err", err)
	}
	<-p.served
	p.page = nil
}
