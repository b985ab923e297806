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
		Long: `Runs the node that FILE describes, keepalived.conf or YAML, TOML or JSON, in the
foreground and logs to standard error. SIGTERM and SIGINT stop it in an orderly
way; a second one without waiting for another node to take over, a third one at
once. SIGHUP reloads FILE.

The control socket, the journal of owned addresses and the lock live in the run
directory, so that several daemons share a host when each has its own.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, closeLog, err := newLog(cmd.ErrOrStderr(), logFormat, logLevel)
			if err != nil {
				return err
			}
			defer closeLog()
			if err := daemon.Run(cmd.Context(), &o, log); err != nil {
				if !errors.Is(err, daemon.ErrAtOnce) { // which it has logged
					log.Error("cannot run: " + err.Error())
				}
				return exitNo
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.Configs, "config", "c", nil, "configuration `file`; by default the first of "+searchPath()+". Files of moonkeep's own languages can be given several times, and folders of them: what later ones say counts")
	f.StringArrayVar(&o.Set, "set", nil, "`KEY=VALUE`: a key of global, whatever the files and the environment (MOONKEEP_KEY) say; several times")
	f.StringVarP(&o.ConfigID, "config-id", "i", "", "the config `ID` that lines @ID of a keepalived.conf are for; by default the node's name up to the first dot")
	f.StringVar(&o.RunDir, "run-dir", daemon.DefaultRunDir, "`directory` of socket, journal and lock")
	f.StringVar(&o.StateDir, "state-dir", "", "`directory` of what outlives a reboot: what is in maintenance; by default "+daemon.DefaultStateDir+", and for another --run-dir that one")
	f.StringVar(&o.CheckDir, "check-dir", "", "`directory` in which a file NAME.fail or NAME.pass overrides the check NAME (for labs)")
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
