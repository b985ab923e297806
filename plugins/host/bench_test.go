//go:build linux

package host

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/node"
)

// cpu is the processor's time that this process and another have had.
func cpu(t testing.TB, pid int) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	sum := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	if pid == 0 {
		return sum
	}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("the tasks of process %d: %v", pid, err)
	}
	for _, f := range tasks {
		var ran int64
		b, err := os.ReadFile(f)
		if err != nil {
			continue // a thread that ended
		}
		if _, err := fmt.Sscan(string(b), &ran); err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(ran)
	}
	return sum
}

// BenchmarkProbes compares a probe through a plugin with the same in process: one
// that runs its probes itself, as TCP_CHECK and HTTP_GET do, and one that has a
// goroutine for each. It is at so many a second, on the schedule of checks that have
// an interval of a second, and with each probe on its own, which no schedule of the
// daemon asks for and shows what a message costs. What counts is us-cpu/probe: the
// processor's time of both sides. Run it with -benchtime 5000x, which makes it take 5 s
// at 1,000 a second.
func BenchmarkProbes(b *testing.B) {
	for _, at := range []pattern{{1000, grid}, {10000, grid}, {1000, time.Millisecond}, {10000, time.Millisecond}} {
		b.Run(fmt.Sprintf("in process/%s", at), func(b *testing.B) {
			c := check(0, "GOOD", "ok")
			do := actions["ok"]
			answers := make(chan struct{}, 1024)
			measure(b, at, 0, func(_, n uint32) {
				for range n {
					ctx, cancel := context.WithTimeout(context.Background(), c.Limit)
					go func() {
						do(ctx, c.Target)
						cancel()
						answers <- struct{}{}
					}()
				}
			}, func() { <-answers })
		})
		b.Run(fmt.Sprintf("plugin/%s", at), func(b *testing.B) { through(b, "LIGHT", at) })
		b.Run(fmt.Sprintf("plugin with a goroutine each/%s", at), func(b *testing.B) { through(b, "GOOD", at) })
	}
}

// grid is that on which the daemon begins checks with an interval of a second, see
// core/node: those that are due within it begin together.
const grid = time.Second / 20

// pattern is how probes begin.
type pattern struct {
	rate int           // of a second
	step time.Duration // those that are due within it begin together
}

func (p pattern) String() string {
	if p.step == grid {
		return fmt.Sprintf("%d a second", p.rate)
	}
	return fmt.Sprintf("%d a second, every %s", p.rate, p.step)
}

// through measures probes of a plugin.
func through(b *testing.B, kind string, at pattern) {
	needRoot(b)
	h, err := New(Options{Dir: filepath.Join(b.TempDir(), "plugins")})
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close(context.Background())
	const n = 1000
	var p Plan
	for i := range uint32(n) {
		c := check(i, kind, "ok")
		c.Identity = fmt.Sprint(i)
		p.Checks = append(p.Checks, c)
	}
	set, err := h.Open(p)
	if err != nil {
		b.Fatal(err)
	}
	answers := make(chan struct{}, 1<<16)
	set.Begin(func(_ uint32, list []node.Answer) {
		for _, a := range list {
			if a.Verdict != health.OK {
				b.Errorf("answered %+v", a)
			}
			answers <- struct{}{}
		}
	})
	for i := range uint32(n) { // all are prepared when it begins
		set.Start(1, []node.Ask{{Check: i}})
	}
	for range n {
		<-answers
	}
	var asks []node.Ask
	measure(b, at, h.Status()[0].Pid, func(i, some uint32) {
		asks = asks[:0]
		for k := i; k < i+some; k++ {
			asks = append(asks, node.Ask{Check: k % n, Seq: k})
		}
		set.Start(1, asks)
	}, func() { <-answers })
}

// measure starts b.N probes in a pattern, some from one on at a time, and waits for each
// of their answers.
func measure(b *testing.B, at pattern, pid int, start func(from, some uint32), wait func()) {
	before, self0 := cpu(b, pid), cpu(b, 0)
	b.ResetTimer()
	begin := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range b.N {
			wait()
		}
	}()
	for i := 0; i < b.N; {
		due := min(b.N, int(time.Since(begin)*time.Duration(at.rate)/time.Second)+1)
		start(uint32(i), uint32(due-i))
		i = due
		time.Sleep(at.step)
	}
	<-done
	b.StopTimer()
	if pid != 0 {
		b.ReportMetric(float64((cpu(b, 0)-self0).Nanoseconds())/1000/float64(b.N), "us-host/probe")
	}
	b.ReportMetric(float64((cpu(b, pid)-before).Nanoseconds())/1000/float64(b.N), "us-cpu/probe")
}

// TestRate is 10,000 probes a second for a second, spread over 10,000 checks:
// each is answered in its time, and the process lives on. The rate itself is what
// `make bench` looks at, on a quiet machine.
func TestRate(t *testing.T) {
	s := newSite(t, quick(t))
	n := 10000
	if raceDetector {
		n = 1000 // its cost is beyond the rate
	}
	var p Plan
	for i := range uint32(n) {
		c := check(i, "GOOD", "ok")
		c.Identity = fmt.Sprint(i)
		p.Checks = append(p.Checks, c)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s.open(p)
	var channels []chan node.Answer
	begin := time.Now()
	for i := uint32(0); i < uint32(n); i += 100 {
		numbers := make([]uint32, 100)
		for k := range numbers {
			numbers[k] = i + uint32(k)
		}
		channels = append(channels, s.start(numbers...)...)
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / 10000)))
	}
	for _, c := range channels {
		if a := s.wait(c); a.Verdict != health.OK {
			t.Fatalf("answered %+v", a)
		}
	}
	t.Logf("%d probes of %d checks in %s", n, n, time.Since(begin))
	channels = nil
	runtime.GC()
	runtime.ReadMemStats(&after)
	// The plan itself is the caller's; it is still there.
	per := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / int64(n)
	t.Logf("%d bytes of heap a check", per)
	if per > 6<<10 {
		t.Errorf("%d bytes of heap a check, more than 6 KiB", per)
	}
	if st := s.status(); st.Failures != 0 || st.Unknown != 0 || st.Late != 0 {
		t.Errorf("status %+v", st)
	}
	runtime.KeepAlive(p)
}
