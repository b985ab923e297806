//go:build linux

package sched

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/alarm"
)

// role has the test program be something else: settings of a process stay.
const role = "MOONKEEP_SCHED_TEST"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "settings":
		err = settings()
	case "nice":
		err = nice()
	case "timing":
		err = timing()
	case "burn":
		for i := 0; ; i++ {
			_ = i
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// play runs the test program in a role.
func play(t *testing.T, as string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: priorities are its to set")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+as)
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "real-time bandwidth") {
		t.Skip("needs /sys/fs/cgroup/cpu/cpu.rt_runtime_us: this cgroup allows no real time")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// spin keeps some goroutines on threads of their own until the end.
func spin(n int) (end func()) {
	stop := make(chan struct{})
	for range n {
		go func() {
			runtime.LockOSThread()
			<-stop
		}()
	}
	time.Sleep(20 * time.Millisecond)
	return func() { close(stop) }
}

// settings makes them and looks at every thread, at those that came later, and
// at a program that was started by one that restored itself.
func settings() error {
	p, err := Current()
	if err != nil {
		return err
	}
	defer spin(5)()
	last := lastCPU(p)
	if failed := p.Apply(Settings{RealTime: 7, Nice: -3, CPUs: []int{last}, NoSwap: true, RealTimeLimit: 20 * time.Second}); len(failed) > 0 {
		return fmt.Errorf("apply: %v", failed)
	}
	defer spin(5)()
	var tids []int
	err = everyThread(func(tid int) error {
		tids = append(tids, tid)
		a, err := unix.SchedGetAttr(tid, 0)
		if err != nil {
			return err
		}
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(tid, &set); err != nil {
			return err
		}
		if a.Policy != unix.SCHED_RR || a.Priority != 7 || set.Count() != 1 || !set.IsSet(last) {
			return fmt.Errorf("thread %d: policy %d, priority %d, %d processors", tid, a.Policy, a.Priority, set.Count())
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(tids) < 11 {
		return fmt.Errorf("looked at %d threads, want those of 10 goroutines and more", len(tids))
	}
	if n := runtime.GOMAXPROCS(0); n != 1 {
		return fmt.Errorf("the runtime uses %d processors, want 1", n)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, locked, _ := strings.Cut(string(status), "VmLck:")
	if kib, _ := strconv.Atoi(strings.Fields(locked)[0]); kib < 1000 {
		return fmt.Errorf("%d KiB are locked", kib)
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := p.Restore(); err != nil {
			result <- err
			return
		}
		out, err := exec.Command("/bin/sh", "-c", "cat /proc/self/stat; grep Cpus_allowed_list /proc/self/status").Output()
		fields := strings.Fields(string(out))
		// Fields 19, 40 and 41 of proc_pid_stat(5).
		if err == nil && (fields[18] != fmt.Sprint(p.attr.Nice) || fields[39] != "0" || fields[40] != "0") {
			err = fmt.Errorf("a program runs with nice %s, priority %s, policy %s", fields[18], fields[39], fields[40])
		}
		if want := fmt.Sprint(last); err == nil && p.cpus.Count() > 1 && slices.Contains(fields, want) && fields[len(fields)-1] == want {
			err = fmt.Errorf("a program runs on processor %s only", want)
		}
		result <- err
	}()
	if err := <-result; err != nil {
		return err
	}
	if err := p.Calm(); err != nil {
		return err
	}
	a, err := unix.SchedGetAttr(0, 0)
	if err == nil && a.Policy != unix.SCHED_NORMAL {
		err = fmt.Errorf("after Calm the policy is %d", a.Policy)
	}
	return err
}

func lastCPU(p *Process) (last int) {
	for n := range len(p.cpus) * strconv.IntSize {
		if p.cpus.IsSet(n) {
			last = n
		}
	}
	return last
}

func TestSettings(t *testing.T) { play(t, "settings") }

// nice has a nice value only: whoever may not go back starts programs all the same,
// with that value, and is told so.
func nice() error {
	runtime.LockOSThread()
	for _, may := range []bool{true, false} {
		if !may {
			header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			var data [2]unix.CapUserData
			if err := unix.Capget(&header, &data[0]); err != nil {
				return err
			}
			data[0].Effective &^= 1 << unix.CAP_SYS_NICE
			if err := errors.Join(unix.Capset(&header, &data[0]), unix.Setrlimit(unix.RLIMIT_NICE, &unix.Rlimit{})); err != nil {
				return err
			}
		}
		p, err := Current()
		if err != nil {
			return err
		}
		from := int(p.attr.Nice)
		to, want := from+3, from
		if !may {
			want = to
		}
		failed := p.Apply(Settings{Nice: to})
		if told := len(failed) == 1 && strings.Contains(failed[0].Error(), fmt.Sprintf("run programs with nice value %d, and not with %d too", from, to)); told == may || len(failed) > 1 {
			return fmt.Errorf("allowed %v: apply: %v", may, failed)
		}
		err = everyThread(func(tid int) error {
			if a, err := unix.SchedGetAttr(tid, 0); err != nil || int(a.Nice) != to {
				return fmt.Errorf("allowed %v: thread %d has nice value %d, want %d: %w", may, tid, a.Nice, to, err)
			}
			return nil
		})
		if err := errors.Join(err, p.Restore()); err != nil {
			return err
		}
		if a, err := unix.SchedGetAttr(0, 0); err != nil || int(a.Nice) != want {
			return fmt.Errorf("allowed %v: a program has nice value %d, want %d: %w", may, a.Nice, want, err)
		}
	}
	return nil
}

func TestNice(t *testing.T) { play(t, "nice") }

// timing waits for alarms on one processor that others use up, with garbage to
// collect, and prints how late the later half of them was.
func timing() error {
	p, err := Current()
	if err != nil {
		return err
	}
	if failed := p.Apply(Settings{RealTime: 20, CPUs: []int{lastCPU(p)}}); len(failed) > 0 {
		return fmt.Errorf("apply: %v", failed)
	}
	a, err := alarm.New()
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	var kept [][]byte
	go func() { // makes the runtime collect some hundred times
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				kept = append(kept[max(0, len(kept)-8):], make([]byte, 1<<20))
			}
		}
	}()
	var late []time.Duration
	for range 200 {
		begin := time.Now()
		if err := a.Set(5 * time.Millisecond); err != nil {
			return err
		}
		if _, err := a.Wait(); err != nil {
			return err
		}
		late = append(late, time.Since(begin)-5*time.Millisecond)
	}
	close(stop)
	<-done
	slices.Sort(late)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.NumGC < 10 {
		return fmt.Errorf("the runtime collected %d times only", m.NumGC)
	}
	fmt.Println(late[len(late)/2].Microseconds(), late[len(late)*9/10].Microseconds(), late[len(late)-1].Microseconds())
	return a.Close()
}

// TestBesideBurners holds that real time keeps alarms in time, and the garbage
// collected, beside programs that use up the processor.
func TestBesideBurners(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: priorities are its to set")
	}
	p, err := Current()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		burner := exec.Command("taskset", "-c", strconv.Itoa(lastCPU(p)), os.Args[0])
		burner.Env = append(os.Environ(), role+"=burn", "GOMAXPROCS=1")
		if err := burner.Start(); err != nil {
			t.Skip("needs taskset: it puts the burners where they are in the way")
		}
		defer func() {
			if err := burner.Process.Kill(); err != nil {
				t.Error(err)
			}
			_ = burner.Wait() // it was killed
		}()
	}
	time.Sleep(100 * time.Millisecond)
	out := play(t, "timing")
	var median, most, worst int
	if _, err := fmt.Sscan(out, &median, &most, &worst); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	t.Logf("late by %d us at the median, %d for nine of ten, %d at the most", median, most, worst)
	// Among three burners a thread that is not in real time waits for some ms
	// each time.
	if median > 1000 || most > 5000 {
		t.Errorf("alarms were late by %d us at the median, %d us for nine of ten", median, most)
	}
}

func TestErrors(t *testing.T) {
	p, err := Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cpus []int
		want string
	}{{[]int{8191}, "there is none beyond"}, {[]int{1023}, "this host, or its cgroup, has none of them"}} {
		failed := p.Apply(Settings{CPUs: c.cpus})
		if len(failed) != 1 || !strings.Contains(failed[0].Error(), c.want) {
			t.Errorf("processors %v: %v, want %q", c.cpus, failed, c.want)
		}
	}
}
