//go:build linux

package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/plugins/checker"
)

// The test binary is the daemon's program too: it launches, and is plugins.
func TestMain(m *testing.M) {
	switch {
	case IsLaunch():
		Launch()
	case os.Getenv(checker.CookieKey) != "":
		be(os.Args[len(os.Args)-1])
	case os.Getenv(daemonEnv) != "":
		daemon()
	case os.Getenv(ambientEnv) != "":
		ambient()
		return
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of a test; what is tested takes milliseconds.
const patience = 30 * time.Second

// quick are options under which faults are found soon.
func quick(t testing.TB) Options {
	return Options{
		Dir: filepath.Join(openDir(t), "plugins"), Log: slog.New(slog.NewTextHandler(testLog{t}, nil)),
		Ping: 200 * time.Millisecond, Silence: 1500 * time.Millisecond,
	}
}

// testLog shows the log with the test.
type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

// openDir is t.TempDir, passable for other users.
func openDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it starts processes as another user")
	}
}

// site is a host with one set, and what was answered.
type site struct {
	t    testing.TB
	host *Host
	set  *Set

	mu      sync.Mutex
	seq     uint32
	waiting map[uint32]chan node.Answer // by seq
	strange []node.Answer
}

func newSite(t testing.TB, o Options) *site {
	t.Helper()
	needRoot(t)
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, host: h, waiting: make(map[uint32]chan node.Answer)}
	t.Cleanup(s.close)
	return s
}

// close closes the host, and holds that each probe was answered once.
func (s *site) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.host.Close(ctx); err != nil {
		s.t.Errorf("close: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.strange) > 0 {
		s.t.Errorf("answered without being asked, or twice: %+v", s.strange)
	}
	if len(s.waiting) > 0 {
		s.t.Errorf("%d probes were never answered", len(s.waiting))
	}
}

// open opens a plan in place of the one before.
func (s *site) open(p Plan) {
	s.t.Helper()
	set, err := s.host.Open(p)
	if err != nil {
		s.t.Fatal(err)
	}
	set.Begin(s.take)
	if s.set != nil {
		s.set.Close()
	}
	s.set = set
}

func (s *site) take(_ uint32, answers []node.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range answers {
		c := s.waiting[a.Seq]
		if c == nil {
			s.strange = append(s.strange, a)
			continue
		}
		delete(s.waiting, a.Seq)
		c <- a
	}
}

// start begins probes of checks; what comes of each is in the channels.
func (s *site) start(numbers ...uint32) []chan node.Answer {
	asks := make([]node.Ask, len(numbers))
	channels := make([]chan node.Answer, len(numbers))
	s.mu.Lock()
	for i, n := range numbers {
		s.seq++
		channels[i] = make(chan node.Answer, 1)
		s.waiting[s.seq] = channels[i]
		asks[i] = node.Ask{Check: n, Seq: s.seq}
	}
	s.mu.Unlock()
	s.set.Start(1, asks)
	return channels
}

// wait waits for an answer.
func (s *site) wait(c chan node.Answer) node.Answer {
	s.t.Helper()
	select {
	case a := <-c:
		return a
	case <-time.After(patience):
		s.t.Fatal("a probe was not answered")
	}
	return node.Answer{}
}

// probe probes one check and waits.
func (s *site) probe(number uint32) node.Answer {
	s.t.Helper()
	return s.wait(s.start(number)[0])
}

