package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func newRunCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run -c FILE",
		Short: "run the daemon in the foreground",
		Long: `Runs the node that FILE describes, keepalived.conf or YAML, TOML or JSON, in the
foreground and logs to standard error. SIGTERM and SIGINT stop it in an orderly
way, a second one at once; SIGHUP reloads FILE.

The control socket, the journal of owned addresses and the lock live in the run
directory, so that several daemons share a host when each has its own.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLog(cmd.ErrOrStderr(), o.logFormat, o.logLevel)
			if err != nil {
				return err
			}
			if err := runDaemon(cmd.Context(), &o, log); err != nil {
				var exit exitError
				if errors.As(err, &exit) {
					return err
				}
				log.Error("cannot run: " + err.Error())
				return exitNo
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.config, "config", "c", "", "configuration `file`; by default the first of "+searchPath())
	f.StringVar(&o.runDir, "run-dir", defaultRunDir, "`directory` of socket, journal and lock")
	f.StringVar(&o.checkDir, "check-dir", "", "`directory` in which a file NAME.fail or NAME.pass overrides the check NAME (for labs)")
	f.StringVar(&o.logFormat, "log-format", "text", "text or json")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	return cmd
}

type runOptions struct {
	config    string
	runDir    string
	checkDir  string
	logFormat string
	logLevel  string
}

// newLog returns the log. Nothing reads what it fails to write: a full disk or
// a reader that went away must not end the daemon.
func newLog(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %s: use debug, info, warn or error", level)
	}
	opts := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, fmt.Errorf("--log-format %s: use text or json", format)
}

// runDaemon runs one daemon until it was told to stop.
func runDaemon(ctx context.Context, o *runOptions, log *slog.Logger) (err error) {
	if ctx == nil {
		ctx = context.Background()
	}
	// Taking SIGPIPE keeps a log reader's end from being ours.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	defer signal.Stop(signals)

	d, err := newDaemon(o, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	stopping := false
	for {
		select {
		case err := <-ended:
			if err == nil {
				log.Info("stopped")
			}
			return err
		case s := <-signals:
			switch {
			case s == syscall.SIGPIPE:
			case s == syscall.SIGHUP:
				if stopping {
					continue
				}
				d.reload(ctx)
			case stopping:
				log.Warn("stopping at once: addresses may be left behind; the next start removes them")
				return exitNo
			default:
				log.Info("stopping", "signal", s.String())
				stopping = true
				stop()
			}
		}
	}
}

// closeLimit is how long programs that were told to end are waited for.
const closeLimit = 3 * time.Second
