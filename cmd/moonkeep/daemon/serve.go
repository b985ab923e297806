package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
)

// run runs the node until ctx ends, and the programs that the configuration
// names for before and after that.
func (d *daemon) run(ctx context.Context) error {
	c := d.current()
	// What a crash left answers beside the new master until then.
	if err := d.engine.Sweep(d.kernel); err != nil {
		return errors.Join(err, d.kernel.Close())
	}
	d.hook(ctx, "startup_script", c, c.Global.StartupScript, c.Global.StartupTimeout)
	if ctx.Err() != nil {
		return d.kernel.Close() // before anything began
	}
	err := d.serve(ctx)
	c = d.current()
	// ctx has ended, and this is the time for it.
	d.hook(context.WithoutCancel(ctx), "shutdown_script", c, c.Global.ShutdownScript, c.Global.ShutdownTimeout)
	return err
}

// serve runs the node and answers on the control socket until ctx ends.
func (d *daemon) serve(ctx context.Context) error {
	var err error
	if d.control, err = control.Listen(d.opts.RunDir, d); err != nil {
		return errors.Join(err, d.kernel.Close())
	}
	served := answer(d.control.Serve, d.log)
	c := d.current()
	if err := d.balance.adopt(c); err != nil {
		err = errors.Join(err, d.control.Close())
		<-served
		return errors.Join(err, d.kernel.Close())
	}
	d.log.Info("moonkeep "+d.opts.Version+" runs", "router_id", c.Global.RouterID, "config", strings.Join(c.Files, " "), "instances", len(c.Instances), "pid", os.Getpid())
	d.page.adopt(c.Global.MetricsListen, d)
	defer d.page.close()
	d.lookAtSpaces()                                                                                                                   // some may have been opened only for what an earlier run left
	err = aside(ctx, func() error { return d.engine.Run(ctx, d.kernel) }, d.ready, d.putOff, d.settleIn, d.watchDrains, d.watchSpaces) // the engine closes the kernel
	// The addresses are gone, or another node has them: nobody is cut off.
	err = errors.Join(err, d.balance.end(), d.control.Close())
	<-served
	return err
}

// Confined implements control.Daemon: plugins may not operate the daemon, nor look at it,
// also where they have its user.
func (d *daemon) Confined(uid uint32, pid int) bool {
	if !d.edges.plugins.Confined(uid, pid) {
		return false
	}
	d.meddled.Do(func() {
		d.log.Warn("a plugin connected to the control socket and was cut off; further attempts are not logged", "uid", uid, "pid", pid)
	})
	return true
}

// answer has serve run until it ends, when done is closed. An error is logged when
// it comes: the node runs on, but tells nobody any more how it stands.
func answer(serve func() error, log *slog.Logger) (done <-chan struct{}) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := serve(); err != nil {
			log.Error("commands are no longer answered; restart the daemon", "err", err)
		}
	}()
	return ended
}

// ready tells the service manager once adverts are heard.
func (d *daemon) ready(ctx context.Context) {
	select {
	case <-d.watching:
		d.manager.tell("READY=1")
	case <-ctx.Done():
	}
}

// aside has others run beside run, and ends them when run ends, which it may
// do by itself, on an error.
func aside(ctx context.Context, run func() error, others ...func(context.Context)) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, f := range others {
		all.Go(func() { f(ctx) })
	}
	err := run()
	cancel()
	all.Wait()
	return err
}

// putOff does what the table of IPVS goes before; at last it logs what is doubtful about
// the configuration that the daemon began with, for which nothing waits.
func (d *daemon) putOff(ctx context.Context) {
	c := d.current()
	until, cancel := context.WithTimeout(ctx, tableFirst)
	defer cancel()
	d.balance.stands(until)
	d.edges.plugins.Release()
	if ctx.Err() == nil && d.current() == c { // a reload logs its own
		d.logFindings(doubtfulHere(c))
	}
}

// settleIn has garbage collected again once the table of IPVS stands, whose time that would
// take on one processor, and memory given back when the start is over.
func (d *daemon) settleIn(ctx context.Context) {
	over := time.After(TrimAfter)
	until, cancel := context.WithTimeout(ctx, mostTrimAfter)
	defer cancel()
	d.balance.stands(until)
	if ctx.Err() != nil {
		return // it ends, and all memory with it
	}
	d.begun(kept(d.current()))
	select {
	case <-over:
		d.garbage.trim()
	case <-ctx.Done():
	}
}
