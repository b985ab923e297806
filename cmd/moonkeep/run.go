package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	standardlog "log"
	"log/slog"
	"os"
	"os/signal"
	"strings"
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
way; a second one without waiting for another node to take over, a third one at
once. SIGHUP reloads FILE.

The control socket, the journal of owned addresses and the lock live in the run
directory, so that several daemons share a host when each has its own.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, closeLog, err := newLog(cmd.ErrOrStderr(), o.logFormat, o.logLevel)
			if err != nil {
				return err
			}
			defer closeLog()
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
	f.StringArrayVarP(&o.configs, "config", "c", nil, "configuration `file`; by default the first of "+searchPath()+". Files of moonkeep's own languages can be given several times, and folders of them: what later ones say counts")
	f.StringArrayVar(&o.set, "set", nil, "`KEY=VALUE`: a key of global, whatever the files and the environment (MOONKEEP_KEY) say; several times")
	f.StringVarP(&o.configID, "config-id", "i", "", "the config `ID` that lines @ID of a keepalived.conf are for; by default the node's name up to the first dot")
	f.StringVar(&o.runDir, "run-dir", defaultRunDir, "`directory` of socket, journal and lock")
	f.StringVar(&o.stateDir, "state-dir", "", "`directory` of what outlives a reboot: what is in maintenance; by default "+defaultStateDir+", and for another --run-dir that one")
	f.StringVar(&o.checkDir, "check-dir", "", "`directory` in which a file NAME.fail or NAME.pass overrides the check NAME (for labs)")
	f.StringVar(&o.logFormat, "log-format", "text", "text or json")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	return cmd
}

type runOptions struct {
	configs   []string
	set       []string
	configID  string
	runDir    string
	stateDir  string
	checkDir  string
	logFormat string
	logLevel  string
}

// newLog returns the log, and what writes out its last lines.
func newLog(w io.Writer, format, level string) (*slog.Logger, func(), error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, nil, fmt.Errorf("--log-level %s: use debug, info, warn or error", level)
	}
	opts := &slog.HandlerOptions{Level: l}
	var handler func(io.Writer) slog.Handler
	switch format {
	case "text":
		handler = func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, opts) }
	case "json":
		handler = func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, opts) }
	default:
		return nil, nil, fmt.Errorf("--log-format %s: use text or json", format)
	}
	direct := slog.New(handler(w))
	queue := newLogWriter(w, func(count int64) {
		direct.Warn("log lines were dropped because writing them takes too long", "count", count)
	})
	structured := slog.New(handler(queue))
	libraries := standardlog.Writer()
	standardlog.SetFlags(0)
	standardlog.SetOutput(libraryLog{structured})
	return structured, func() { standardlog.SetOutput(libraries); queue.close(logLimit) }, nil
}

// libraryLog takes what libraries log by themselves, which may hold what a peer
// sent (net/http: an answer that nobody asked for), as debugging.
type libraryLog struct{ log *slog.Logger }

func (l libraryLog) Write(line []byte) (int, error) {
	text := strings.ToValidUTF8(strings.TrimSpace(string(line[:min(len(line), maxLibraryLine)])), "?")
	l.log.Debug("a library says: "+text, "topic", "library")
	return len(line), nil
}

// maxLibraryLine is what is kept of one line of theirs.
const maxLibraryLine = 512

// runDaemon runs one daemon until it was told to stop.
func runDaemon(ctx context.Context, o *runOptions, log *slog.Logger) error {
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
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	// Apart from the stops, which must not wait for a slow file.
	go func() {
		for {
			select {
			case <-reloads:
				_, _ = d.reload(ctx) // it logs both
				trim()
			case s := <-dumps:
				d.dump(ctx, s)
			case <-ctx.Done():
				return
			}
		}
	}()
	settled := time.AfterFunc(trimAfter, trim)
	defer settled.Stop()
	asked := 0
	for {
		select {
		case err := <-ended:
			err = errors.Join(err, d.close())
			if err == nil {
				log.Info("stopped")
			}
			return err
		case s := <-stops:
			switch asked++; asked {
			case 1:
				log.Info("stopping", "signal", s.String())
				d.garbage.ease() // to the end, which comes before the heap is large
				stop()
			case 2:
				// Often the same stop, sent to the process and to its group.
				log.Info("stopping without waiting for another node to take over", "signal", s.String())
				d.engine.Hurry()
			default:
				// The engine still runs; what it uses ends with the process.
				log.Warn("stopping at once: addresses may be left behind; the next start removes them")
				return exitNo
			}
		}
	}
}

const (
	// closeLimit is how long programs that were told to end are waited for.
	closeLimit = 3 * time.Second
	// logLimit is how long the last lines of the log may take.
	logLimit = time.Second
)
