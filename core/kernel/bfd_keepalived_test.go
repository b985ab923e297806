//go:build linux

package kernel_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/alarm"
	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// bench is a node of ours and a keepalived, with a bridge between them that
// can be cut without either interface losing its carrier.
type bench struct {
	t        *testing.T
	ours     *netnstest.Host
	theirs   *netnstest.Host
	between  *netnstest.Host
	engine   *engine.Engine
	stop     context.CancelFunc
	ended    chan error
	resigned *resignation
	sink     *hearing
	log      string // keepalived's
	process  *exec.Cmd
}

// resignation is a Kernel that notes when a priority of zero was sent.
type resignation struct {
	engine.Kernel
	mu sync.Mutex
	at []time.Time
}

func (r *resignation) Send(adverts []node.Action, errs []error) {
	for i := range adverts {
		if adverts[i].Payload[2] == 0 {
			r.mu.Lock()
			r.at = append(r.at, time.Now())
			r.mu.Unlock()
		}
	}
	r.Kernel.Send(adverts, errs)
}

// hearing is a Sink that notes when the last packet of session four was received.
type hearing struct {
	*engine.Engine
	at    atomic.Int64 // since begin
	begin time.Time
}

func (h *hearing) BFD(p *node.BFDReceived) {
	if p.Packet.Source.Is4() {
		h.at.Store(int64(time.Since(h.begin)))
	}
	h.Engine.BFD(p)
}

func (h *hearing) last() time.Time { return h.begin.Add(time.Duration(h.at.Load())) }

func (r *resignation) times() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.at)
}

func newBench(t *testing.T) *bench {
	t.Helper()
	if _, err := exec.LookPath("keepalived"); err != nil {
		t.Skip("needs keepalived (Debian: apt-get install keepalived)")
	}
	b := &bench{t: t, ours: netnstest.New(t), theirs: netnstest.New(t), between: netnstest.New(t)}
	netnstest.Must(t, b.between.Link.AddBridge("br"))
	netnstest.Must(t, b.between.Link.SetUp("br"))
	netnstest.Connect(t, b.ours, "eth0", b.between, "ours")
	netnstest.Connect(t, b.theirs, "eth0", b.between, "theirs")
	for _, port := range []string{"ours", "theirs"} {
		netnstest.Must(t, b.between.Link.SetMaster(port, "br"))
	}
	b.cut(false)
	add(t, b.ours, addr("192.0.2.1/24", "eth0"), addr("2001:db8::1/64", "eth0"))
	add(t, b.theirs, addr("192.0.2.2/24", "eth0"), addr("2001:db8::2/64", "eth0"))
	return b
}

// cut makes the bridge drop everything, or forward again.
func (b *bench) cut(cut bool) {
	b.t.Helper()
	state := link.Forwarding
	if cut {
		state = link.Disabled
	}
	netnstest.Must(b.t, b.between.Link.SetPortState("theirs", state))
}

// keepalived starts one that has the sessions and tracks them.
func (b *bench) keepalived(sessions string) {
	b.t.Helper()
	dir := b.t.TempDir()
	var names strings.Builder
	for line := range strings.Lines(sessions) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "bfd_instance" {
			fmt.Fprintf(&names, "\t\t%s weight 1\n", f[1])
		}
	}
	// What is on trial is our punctuality, not what keepalived's is on a machine
	// that other tests keep busy.
	conf := "global_defs {\n\tbfd_priority -20\n}\n" + sessions + `
vrrp_instance other {
	interface eth0
	virtual_router_id 77
	priority 100
	virtual_ipaddress {
		192.0.2.77/24
	}
	track_bfd {
` + names.String() + "\t}\n}\n"
	file := filepath.Join(dir, "keepalived.conf")
	netnstest.Must(b.t, os.WriteFile(file, []byte(conf), 0o644))
	out, err := os.Create(filepath.Join(dir, "log"))
	netnstest.Must(b.t, err)
	b.log = out.Name()
	b.process = exec.Command("keepalived", "-n", "-l", "-D", "-f", file, "-p", dir+"/p", "-r", dir+"/r", "-c", dir+"/c", "-b", dir+"/b")
	b.process.Stdout, b.process.Stderr = out, out
	b.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	b.theirs.Run(b.t, b.process.Start)
	b.t.Cleanup(func() {
		b.endKeepalived()
		out.Close()
		if b.t.Failed() {
			text, _ := os.ReadFile(b.log) // the failure is what counts
			b.t.Logf("keepalived said:\n%s", text)
		}
	})
}

