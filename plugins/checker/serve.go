//go:build linux

package checker

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
	"github.com/moonkeep/moonkeep/plugins/checker/stream"
)

// Protocol is the version of the protocol that this package speaks.
const Protocol = 1

// The names by which host and checker find each other; see plugins/README.md.
const (
	CookieKey   = "MOONKEEP_PLUGIN"
	CookieValue = "checker"
	PluginName  = "checker"
	// LivenessKey is the environment's name for the number of an open file
	// whose end is the end of the host.
	LivenessKey = "MOONKEEP_PLUGIN_LIVENESS"
)

// Handshake is go-plugin's, for both sides.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{ProtocolVersion: Protocol, MagicCookieKey: CookieKey, MagicCookieValue: CookieValue}
}

// Serve is the main function of a checker. It speaks with the host that
// started the process, and ends the process when the host is gone or asks for
// it. It never returns.
func Serve(c Checker) {
	if os.Getenv(CookieKey) != CookieValue {
		name := filepath.Base(os.Args[0])
		fmt.Fprintf(os.Stderr, "%s is a checker for moonkeep, which starts it by itself; to try it: moonkeep plugin test %s\n", name, os.Args[0])
		os.Exit(2)
	}
	if err := settle(c); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n", err)
		os.Exit(1)
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{Protocol: {PluginName: &glue{checker: frugal(c)}}},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, serverOptions()...)...)
		},
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr, JSONFormat: true}),
	})
	os.Exit(0)
}

// serverOptions make one long stream cheap: fixed windows need no probing.
func serverOptions() []grpc.ServerOption {
	const window = 1 << 20
	return []grpc.ServerOption{
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window),
		grpc.MaxRecvMsgSize(16 << 20), grpc.Creds(stream.Credentials()),
	}
}

// settle makes the process one that a host can rely on.
func settle(c Checker) error {
	if info, err := describe(c); err == nil {
		// For ps and top; what it is called there is no reason to fail.
		_ = os.WriteFile("/proc/self/comm", []byte("mk:"+info.Name), 0)
	}
	// Other processes of the same user cannot read what is in here, such as
	// passwords.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("hide the memory of the process: %w", err)
	}
	if os.Getpid() == 1 {
		go reap()
	}
	keepDirectory()
	return follow(c)
}

// keepDirectory keeps the directory of the socket, which the host hands over as an open
// file, from the programs that the checker runs.
func keepDirectory() {
	text, _ := strings.CutPrefix(os.Getenv(plugin.EnvUnixSocketDir), "/proc/self/fd/")
	if fd, err := strconv.Atoi(text); err == nil && fd > 2 {
		unix.CloseOnExec(fd)
	}
}

// ending is how long a checker with a method Close may take over it.
const ending = 400 * time.Millisecond

// follow ends the process when the host's end of a pipe is closed, which the
// kernel does however the host ends. Signals are for the host: those that a
// terminal or systemd sends to all processes must not make checks fail while
// it still uses them.
func follow(c Checker) error {
	text := os.Getenv(LivenessKey)
	if text == "" {
		return nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 {
		return fmt.Errorf("%s=%q is no file to follow the host by", LivenessKey, text)
	}
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "liveness")
	// They are caught and not ignored: a program that the checker runs would
	// inherit that it ignores SIGTERM, and a shell could not even trap it.
	unheard := make(chan os.Signal, 1) // nobody reads: once full, signals are dropped
	signal.Notify(unheard, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	go func() {
		_, _ = f.Read(make([]byte, 1)) // nobody ever writes
		if x, ok := c.(interface{ Close(context.Context) error }); ok {
			ctx, cancel := context.WithTimeout(context.Background(), ending)
			_ = x.Close(ctx) // nobody is left to be told
			cancel()
		}
		os.Exit(0)
	}()
	return nil
}

// glue is go-plugin's interface to a checker.
type glue struct {
	plugin.NetRPCUnsupportedPlugin
	checker Checker
}

// GRPCServer registers the checker's service.
func (g *glue) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	checkerpb.RegisterCheckerServer(s, &server{checker: g.checker})
	return nil
}

// GRPCClient is the host's business.
func (g *glue) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("a checker has no client")
}

// server is the service.
type server struct {
	checkerpb.UnimplementedCheckerServer
	checker Checker
}

// Session is one connection of a host.
func (s *server) Session(stream grpc.BidiStreamingServer[checkerpb.FromHost, checkerpb.FromPlugin]) error {
	err := Converse(stream.Context(), s.checker, stream.Recv, stream.Send)
	if err != nil {
		slog.Error("the connection to the daemon ended", "err", err)
	}
	return err
}