// recovers waits until a check is ok again, and returns how long that took.
func (s *site) recovers(number uint32) time.Duration {
	s.t.Helper()
	begin := time.Now()
	for {
		a := s.probe(number)
		if a.Verdict == health.OK {
			return time.Since(begin)
		}
		if a.Verdict == health.Failed {
			s.t.Errorf("a check failed because of its plugin: %s", a.Message)
		}
		if time.Since(begin) > patience {
			s.t.Fatalf("the check has not recovered: %s", a.Message)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// status is that of the only process.
func (s *site) status() Status {
	s.t.Helper()
	list := s.host.Status()
	if len(list) != 1 {
		s.t.Fatalf("%d processes: %+v", len(list), list)
	}
	return list[0]
}

// eventually waits until something holds.
func (s *site) eventually(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// check is one of a kind, whose option says what it does.
func check(number uint32, kind, do string) Check {
	options, err := json.Marshal(map[string]string{"do": do})
	if err != nil {
		panic(err)
	}
	return Check{number, &Subject{
		Kind: kind, Identity: fmt.Sprint(kind, do), Label: fmt.Sprintf("%s %d", kind, number),
		Target: checker.Target{Address: netip.MustParseAddrPort("192.0.2.1:80"), Timeout: time.Second}, Options: options,
		Limit: 10 * time.Second, Patience: 12 * time.Second,
	}}
}

// good is a checker that does what its option says.
type good struct{ name string }

func (g good) Info() checker.Info {
	return checker.Info{Name: g.name, Version: "1", Doc: "does what it is told", Options: []checker.Option{{Name: "do", Type: "string"}}}
}

func (g good) Prepare(t checker.Target, o checker.Options) (checker.Probe, error) {
	var in struct {
		Do string `json:"do"`
	}
	if err := o.Decode(&in); err != nil {
		return nil, err
	}
	if strings.HasPrefix(in.Do, "remember") {
		p := &remembers{badly: in.Do == "remember badly"}
		if t.Weight != nil {
			p.weight = *t.Weight
		}
		return p, nil
	}
	do := actions[in.Do]
	if do == nil {
		return nil, fmt.Errorf("do %q is not known", in.Do)
	}
	return probe(func(ctx context.Context) checker.Result { return do(ctx, t) }), nil
}

// light is good, and runs its probes itself, as TCP_CHECK and HTTP_GET do.
type light struct{ good }

func (light) Light() bool { return true }

func (light) Run(list []checker.Turn) []checker.Turn {
	for _, t := range list {
		t.Do()
	}
	return nil
}

// heavy is light, and leaves one kind of probes to goroutines, as HTTP_GET does
// those that compute.
type heavy struct{ light }

func (h heavy) Prepare(t checker.Target, o checker.Options) (checker.Probe, error) {
	p, err := h.good.Prepare(t, o)
	if err == nil && t.Address.Port() == 81 {
		p = computes{p}
	}
	return p, err
}

type computes struct{ probe checker.Probe }

func (c computes) Probe(ctx context.Context) checker.Result { return c.probe.Probe(ctx) }

func (h heavy) Run(list []checker.Turn) (others []checker.Turn) {
	for _, t := range list {
		if _, ok := t.Probe.(computes); ok {
			others = append(others, t)
			continue
		}
		t.Do()
	}
	return others
}

// never is light by its type, and says that it is not, as SSL_GET does.
type never struct{ light }

func (never) Light() bool { return false }

type probe func(ctx context.Context) checker.Result

func (p probe) Probe(ctx context.Context) checker.Result { return p(ctx) }

var actions = map[string]func(context.Context, checker.Target) checker.Result{
	"ok": func(_ context.Context, t checker.Target) checker.Result {
		w := 7
		return checker.Result{Verdict: checker.OK, Message: t.Address.String(), Weight: &w, Details: []checker.Detail{{Name: "a", Text: "b"}}}
	},
	"processors": func(context.Context, checker.Target) checker.Result {
		return checker.Result{Verdict: checker.OK, Message: fmt.Sprint(runtime.GOMAXPROCS(0))}
	},
	"fail": func(context.Context, checker.Target) checker.Result {
		return checker.Result{Verdict: checker.Failed, Message: "no"}
	},
	"left": func(ctx context.Context, _ checker.Target) checker.Result {
		end, _ := ctx.Deadline()
		return checker.Result{Verdict: checker.OK, Message: time.Until(end).Round(time.Millisecond).String()}
	},
	"wait": func(ctx context.Context, _ checker.Target) checker.Result {
		<-ctx.Done()
		return checker.Result{Verdict: checker.Failed, Message: "time is up"}
	},
	"ids": func(context.Context, checker.Target) checker.Result {
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return checker.Result{Message: err.Error()}
		}
		var out []string
		for line := range strings.Lines(string(status)) {
			name, value, _ := strings.Cut(line, ":")
			switch name {
			case "Uid", "Gid", "Groups", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp":
				out = append(out, name+"="+strings.Join(strings.Fields(value), ","))
			}
		}
		return checker.Result{Verdict: checker.OK, Message: strings.Join(out, " ")}
	},
	"env": func(context.Context, checker.Target) checker.Result {
		var names []string
		for _, v := range os.Environ() {
			name, _, _ := strings.Cut(v, "=")
			names = append(names, name)
		}
		return checker.Result{Verdict: checker.OK, Message: strings.Join(names, " ")}
	},
}

// closedPort is where nobody listens.
func closedPort(t testing.TB) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}
