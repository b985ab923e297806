//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/moonkeep/moonkeep/contrib/bench/subject"
)

// trial is one pair of a program in one network.
type trial struct {
	settings
	program  string
	n        int
	interval time.Duration
	net      *network
	report   func(figure string, v float64)

	vips     []netip.Addr
	watchers [sides]*watcher
	daemons  [sides]*subject.Daemon
}

// The figures, in the order in which they are printed. All are times in ms,
// unless their name says something else.
const (
	figureMasterCPU = "CPU MASTER, s/min"
	figureBackupCPU = "CPU BACKUP, s/min"
	figureP99       = "advert off by, p99"
	figureMost      = "advert off by, max"
	figureStart     = "start until MASTER of all"
	figureReload    = "reload until the new address stands"
	figureGap       = "reload: longest gap between adverts"
	figureMoved     = "reload: other addresses moved"
	figureExit      = "SIGTERM to exit, peer there"
	figureTaken     = "SIGTERM until the peer owns all"
	figureExitAlone = "SIGTERM to exit, no peer"
	figureMemory    = "RSS MASTER, MiB"
	figurePSS       = "PSS MASTER, MiB"
	figureMemory2   = "RSS BACKUP, MiB"
)

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

// stopLimit is how long a program may take to end.
const stopLimit = 30 * time.Second

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (t *trial) run(ctx context.Context) (err error) {
	if t.program == floor {
		if err := ctx.Err(); err != nil {
			return err
		}
		cpu, err := t.net.floorTimes(t.version, t.interval, min(t.settle, time.Second), t.window)
		if err != nil {
			return err
		}
		t.report(figureMasterCPU, cpu[masterSide])
		t.report(figureBackupCPU, cpu[backupSide])
		return nil
	}
	for i := range t.n {
		t.vips = append(t.vips, vip(i))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.ends())
		}
		for _, d := range t.daemons {
			err = errors.Join(err, d.Kill())
		}
		for _, w := range t.watchers {
			if w != nil {
				err = errors.Join(err, w.close())
			}
		}
		err = errors.Join(err, t.net.clear())
	}()
	for side, h := range t.net.hosts {
		if t.watchers[side], err = watch(h.ns); err != nil {
			return err
		}
	}
	for _, part := range []func(context.Context) error{t.begin, t.rest, t.adverts, t.reload, t.stop} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// dir is where a side's files are.
func (t *trial) dir(side int) string {
	return filepath.Join(t.logs, fmt.Sprintf("%s-%d-%v-%d", t.program, t.n, t.interval, side))
}

// patience is how long anything may take that follows from timers.
func (t *trial) patience() time.Duration { return 60*time.Second + 10*t.interval }

// begin starts the master and, when it is one, the backup.
func (t *trial) begin(ctx context.Context) (err error) {
	for side, h := range t.net.hosts {
		if err := os.RemoveAll(t.dir(side)); err != nil {
			return err
		}
		d, err := t.Start(t.program, subject.VRRP, h.ns, t.dir(side), configuration(side, t.n, t.version, t.interval, false))
		if err != nil {
			return err
		}
		t.daemons[side] = d
		if side == masterSide {
			last, err := t.watchers[side].await(t.vips, t.patience())
			if err != nil {
				return err
			}
			t.report(figureStart, milliseconds(last.Sub(d.Begun)))
		}
	}
	// A backup that comes up is not the master for three intervals and more.
	return wait(ctx, t.settle+t.interval)
}

// rest counts what both cost while nothing happens.
func (t *trial) rest(ctx context.Context) error {
	var before [sides]time.Duration
	for side, d := range t.daemons {
		var err error
		if before[side], err = d.CPU(); err != nil {
			return err
		}
	}
	start := time.Now()
	if err := wait(ctx, t.window); err != nil {
		return err
	}
	took := time.Since(start)
	for side, d := range t.daemons {
		after, err := d.CPU()
		if err != nil {
			return err
		}
		rss, pss, err := d.Memory()
		if err != nil {
			return err
		}
		mib := func(b int64) float64 { return float64(b) / (1 << 20) }
		if side == masterSide {
			t.report(figureMasterCPU, perMinute(after-before[side], took))
			t.report(figureMemory, mib(rss))
			t.report(figurePSS, mib(pss))
		} else {
			t.report(figureBackupCPU, perMinute(after-before[side], took))
			t.report(figureMemory2, mib(rss))
		}
	}
	if n := t.watchers[backupSide].moves(t.vips); n > 0 {
		return fmt.Errorf("the backup set or removed %d addresses although the master was there", n)
	}
	return nil
}

