//go:build linux

package host

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec of messages

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
	"github.com/moonkeep/moonkeep/plugins/checker/stream"
)

// link carries messages to and from one process. send and recv are called by
// one goroutine each; close makes both return.
type link interface {
	send(*checkerpb.FromHost) error
	recv() (*checkerpb.FromPlugin, error)
	close()
}

const (
	// maxReceive bounds one message of a plugin, in bytes.
	maxReceive = 4 << 20
	// maxHeaders bounds the headers of an answer by HTTP/2, in bytes.
	maxHeaders = 64 << 10
	// maxLine bounds what a plugin says first, and a line of its errors.
	maxLine = 4 << 10
	window  = 1 << 20
)

// starter starts one process and connects to it. It is the runner by which
// go-plugin does so: go-plugin negotiates and makes the connection, and the
// process is ours from its start to its end.
type starter struct {
	spawner *spawner
	spec    spec
	said    func(line string) // a line on its standard error; by one goroutine
	relayed func(line string) // the same by go-plugin, on a goroutine that nobody waits for; nil drops it
	proc    *process
	edition edition
	first   []byte        // its first line, with the end of line
	out     *bufio.Reader // what follows
	last    *tail
	client  *plugin.Client
	// watching is closed when it is started, or could not be.
	watching chan struct{}
	watched  chan struct{} // closed when watch has returned
	read     chan struct{} // closed when its standard error has ended
	printed  atomic.Int64  // bytes on its standard output that are no message
	filled   atomic.Bool   // it was ended for what it made in the directory of its socket

	file  *os.File // the program, until it is started
	begun func()   // lets the next begin

	mu       sync.Mutex // guards proc while it starts, and what follows
	aborted  bool
	unwanted chan struct{} // closed when aborted is set; nil before start and then
}

// errUnwanted is a start that was called off.
var errUnwanted = errors.New("it was no longer wanted")

// abort ends the process by force, or has it not start. Any goroutine may
// call it; it does not wait.
func (s *starter) abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aborted = true
	if s.unwanted != nil {
		close(s.unwanted)
		s.unwanted = nil
	}
	if s.proc != nil {
		s.proc.kill()
	}
}

// turn waits until no other process is about to begin. The time that a start may take
// counts from then on: the first ones of many may be slow.
func (s *starter) turn() error {
	unwanted := make(chan struct{})
	s.mu.Lock()
	aborted := s.aborted
	if !aborted {
		s.unwanted = unwanted
	}
	s.mu.Unlock()
	if aborted {
		return errUnwanted
	}
	select {
	case s.spawner.turns <- struct{}{}:
	case <-unwanted:
		return errUnwanted
	case <-s.spawner.quit:
		return ErrClosed
	}
	s.begun = sync.OnceFunc(func() { <-s.spawner.turns })
	return nil
}

// begin starts the process, unless it is too late for that.
func (s *starter) begin() error {
	defer s.begun()
	s.mu.Lock()
	aborted := s.aborted
	s.mu.Unlock()
	if aborted {
		return errUnwanted
	}
	p, err := s.spawner.spawn(s.spec, s.file)
	if err != nil {
		return err // and s.proc is to stay nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc = p; s.aborted {
		p.kill()
	}
	return nil
}

// errLines says that the process speaks lines of JSON.
var errLines = errors.New("the plugin speaks lines")