// endKeepalived kills it with its children.
func (b *bench) endKeepalived() {
	if b.process.ProcessState == nil {
		_ = syscall.Kill(-b.process.Process.Pid, syscall.SIGKILL) // gone already, if anything
		_ = b.process.Wait()                                      // it was killed
	}
}

// says waits until keepalived's log has the text so many times.
func (b *bench) says(times int, text string) {
	b.t.Helper()
	if !b.said(times, text, 10*time.Second) {
		b.t.Fatalf("keepalived did not say %q %d times", text, times)
	}
}

// said reports whether it has within a limit.
func (b *bench) said(times int, text string, limit time.Duration) bool {
	b.t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		log, err := os.ReadFile(b.log)
		netnstest.Must(b.t, err)
		if strings.Count(string(log), text) >= times {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// run starts a node that owns an address (priority 255) as long as its first
// session is up.
func (b *bench) run(sessions ...node.Session) {
	b.t.Helper()
	in := node.Instance{Name: "A", Interface: "eth0", Router: vrrp.Defaults(), Sessions: []node.TrackSession{{Name: sessions[0].Name}}}
	in.Router.Version, in.Router.VRID, in.Router.Priority, in.Router.Interval = vrrp.V3, 1, 255, 10*time.Millisecond
	in.Router.Announce.Delay = 0
	a := addr("192.0.2.101/24", "eth0")
	in.Addresses, in.Router.Addresses = append(in.Addresses, a), []netip.Addr{a.Addr()}
	plan := engine.Plan{
		Node:       node.Config{Instances: []node.Instance{in}, Sessions: sessions, Seed: uint64(time.Now().UnixNano())},
		Interfaces: []string{"eth0"},
	}
	bell, err := alarm.New()
	netnstest.Must(b.t, err)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	b.engine = engine.New(plan, engine.Options{Log: log, Alarm: bell})
	b.ours.Run(b.t, func() error {
		b.sink = &hearing{Engine: b.engine, begin: time.Now()}
		k, err := kernel.Open(b.sink, kernel.Options{Log: log})
		b.resigned = &resignation{Kernel: k}
		return err
	})
	ctx, cancel := context.WithCancel(context.Background())
	b.ended = make(chan error, 1)
	go func() { b.ended <- b.engine.Run(ctx, b.resigned) }()
	b.stop = func() {
		cancel()
		if err := <-b.ended; err != nil {
			b.t.Error(err)
		}
		b.stop = func() {}
	}
	b.t.Cleanup(func() {
		b.stop()
		netnstest.Must(b.t, bell.Close())
	})
}

func (b *bench) status() *node.Status {
	b.t.Helper()
	s, _, err := b.engine.Status(context.Background())
	netnstest.Must(b.t, err)
	return s
}

// await waits until every session is in that state, and what tracks the first
// has the role.
func (b *bench) await(limit time.Duration, state bfd.State, role vrrp.Role) {
	b.t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		s := b.status()
		all := s.Instances[0].Role == role
		for _, x := range s.Sessions {
			all = all && x.State == state
		}
		if all {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("after %v: %v, sessions %+v", limit, s.Instances[0].Role, s.Sessions)
		}
	}
}

// up waits until every session is up and polls no more.
func (b *bench) up() {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		rises := func(x node.SessionStatus) bool { return x.State != bfd.Up || x.Polling }
		sessions := b.status().Sessions
		if !slices.ContainsFunc(sessions, rises) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("the sessions do not come up: %+v", sessions)
		}
	}
}

