package engine

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const interval = 100 * time.Millisecond

var (
	local = netip.MustParseAddr("192.0.2.1")
	peer  = netip.MustParseAddr("192.0.2.2")
)

// call is one call of the fake kernel: when, and what in words.
type call struct {
	at   time.Duration
	what string
}

// fakeKernel writes down what it is asked for. Before each call it runs the
// hook, which may block, panic or return an error. Its zero value is not ready.
type fakeKernel struct {
	start time.Time
	// sink is told that all watched interfaces are up. Nil means nobody is.
	sink Sink
	hook func(what string) error

	mu     sync.Mutex
	calls  []call
	stands []netspec.Address
	bfd    bool // sessions were named
}

func newKernel() *fakeKernel {
	return &fakeKernel{start: time.Now(), hook: func(string) error { return nil }}
}

// on makes calls that begin with the prefix run f.
func (k *fakeKernel) on(prefix string, f func() error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := k.hook
	k.hook = func(what string) error {
		if strings.HasPrefix(what, prefix) {
			return f()
		}
		return next(what)
	}
}

func (k *fakeKernel) note(format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	k.mu.Lock()
	k.calls = append(k.calls, call{time.Since(k.start), what})
	hook := k.hook
	k.mu.Unlock()
	return hook(what)
}

// made returns what was asked for so far, the calls that begin with one of the
// prefixes, or all.
func (k *fakeKernel) made(prefixes ...string) []string {
	var list []string
	for _, c := range k.timed(prefixes...) {
		list = append(list, c.what)
	}
	return list
}

func (k *fakeKernel) timed(prefixes ...string) []call {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []call
	for _, c := range k.calls {
		if len(prefixes) == 0 || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(c.what, p) }) {
			list = append(list, c)
		}
	}
	return list
}

func (k *fakeKernel) Watch(interfaces []string, channels []netspec.Channel) error {
	var where []string
	for _, c := range channels {
		if !slices.Contains(where, c.Interface) {
			where = append(where, c.Interface)
		}
	}
	if err := k.note("watch %s %s", strings.Join(interfaces, ","), strings.Join(where, ",")); err != nil {
		return err
	}
	if k.sink != nil {
		for _, name := range interfaces {
			index := int(name[len(name)-1]-'0') + 1 // eth0 is 1
			k.sink.Event(&node.Link{Name: name, Exists: true, Up: true, Index: index, Primary: local})
		}
	}
	return nil
}

// send notes the priority of the advert.
func (k *fakeKernel) send(a *node.Action) error {
	return k.note("send %s %d", a.Instance, a.Payload[2])
}

func (k *fakeKernel) Sessions(list []bfd.Config) error {
	if len(list) == 0 && !k.bfd {
		return nil // most tests have none and do not look
	}
	k.bfd = true
	var names []string
	for _, c := range list {
		names = append(names, c.Neighbor.String())
	}
	return k.note("sessions %s", strings.Join(names, ","))
}

func (k *fakeKernel) SendBFD(a *node.Action) error {
	c, _ := bfd.Decode(a.Payload) // the state is good in any case
	return k.note("bfd %s %v", a.Session, c.State)
}

func (k *fakeKernel) Claim(list []Holding, errs []error) {
	for i, h := range list {
		word := "claim"
		if h.NoAccept {
			word = "close"
		}
		errs[i] = k.note("%s %s %s", word, h.Instance, words(h.Addresses))
		if errs[i] == nil {
			k.mu.Lock()
			k.stands = append(k.stands, h.Addresses...)
			k.mu.Unlock()
		}
	}
}

func (k *fakeKernel) Release(list []Holding, errs []error) {
	for i, h := range list {
		errs[i] = k.note("release %s %s", h.Instance, words(h.Addresses))
	}
}

func (k *fakeKernel) SetRouting(instance string, r netspec.Routing) error {
	return k.note("route %s %v", instance, r)
}

func (k *fakeKernel) ClearRouting(r netspec.Routing) error { return k.note("clear %v", r) }

func (k *fakeKernel) HeldRouting(r netspec.Routing) (netspec.Routing, error) { return r, nil }

func (k *fakeKernel) Announce(instance string, addresses []netspec.Address, rounds int, may func() bool) error {
	if !may() {
		return nil
	}
	return k.note("announce %s %s %d", instance, words(addresses), rounds)
}

func (k *fakeKernel) Hush(instance string, addresses []netspec.Address) {
	k.note("hush %s %s", instance, words(addresses))
}

