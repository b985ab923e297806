//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/contrib/bench/subject"
)

// trial is one program with one configuration.
type trial struct {
	settings
	program string
	kind    string
	n       int
	loop    time.Duration
	report  func(figure string, v float64)
	meter   *subject.Meter
	// idle is what a second costs in which nothing is done.
	idle time.Duration
}

// The figures, in the order in which they are printed.
const (
	figureStart  = "start until all stand in IPVS, ms"
	figureChecks = "checks a second"
	figureCPU    = "CPU of the guest, ms a second"
	figureCheck  = "CPU of the guest a check, us"
	figureMemory = "RSS, MiB"
	figurePSS    = "PSS, MiB"
)

// checks are the blocks of a real server, in keepalived's language.
var checks = map[string]string{
	"TCP_CHECK": "TCP_CHECK {\n            connect_timeout 3\n            retry 0\n        }",
	"HTTP_GET": "HTTP_GET {\n            url {\n                path /\n                status_code 200\n            }\n" +
		"            connect_timeout 3\n            retry 0\n        }",
}

// configuration is the keepalived.conf that both programs read.
func configuration(kind string, n int, loop time.Duration) string {
	var b strings.Builder
	b.WriteString("global_defs {\n    router_id bench\n}\n")
	fmt.Fprintf(&b, "virtual_server 10.9.0.1 80 {\n    delay_loop %g\n    lvs_sched rr\n    lvs_method NAT\n    protocol TCP\n", loop.Seconds())
	for i := range n {
		fmt.Fprintf(&b, "    real_server %s 80 {\n        weight 1\n        %s\n    }\n", server(i), checks[kind])
	}
	b.WriteString("}\n")
	return b.String()
}

// wait waits unless the run is to end.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// spend is what the guest costs within a time.
func spend(ctx context.Context, m *subject.Meter, d time.Duration) (time.Duration, error) {
	before, err := m.CPU()
	if err != nil {
		return 0, err
	}
	if err := wait(ctx, d); err != nil {
		return 0, err
	}
	after, err := m.CPU()
	return after - before, err
}

// stopLimit is how long a program may take to end; keepalived takes its time
// over a large table.
const stopLimit = 60 * time.Second

// startLimit is how long a program may take until all servers stand.
const startLimit = 2 * time.Minute

func (t *trial) run(ctx context.Context) (err error) {
	dir := filepath.Join(t.logs, fmt.Sprintf("%s-%s-%d-%v", t.program, t.kind, t.n, t.loop))
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	w, err := newNetwork(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	d, err := t.Start(t.program, subject.Checkers, w.director, dir, configuration(t.kind, t.n, t.loop))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w; the log ends:\n%s", err, d.Words())
		}
		_, serr := d.Stop(stopLimit)
		err = errors.Join(err, serr, d.Kill())
	}()
	if err := t.await(ctx, d, "stand in IPVS", w.entries); err != nil {
		return err
	}
	t.report(figureStart, float64(time.Since(d.Begun).Milliseconds()))
	if err := t.await(ctx, d, "were checked", w.connections); err != nil {
		return err
	}
	if err := wait(ctx, t.settle+t.loop); err != nil {
		return err
	}
	return t.rest(ctx, w, d)
}

// await waits until something was counted for every real server.
func (t *trial) await(ctx context.Context, d *subject.Daemon, what string, count func() (int, error)) error {
	for {
		n, err := count()
		if err != nil || n >= t.n {
			return err
		}
		if time.Since(d.Begun) > startLimit {
			return fmt.Errorf("%d of %d real servers %s after %v", n, t.n, what, startLimit)
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// rest counts what the checks cost.
func (t *trial) rest(ctx context.Context, w *network, d *subject.Daemon) error {
	connections, err := w.connections()
	if err != nil {
		return err
	}
	begin := time.Now()
	cpu, err := spend(ctx, t.meter, t.window)
	if err != nil {
		return err
	}
	taken, err := w.connections()
	if err != nil {
		return err
	}
	took := time.Since(begin)
	rss, pss, err := d.Memory()
	if err != nil {
		return err
	}
	n := taken - connections
	if n == 0 {
		return errors.New("no server was checked")
	}
	t.report(figureChecks, float64(n)/took.Seconds())
	cpu -= time.Duration(t.idle.Seconds() * took.Seconds() * float64(time.Second))
	t.report(figureCPU, cpu.Seconds()*1000/took.Seconds())
	t.report(figureCheck, float64(cpu.Microseconds())/float64(n))
	t.report(figureMemory, float64(rss)/(1<<20))
	t.report(figurePSS, float64(pss)/(1<<20))
	// Servers that were called down would make checks cheaper.
	stand, err := w.entries()
	if err != nil {
		return err
	}
	if stand != t.n {
		return fmt.Errorf("%d of %d real servers stand in IPVS after the measurement", stand, t.n)
	}
	return nil
}