// steady waits until every session has been up for a while, and returns them.
func (b *bench) steady() []node.SessionStatus {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		b.await(10*time.Second, bfd.Up, vrrp.Master)
		s := b.status()
		young := func(x node.SessionStatus) bool {
			return x.State != bfd.Up || x.Polling || s.At.Sub(x.Since) < 300*time.Millisecond
		}
		if !slices.ContainsFunc(s.Sessions, young) {
			return s.Sessions
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("the sessions come and go: %+v", s.Sessions)
		}
	}
}

func toKeepalived(name, neighbor string, mend ...func(*bfd.Config)) node.Session {
	s := node.Session{Name: name, BFD: bfd.Defaults()}
	s.BFD.Neighbor = netip.MustParseAddr(neighbor)
	if s.BFD.Neighbor.Is6() {
		s.BFD.MinTTL = 64 // what keepalived sends
	}
	for _, f := range mend {
		f(&s.BFD)
	}
	return s
}

const bothFamilies = `
bfd_instance four {
	neighbor_ip 192.0.2.1
	%s
}
bfd_instance six {
	neighbor_ip 2001:db8::1
	%s
}
`

// TestKeepalivedBFD: with keepalived a session comes up in both families, goes
// down within the detection time that both agreed on when nothing comes
// through any more, and not before, and comes up again; an orderly stop is told.
func TestKeepalivedBFD(t *testing.T) {
	b := newBench(t)
	b.keepalived(fmt.Sprintf(bothFamilies, "", ""))
	b.run(toKeepalived("four", "192.0.2.2"), toKeepalived("six", "2001:db8::2"))
	const detection = 50 * time.Millisecond
	var took, silent []time.Duration
	// Where keepalived has to wait for a processor, the session falls before the cut;
	// such a round says nothing.
	for round := 1; round <= 15 && len(took) < 5; round++ {
		for _, s := range b.steady() {
			if s.Detection != detection || s.Interval != 10*time.Millisecond {
				t.Errorf("%s: detection %v, interval %v; want 50 ms and 10 ms", s.Name, s.Detection, s.Interval)
			}
		}
		b.says(2*round, "Entering Up state")
		before := len(b.resigned.times())
		late := lateness()
		cut := time.Now()
		b.cut(true)
		b.await(5*time.Second, bfd.Down, vrrp.Fault)
		waited := late()
		resigned, heard := b.resigned.times()[before:], b.sink.last()
		b.cut(false)
		if len(resigned) > 0 && resigned[0].Before(cut) {
			t.Logf("round %d: down before the cut", round)
			continue
		}
		if len(resigned) != 1 {
			t.Fatalf("resigned %d times, want once", len(resigned))
		}
		took, silent = append(took, resigned[0].Sub(cut)-waited), append(silent, resigned[0].Sub(heard))
	}
	t.Logf("from the cut to the advert of priority 0, less what this process had to wait for a processor: %v", took)
	t.Logf("from the last packet: %v", silent)
	slices.Sort(took)
	slices.Sort(silent)
	if len(took) < 3 || took[len(took)/2] > 80*time.Millisecond {
		t.Errorf("the median of %v is not below 80 ms", took)
	} else if silent[len(silent)/2] < detection {
		t.Errorf("after the last packet the median of %v is less than the detection time", silent)
	}
	for try := 1; ; try++ {
		b.steady()
		b.stop()
		if b.said(1, "Remote diagnostic - Administratively Down", 2*time.Second) {
			break
		}
		if try == 3 {
			t.Fatal("keepalived was not told of any stop")
		}
		t.Logf("stop %d: keepalived had taken the session down by itself", try)
		b.run(toKeepalived("four", "192.0.2.2"), toKeepalived("six", "2001:db8::2"))
	}
}

