package daemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
)

// Options say what a daemon runs, and where.
type Options struct {
	// Configs are the files of the configuration, later ones over earlier ones;
	// without one the file is looked for.
	Configs []string
	// Set are settings, KEY=VALUE, over those of the files and the environment.
	Set []string
	// ConfigID chooses the lines @ID of a keepalived.conf; if empty, the
	// environment or the node's name does.
	ConfigID string
	// RunDir has the socket, the journal and the lock.
	RunDir string
	// StateDir has what outlives a reboot; if empty, it is DefaultStateDir for
	// the default RunDir, and any other RunDir itself.
	StateDir string
	// CheckDir has files that override checks; none when it is empty.
	CheckDir string
	// Version is what the daemon says that it is.
	Version string
	// Print writes a status for people, into the dump of SIGUSR1.
	Print func(io.Writer, *control.Status) error
}

// Check reports what was given wrongly, before there is a daemon.
func (o *Options) Check() error {
	_, err := given(o.Set)
	return err
}

// ErrAtOnce is what Run returns when it was told to stop a third time: the node
// still runs, and ends with the process.
var ErrAtOnce = errors.New("stopping at once: addresses may be left behind; the next start removes them")

// Run runs one daemon until it was told to stop, by SIGTERM, SIGINT or the end of
// ctx. SIGHUP makes it read its configuration again, and the signals of dump make
// it write down how it stands.
func Run(ctx context.Context, o *Options, log *slog.Logger) error {
	// A channel each, so that none can fill up with another's signals.
	stops, reloads, pipes := make(chan os.Signal, 2), make(chan os.Signal, 1), make(chan os.Signal, 1)
	dumps := make(chan os.Signal, 3)
	signal.Notify(stops, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(reloads, syscall.SIGHUP)
	signal.Notify(dumps, syscall.SIGUSR1, syscall.SIGUSR2, signalJSON)
	// Nobody looks at this one: it keeps the end of a log's reader from being
	// ours. To ignore the signal would make our programs ignore it too.
	signal.Notify(pipes, syscall.SIGPIPE)
	defer func() {
		// Not of SIGPIPE: the last lines of the log are still to be written.
		signal.Stop(stops)
		signal.Stop(reloads)
		signal.Stop(dumps)
	}()

	garbage, begun := newCollection()
	d, err := newDaemon(o, log)
	if err != nil {
		return err
	}
	d.garbage, d.begun = garbage, begun
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	d.ctx = ctx
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	// Apart from the stops, which must not wait for a slow file.
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		d.hear(ctx, reloads, dumps)
	}()
	asked := 0
	for {
		select {
		case err := <-ended:
			stop()
			d.settle(heard)
			if err != nil && !d.began() {
				err = errors.Join(err, d.failed())
			}
			err = errors.Join(err, d.close())
			if err == nil {
				log.Info("stopped")
			}
			return err
		case s := <-stops:
			switch asked++; asked {
			case 1:
				log.Info("stopping", "signal", s.String())
				d.garbage.ease(easeBytes) // to the end, which comes before the heap is large
				stop()
				d.manager.tell("STOPPING=1")
			case 2:
				// Often the same stop, sent to the process and to its group.
				log.Info("stopping without waiting for another node to take over", "signal", s.String())
				d.engine.Hurry()
			default:
				// The engine still runs; what it uses ends with the process.
				return ErrAtOnce
			}
		}
	}
}

// began reports whether adverts were heard.
func (d *daemon) began() bool {
	select {
	case <-d.watching:
		return true
	default:
		return false
	}
}

// hear reads the configuration again and writes down how the node stands, at the
// signals for it, until ctx ends.
func (d *daemon) hear(ctx context.Context, reloads, dumps <-chan os.Signal) {
	for {
		select {
		case <-reloads:
			calm := d.ease()
			d.report(d.reload(ctx, false))
			calm()
		case s := <-dumps:
			d.dump(ctx, s)
		case <-ctx.Done():
			return
		}
	}
}

// settle waits until nobody works on the node any more that is to be closed: what
// a reload opens after that, nobody closes. One that takes longer than closeLimit,
// for a file that says nothing, goes on until the process ends.
func (d *daemon) settle(heard <-chan struct{}) {
	over := make(chan struct{})
	go func() { // ends with the reload
		defer close(over)
		<-heard
		d.reloading.Lock() // the control socket's
		defer d.reloading.Unlock()
		d.over = true
	}()
	t := time.NewTimer(closeLimit)
	defer t.Stop()
	select {
	case <-over:
	case <-t.C:
		d.log.Warn("a reload is still under way, and ends with the process")
	}
}

// closeLimit is how long what was told to end is waited for.
const closeLimit = 3 * time.Second