// start starts the process. Whatever it returns, finish has to be called.
func (s *starter) start(ctx context.Context, base string, timeout time.Duration) (link, error) {
	s.last = &tail{}
	var err error
	if s.file, err = open(s.spec.plugin); err != nil {
		return nil, err
	}
	defer s.file.Close()
	if s.edition, err = editionOf(s.file); err != nil {
		return nil, err
	}
	if err := s.turn(); err != nil {
		return nil, err
	}
	defer s.begun()
	s.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  checker.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{checker.Protocol: {checker.PluginName: connector{}}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		SkipHostEnv:      true,
		StartTimeout:     timeout,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: base},
		Logger:           hclog.NewNullLogger(), // what it has to say, it returns
		Stderr:           io.Discard,
		SyncStdout:       &printed{count: &s.printed},
		SyncStderr:       &printed{line: s.relayed},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithContextDialer(s.dial), grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window),
			grpc.WithMaxHeaderListSize(maxHeaders),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReceive), grpc.ForceCodecV2(frugal{encoding.GetCodecV2("proto")})),
		},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, dir string) (runner.Runner, error) {
			s.spec.dir = dir
			s.spec.env = environment(cmd.Env, s.spec)
			return s, nil
		},
	})
	over := make(chan struct{})
	defer close(over)
	s.watching = over
	_, err = s.client.Start()
	if errors.Is(err, errLines) {
		if err := s.enclose(); err != nil {
			return nil, err
		}
		return newLines(s.proc, s.first, s.out), nil
	}
	if err != nil && len(s.first) > 0 && bytes.IndexByte(s.first, '|') < 0 {
		err = fmt.Errorf("it did not greet but printed %q; a plugin's first line is that of go-plugin, or an object of JSON", bytes.TrimRight(s.first[:min(len(s.first), 60)], "\r\n"))
	}
	if err != nil {
		return nil, s.explain(err)
	}
	// Nobody needs what it prints; it must be able to go on printing.
	go s.drain()
	c, err := s.client.Client()
	if err != nil {
		return nil, s.explain(err)
	}
	raw, err := c.Dispense(checker.PluginName)
	if err != nil {
		return nil, s.explain(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	stream, err := raw.(checkerpb.CheckerClient).Session(ctx)
	if err != nil {
		cancel()
		return nil, s.explain(err)
	}
	if err := s.enclose(); err != nil {
		cancel()
		return nil, err
	}
	return &streamLink{stream, cancel}, nil
}

// explain adds what a process that failed to start said last, and has an error that
// repeats words of the process be safe to print.
func (s *starter) explain(err error) error {
	if s.filled.Load() {
		return errFiles
	}
	var explained *startError
	if s.proc == nil || errors.As(err, &explained) {
		return err
	}
	// Its last words come a moment after its end.
	select {
	case <-s.read:
	case <-time.After(100 * time.Millisecond):
	}
	return &startError{err, s.words()}
}

// words are what the process said last, and what to do about it where that is known.
func (s *starter) words() string {
	words := s.last.String()
	if p := s.spec.plugin; p.Processes == 0 && !p.Plain && strings.Contains(words, "fork") {
		words += " (it may start no process; processes of plugins, or --processes, allows some)"
	}
	return words
}

// startError is a start that failed, with the last words of the process.
type startError struct {
	error
	words string
}

func (e *startError) Error() string {
	text := e.error.Error()
	if e.words != "" {
		text += "; it said: " + e.words
	}
	return printable(text)
}

func (e *startError) Unwrap() error { return e.error }

// finish removes what the start of a process left behind, after it has ended.
// It kills the process if it has not.
func (s *starter) finish() {
	if s.proc != nil {
		s.proc.kill()
		<-s.proc.done
		<-s.watched // it looks at the directory that is closed next
		s.proc.close()
		<-s.read
	}
	if s.client != nil {
		// Only now: go-plugin would wait for an answer of the process.
		s.client.Kill()
	}
}

// environment is what a plugin sees: go-plugin's words, a search path, the
// language and the time zone, and nothing else of the daemon's.
func environment(words []string, sp spec) []string {
	env := []string{fmt.Sprintf("%s=%d", checker.LivenessKey, fdLiveness)}
	for _, w := range words {
		if strings.HasPrefix(w, plugin.EnvUnixSocketDir+"=") {
			// The way to the directory may be closed to the plugin's user,
			// and too long for a socket.
			w = fmt.Sprintf("%s=/proc/self/fd/%d", plugin.EnvUnixSocketDir, fdDir)
		}
		env = append(env, w)
	}
	path := os.Getenv("PATH")
	if path == "" {
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	env = append(env, "PATH="+path)
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if name == "LANG" || name == "TZ" || strings.HasPrefix(name, "LC_") {
			env = append(env, v)
		}
	}
	if sp.plugin.Memory > 0 && !sp.plugin.Plain {
		// Go's collector tries harder before the kernel refuses.
		env = append(env, fmt.Sprintf("GOMEMLIMIT=%d", sp.plugin.Memory*7/10))
	}
	return slices.Concat(env, raceEnv(), sp.env)
}

// Start is the runner's.
func (s *starter) Start(ctx context.Context) error {
	if err := s.begin(); err != nil {
		return err
	}
	s.watched = make(chan struct{})
	go func() {
		defer close(s.watched)
		s.watch(s.watching)
	}()
	s.read = make(chan struct{})
	go func() {
		defer close(s.read)
		s.listen()
	}()
	if deadline, ok := ctx.Deadline(); ok {
		if err := s.proc.stdout.SetReadDeadline(deadline); err != nil {
			return fmt.Errorf("wait for the plugin: %w", err)
		}
	}
	s.out = bufio.NewReaderSize(s.proc.stdout, maxLine)
	var err error
	s.first, err = s.out.ReadSlice('\n')
	s.first = append([]byte(nil), s.first...)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return s.explain(errors.New("it said nothing in time; a plugin greets first"))
	case errors.Is(err, io.EOF):
		select {
		case <-s.proc.done:
			return s.explain(fmt.Errorf("it %s before it greeted", s.proc.ended()))
		case <-ctx.Done():
		}
		return s.explain(errors.New("it closed its standard output before it greeted"))
	case errors.Is(err, bufio.ErrBufferFull) && s.first[0] != '{':
		return fmt.Errorf("it did not greet but printed %q", s.first[:60])
	case err != nil && !errors.Is(err, bufio.ErrBufferFull):
		return fmt.Errorf("read its greeting: %w", err)
	}
	if err := s.proc.stdout.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("wait for the plugin: %w", err)
	}
	if s.first[0] == '{' {
		return errLines
	}
	return nil
}