// lateness measures, until the function that it returns is called, by how much a timer
// of this process was late at the most.
func lateness() (end func() time.Duration) {
	const nap = time.Millisecond
	stop, worst := make(chan struct{}), make(chan time.Duration)
	go func() {
		most := time.Duration(0)
		for {
			select {
			case <-stop:
				worst <- most
				return
			default:
			}
			begin := time.Now()
			time.Sleep(nap)
			most = max(most, time.Since(begin)-2*nap) // as late as one is on an idle machine
		}
	}()
	return func() time.Duration {
		close(stop)
		return <-worst
	}
}

// TestKeepalivedBFDTimers: different timers on both ends, and what a reload
// changes of them.
func TestKeepalivedBFDTimers(t *testing.T) {
	b := newBench(t)
	b.keepalived(fmt.Sprintf(bothFamilies, "min_tx 30\n\tmin_rx 40\n\tmultiplier 4", "min_tx 50\n\tmin_rx 60\n\tmultiplier 5"))
	timers := func(tx, rx time.Duration, mult uint8) func(*bfd.Config) {
		return func(c *bfd.Config) { c.MinTx, c.MinRx, c.Mult = tx, rx, mult }
	}
	ms := time.Millisecond
	b.run(toKeepalived("four", "192.0.2.2", timers(20*ms, 50*ms, 3)), toKeepalived("six", "2001:db8::2", timers(80*ms, 10*ms, 5)))
	s := b.steady()
	if s[0].Interval != 40*ms || s[0].Detection != 200*ms || s[1].Interval != 80*ms || s[1].Detection != 250*ms {
		t.Errorf("four: %v, %v, want 40 ms, 200 ms; six: %v, %v, want 80 ms, 250 ms", s[0].Interval, s[0].Detection, s[1].Interval, s[1].Detection)
	}
	// Slower and more patient, then back: keepalived follows by Poll and Final. Where one
	// of them has to wait for a processor a session falls by itself, but not each time.
	reload := func(tx, rx time.Duration) {
		t.Helper()
		netnstest.Must(t, b.engine.Reload(context.Background(), engine.Plan{Node: node.Config{Sessions: []node.Session{
			toKeepalived("four", "192.0.2.2", timers(tx, rx, 3)), toKeepalived("six", "2001:db8::2", timers(80*ms, 10*ms, 5)),
		}}}))
	}
	steps := []struct{ tx, rx, interval, detection time.Duration }{
		{20 * ms, 50 * ms, 40 * ms, 200 * ms},
		{300 * ms, 400 * ms, 300 * ms, 1600 * ms},
		{20 * ms, 50 * ms, 40 * ms, 200 * ms},
	}
	for i, tt := range steps[1:] {
		for try := 1; ; try++ {
			downs := b.status().Sessions[0].Counts.Downs
			reload(tt.tx, tt.rx)
			time.Sleep(2 * time.Second)
			sessions := b.status().Sessions
			if got := sessions[0].Counts.Downs; got != downs && try < 3 {
				t.Logf("try %d: the session went down %d times", try, got-downs)
				reload(steps[i].tx, steps[i].rx)
				b.up()
				continue
			} else if got != downs {
				t.Errorf("the reload took the session down, each time; now %d times", got-downs)
			}
			for _, x := range sessions {
				if x.State != bfd.Up || x.Polling || x.Name == "four" && (x.Interval != tt.interval || x.Detection != tt.detection) {
					t.Errorf("%+v, want interval %v and detection %v", x, tt.interval, tt.detection)
				}
			}
			break
		}
	}
}

// TestKeepalivedBFDPassive: either end may be the passive one.
func TestKeepalivedBFDPassive(t *testing.T) {
	b := newBench(t)
	b.keepalived(fmt.Sprintf(bothFamilies, "passive", ""))
	b.run(toKeepalived("four", "192.0.2.2"), toKeepalived("six", "2001:db8::2", func(c *bfd.Config) { c.Passive = true }))
	b.steady()
	before := len(b.resigned.times())
	// keepalived goes without a word.
	gone := time.Now()
	b.endKeepalived()
	b.await(5*time.Second, bfd.Down, vrrp.Fault)
	if took := b.resigned.times()[before].Sub(gone); took > 300*time.Millisecond {
		t.Errorf("noticed after %v", took)
	}
}
