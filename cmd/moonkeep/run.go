package main

import (
	"errors"
	"fmt"
	"io"
	standardlog "log"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
)

func newRunCommand() *cobra.Command {
	o := daemon.Options{Version: version, Print: printStatus}
	var logFormat, logLevel string
	cmd := &cobra.Command{
		Use:   "run -c FILE",
		Short: "run the daemon in the foreground",
		Long: `Runs the daemon with FILE, a keepalived.conf or YAML, TOML or JSON, in the
foreground, and logs to standard error. SIGTERM and SIGINT stop it in an orderly
way; a second one without waiting for another node to take over, a third one at
once. SIGHUP reloads FILE.

The control socket, the journal of owned addresses and the lock are in the run
directory. Several daemons can run on one host if each has its own.

Exit status 0: it was stopped. 1: it could not start, it broke, or it was stopped
at once, by a third signal. 2: wrong use.`,
		Example: `  moonkeep run -c /etc/keepalived/keepalived.conf
  moonkeep run -c /etc/moonkeep/moonkeep.yaml --log-format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, closeLog, err := newLog(cmd.ErrOrStderr(), logFormat, logLevel)
			if err != nil {
				return err
			}
			defer closeLog()
			if err := o.Check(); err != nil {
				return err
			}
			if err := daemon.Run(cmd.Context(), &o, log); err != nil {
				if errors.Is(err, daemon.ErrAtOnce) {
					log.Warn(err.Error())
				} else {
					log.Error("cannot run: " + err.Error())
				}
				return exitNo
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.Configs, "config", "c", nil, "the configuration `file` (default: the first of "+searchPath()+"). YAML, TOML and JSON files, and directories of them, can be given several times; later ones override earlier ones")
	f.StringArrayVar(&o.Set, "set", nil, "set a key of global, `KEY=VALUE`, overriding the files and the environment (MOONKEEP_KEY); can be given several times")
	f.StringVarP(&o.ConfigID, "config-id", "i", "", configIDHelp)
	f.StringVar(&o.RunDir, "run-dir", daemon.DefaultRunDir, runDirOwnHelp)
	f.StringVar(&o.StateDir, "state-dir", "", "the `directory` for what outlives a reboot, such as maintenance (default: "+daemon.DefaultStateDir+", or the --run-dir if that is another than "+daemon.DefaultRunDir+")")
	f.StringVar(&o.CheckDir, "check-dir", "", "a `directory` where a file NAME.fail or NAME.pass overrides the check NAME (for labs)")
	f.StringVar(&logFormat, "log-format", "text", "text or json")
	f.StringVar(&logLevel, "log-level", "info", "debug, info, warn or error")
	return cmd
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

// logLimit is how long the last lines of the log may take.
const logLimit = time.Second