// heard takes a line of the plugin's errors.
func (s *starter) heard(text string) {
	if text != "" && s.last.add(text) {
		s.said(text)
	}
}

// listen hands on what the plugin writes to its standard error.
func (s *starter) listen() {
	in := &paced{r: s.proc.stderr}
	r := bufio.NewReaderSize(in, maxLine)
	for {
		line, err := r.ReadSlice('\n')
		in.lines(1)
		s.heard(strings.TrimRight(string(line), "\r\n"))
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// drain reads and counts until the end, which comes with that of the process.
func (s *starter) drain() {
	b := make([]byte, 4<<10)
	out := &paced{r: s.out}
	for {
		n, err := out.Read(b)
		s.printed.Add(int64(n))
		if err != nil {
			return
		}
	}
}

// dial connects to the plugin's socket, and makes sure that it is the
// plugin's: a name in its directory may lead anywhere.
func (s *starter) dial(ctx context.Context, _ string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", s.address())
	if err != nil {
		return nil, err
	}
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	var peer *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		failed = err
	}
	if failed == nil && peer.Uid != s.proc.uid {
		failed = fmt.Errorf("the socket of the plugin is user %d's, not user %d's", peer.Uid, s.proc.uid)
	}
	if failed != nil {
		conn.Close()
		return nil, failed
	}
	return &pacedConn{Conn: stream.Wrap(conn)}, nil
}

// address is the socket that the plugin greeted with.
func (s *starter) address() string {
	parts := strings.Split(strings.TrimSpace(string(s.first)), "|")
	if len(parts) < 4 {
		return ""
	}
	// A path would be cut off at 107 bytes.
	return fmt.Sprintf("/proc/self/fd/%d/%s", s.proc.dir.Fd(), filepath.Base(parts[3]))
}

// PluginToHost is the runner's: the plugin knows its directory by another name.
func (s *starter) PluginToHost(network, _ string) (string, string, error) {
	if network != "unix" {
		return "", "", fmt.Errorf("it listens on %q and not on a unix socket in %s", network, plugin.EnvUnixSocketDir)
	}
	return network, s.address(), nil
}

// HostToPlugin is the runner's; the host listens on nothing.
func (s *starter) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// Stdout is the runner's: the first line, which greets.
func (s *starter) Stdout() io.ReadCloser { return io.NopCloser(strings.NewReader(string(s.first))) }

// Stderr is the runner's; listen has the real one.
func (s *starter) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name is the runner's.
func (s *starter) Name() string { return s.spec.plugin.Name }

// ID is the runner's.
func (s *starter) ID() string { return "process" }

// Diagnose is the runner's.
func (s *starter) Diagnose(context.Context) string {
	return "a plugin's first line is that of go-plugin, or an object of JSON"
}

// Wait is the runner's.
func (s *starter) Wait(context.Context) error {
	<-s.proc.done
	return nil
}

// Kill is the runner's.
func (s *starter) Kill(context.Context) error {
	if s.proc != nil {
		s.proc.kill()
	}
	return nil
}

// connector is go-plugin's way to the client of a service.
type connector struct{ plugin.NetRPCUnsupportedPlugin }

func (connector) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the host serves nothing")
}

func (connector) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return checkerpb.NewCheckerClient(c), nil
}

// streamLink is a link by gRPC.
type streamLink struct {
	stream grpc.BidiStreamingClient[checkerpb.FromHost, checkerpb.FromPlugin]
	cancel context.CancelFunc
}

func (l *streamLink) send(m *checkerpb.FromHost) error     { return l.stream.Send(m) }
func (l *streamLink) recv() (*checkerpb.FromPlugin, error) { return l.stream.Recv() }
func (l *streamLink) close()                               { l.cancel() }