func (k *fakeKernel) Held(addresses []netspec.Address) ([]netspec.Address, error) {
	if err := k.note("held %s", words(addresses)); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var there []netspec.Address
	for _, a := range addresses {
		if slices.Contains(k.stands, a) {
			there = append(there, a)
		}
	}
	return there, nil
}

func (k *fakeKernel) Close() error { return k.note("close") }

// fakeChecks runs a function.
type fakeChecks func(ctx context.Context, script string) node.Checked

func (f fakeChecks) Run(ctx context.Context, script string) node.Checked { return f(ctx, script) }

// fakeNotifier notes in the kernel's list, so that both have one order.
type fakeNotifier struct {
	kernel *fakeKernel
	drain  func(context.Context) error
}

func (n *fakeNotifier) Notify(c node.Change) {
	_ = n.kernel.note("notify %s %v", c.Name, c.To) // a fake without hooks for it
}

func (n *fakeNotifier) Drain(ctx context.Context) error {
	_ = n.kernel.note("drain") // a fake without hooks for it
	if n.drain == nil {
		return nil
	}
	return n.drain(ctx)
}

// buffer is a log that tests read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) all() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *buffer) count(part string) int { return strings.Count(b.all(), part) }

// running is an engine with its fakes.
type running struct {
	*Engine
	kernel *fakeKernel
	log    *buffer
	cancel context.CancelFunc
	err    chan error
}

// prepare makes an engine that does not run yet.
func prepare(plan Plan, opts Options) *running {
	r := &running{kernel: newKernel(), log: new(buffer), err: make(chan error, 1)}
	if opts.Log == nil {
		opts.Log = slog.New(slog.NewTextHandler(r.log, nil))
	}
	if n, ok := opts.Notifier.(*fakeNotifier); ok {
		n.kernel = r.kernel
	}
	r.Engine = New(plan, opts)
	r.kernel.sink = r.Engine
	return r
}

func (r *running) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.err <- r.Run(ctx, r.kernel) }()
}

// after lets the clock run and waits until all is quiet.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// end stops the engine and returns how long that took and what Run returned.
func (r *running) end() (time.Duration, error) {
	begin := time.Now()
	r.cancel()
	err := <-r.err
	return time.Since(begin), err
}

// stop ends the engine and the test if that fails.
func (r *running) stop(t *testing.T) {
	t.Helper()
	if _, err := r.end(); err != nil {
		t.Fatalf("stop: %v", err)
	}
}

// address is a virtual address on eth0.
func address(text string) netspec.Address {
	return netspec.Address{Prefix: netip.MustParsePrefix(text), Device: "eth0"}
}

func words(list []netspec.Address) string {
	var all []string
	for _, a := range list {
		all = append(all, a.Addr().String())
	}
	return strings.Join(all, ",")
}

// instance is a virtual router on eth0 that becomes master some 400 ms after
// the start, or at once with priority 255.
func instance(name string, vrid, priority uint8, addresses ...string) node.Instance {
	r := vrrp.Defaults()
	r.Version, r.VRID, r.Priority, r.Interval = vrrp.V3, vrid, priority, interval
	r.Announce.Delay = 0
	in := node.Instance{Name: name, Interface: "eth0", Router: r}
	for _, text := range addresses {
		a := address(text)
		in.Addresses = append(in.Addresses, a)
		in.Router.Addresses = append(in.Router.Addresses, a.Addr())
	}
	return in
}

func planOf(instances ...node.Instance) Plan {
	return Plan{Node: node.Config{Instances: instances}, Interfaces: []string{"eth0"}}
}

// one is the plan of one owner.
func one() Plan { return planOf(instance("VI_1", 1, 255, "192.0.2.100/24")) }

// fill makes p an advert of the peer for the instance.
func fill(p *node.Received, in *node.Instance, priority uint8) *node.Received {
	group := vrrp.Group(false)
	p.Packet = vrrp.Packet{
		Interface: in.Interface, Source: peer, Destination: group, TTL: vrrp.TTL,
		Payload: in.Router.Append(p.Packet.Payload[:0], priority, peer, group),
	}
	return p
}

func equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// Send implements Kernel.
func (k *fakeKernel) Send(adverts []node.Action, errs []error) { sendEach(k.send, adverts, errs) }

// sendEach sends one advert after the other.
func sendEach(send func(*node.Action) error, adverts []node.Action, errs []error) {
	for i := range adverts {
		errs[i] = send(&adverts[i])
	}
}