// adverts looks at the times between adverts.
func (t *trial) adverts(ctx context.Context) error {
	c, err := newCapture(t.net.hosts[backupSide].ns)
	if err != nil {
		return err
	}
	werr := wait(ctx, t.capture+t.interval)
	list, err := c.end()
	if err = errors.Join(werr, err); err != nil {
		return err
	}
	gaps := intervals(list)
	// Fewer say nothing about keeping time.
	if least := float64(t.n) * t.capture.Seconds() / t.interval.Seconds() / 2; float64(len(gaps)) < least {
		return fmt.Errorf("%d intervals between adverts were seen, not at least %.0f", len(gaps), least)
	}
	p99, most := deviation(gaps, t.interval)
	t.report(figureP99, milliseconds(p99))
	t.report(figureMost, milliseconds(most))
	return nil
}

// reload adds an address to the last virtual router.
func (t *trial) reload(ctx context.Context) error {
	c, err := newCapture(t.net.hosts[backupSide].ns)
	if err != nil {
		return err
	}
	moved := func() int { return t.watchers[masterSide].moves(t.vips) + t.watchers[backupSide].moves(t.vips) }
	before := moved()
	err = func() error {
		if err := wait(ctx, 2*t.interval); err != nil {
			return err
		}
		d := t.daemons[masterSide]
		if err := d.Configure(configuration(masterSide, t.n, t.version, t.interval, true)); err != nil {
			return err
		}
		start := time.Now()
		if err := d.Reload(); err != nil {
			return err
		}
		stands, err := t.watchers[masterSide].await([]netip.Addr{extraVIP()}, t.patience())
		if err != nil {
			return fmt.Errorf("reload: %w", err)
		}
		t.report(figureReload, milliseconds(stands.Sub(start)))
		return wait(ctx, max(time.Second, 3*t.interval))
	}()
	list, cerr := c.end()
	if err = errors.Join(err, cerr); err != nil {
		return err
	}
	var most time.Duration
	for _, gap := range intervals(list) {
		most = max(most, gap)
	}
	t.report(figureGap, milliseconds(most))
	t.report(figureMoved, float64(moved()-before))
	return nil
}

// stop stops the master, which has a peer, and then the other, which has none.
func (t *trial) stop(ctx context.Context) error {
	start := time.Now()
	took, err := t.daemons[masterSide].Stop(stopLimit)
	if err != nil {
		return err
	}
	t.report(figureExit, milliseconds(took))
	owns, err := t.watchers[backupSide].await(t.vips, t.patience())
	if err != nil {
		return fmt.Errorf("take over: %w", err)
	}
	t.report(figureTaken, milliseconds(owns.Sub(start)))
	if err := wait(ctx, max(t.interval, min(t.settle, 2*time.Second))); err != nil {
		return err
	}
	if took, err = t.daemons[backupSide].Stop(stopLimit); err != nil {
		return err
	}
	t.report(figureExitAlone, milliseconds(took))
	return nil
}

// ends are the last lines of the logs, for whoever looks for the reason.
func (t *trial) ends() error {
	var all []error
	for side, d := range t.daemons {
		if d != nil {
			all = append(all, fmt.Errorf("log of host %d ends in: %s", side, d.Words()))
		}
	}
	return errors.Join(all...)
}

// clear removes the virtual addresses that are left, so that the next trial
// finds what this one did.
func (w *network) clear() error {
	for _, h := range w.hosts {
		for k := range interfaces(w.n) {
			list, err := h.conn.List(fmt.Sprintf("e%d", k))
			if err != nil {
				return err
			}
			for _, a := range list {
				if a.Addr().Is4() && a.Prefix.IsSingleIP() {
					if err := h.conn.Remove(a); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}
