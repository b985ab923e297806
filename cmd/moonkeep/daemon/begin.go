package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// newDaemon reads the configuration and prepares everything that can fail, so
// that what cannot work is refused before anything happens.
func newDaemon(o *Options, log *slog.Logger) (*daemon, error) {
	d := &daemon{opts: o, log: log, started: time.Now(), page: &metricsPage{log: log}, manager: newManager(log), watching: make(chan struct{}), unnamed: make(chan struct{}, 1), asking: make(chan struct{}, 1)}
	c, found, err := d.read()
	d.logFindings(found)
	if err == nil {
		err = d.open(c, found)
	}
	if err != nil {
		err = errors.Join(err, d.failed())
		var rival *otherDaemonError
		errors.As(err, &rival)
		if left := d.giveUp(rival); left != nil {
			err = errors.Join(err, fmt.Errorf("clear what an earlier run left behind: %w", left))
		}
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// failed puts files back as they were when a start comes to nothing.
func (d *daemon) failed() error {
	if d.unwrite == nil {
		return nil
	}
	return d.unwrite()
}

// open prepares the daemon to run a configuration, with the findings about it.
func (d *daemon) open(c *config.Config, found config.Findings) error {
	if err := d.claim(c.Global.NetNamespace); err != nil {
		return err
	}
	if err := d.openEdges(c); err != nil {
		return err
	}
	plan, err := d.firstPlan(c)
	if err != nil {
		return err
	}
	if err := d.openNode(c, plan); err != nil {
		return err
	}
	d.config, d.losses, d.loaded, d.planned, d.checks = c, found.Losing(), time.Now(), plan.Node, plan.Checks.(*checks)
	d.contents = d.inUse()
	d.library.Forget()
	return nil
}

// claim looks whether the daemon may run, and takes its run directory.
func (d *daemon) claim(netNamespace string) (err error) {
	if err := Permitted(); err != nil {
		return err
	}
	if dir := d.opts.CheckDir; dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return fmt.Errorf("--check-dir %s: there is no such directory", dir)
		}
	}
	if d.dir, err = openRunDir(d.opts.RunDir); err != nil {
		return err
	}
	d.dir.netNamespace = netNamespace
	for _, w := range d.dir.warnings {
		d.log.Warn(w)
	}
	return nil
}
