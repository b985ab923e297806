package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// ipvsadm runs it on the director and returns what it printed.
func (d *director) ipvsadm(t *testing.T, args ...string) (text string) {
	t.Helper()
	d.Run(t, func() error {
		out, err := exec.Command("ipvsadm", args...).CombinedOutput()
		text = strings.TrimSpace(string(out))
		return err
	})
	return text
}

// TestGuestFlush: lvs_flush empties the table at the start only; lvs_flush_on_stop
// empties it at the stop, or with VS leaves what is somebody else's. The time limits
// are what they were as soon as nobody asks for others.
func TestGuestFlush(t *testing.T) {
	needIPVS(t)
	const (
		own     = "-A -t 10.1.0.100:80 -s rr"
		foreign = "-A -t 10.8.0.1:80 -s wlc"
	)
	site := func(settings, weight string) string {
		return "global_defs {\n lvs_flush\n " + settings + "\n}\n" +
			"virtual_server 10.1.0.100 80 {\n lvs_sched rr\n lvs_method NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n  weight " + weight + "\n }\n}\n"
	}
	server := func(weight string) string { return "-a -t 10.1.0.100:80 -r 10.2.0.1:80 -m -w " + weight }
	// One after the other would wait twice.
	type run struct {
		*director
		onStop string
		left   []string
		before string
		reload func(settings, weight string)
		stop   func()
	}
	runs := []*run{{director: newDirector(t), onStop: "lvs_flush_on_stop"}, {director: newDirector(t), onStop: "lvs_flush_on_stop VS", left: []string{foreign}}}
	// becomes waits until the time limits and the table are these, in all runs.
	becomes := func(what string, limits func(*run) string, table func(*run) []string) {
		t.Helper()
		for _, r := range runs {
			var diff string
			for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
				want := append([]string{limits(r)}, slices.Sorted(slices.Values(table(r)))...)
				if diff = cmp.Diff(want, append([]string{r.ipvsadm(t, "-L", "--timeout")}, r.saved(t)...)); diff == "" {
					break
				}
			}
			if diff != "" {
				t.Errorf("%s, %s: %s", r.onStop, what, diff)
			}
		}
	}
	former := func(r *run) string { return r.before }
	const limits, limited = "lvs_timeouts tcp 901 tcpfin 61 udp 301", "Timeout (tcp tcpfin udp): 901 61 301"
	asked := func(*run) string { return limited }
	for _, r := range runs {
		r.ipvsadm(t, "-A", "-t", "10.8.0.1:80")
		if r.before = r.ipvsadm(t, "-L", "--timeout"); r.before == limited {
			t.Fatalf("the kernel begins with %q", r.before)
		}
		cmd := self("run", "-c", r.write(t, "site.conf", site(r.onStop+"\n "+limits, "1"), 0o600), "--run-dir", filepath.Join(r.dir, "run"))
		r.stop = r.run(t, cmd)
		r.reload = func(settings, weight string) {
			r.write(t, "site.conf", site(r.onStop+"\n "+settings, weight), 0o600)
			netnstest.Must(t, cmd.Process.Signal(syscall.SIGHUP))
		}
	}
	becomes("at the start", asked, func(*run) []string { return []string{own, server("1")} })
	for _, r := range runs {
		r.ipvsadm(t, "-A", "-t", "10.8.0.1:80")
		r.reload("", "2")
	}
	becomes("after a reload", former, func(*run) []string { return []string{own, server("2"), foreign} })
	for _, r := range runs {
		r.reload(limits, "3")
	}
	becomes("after another", asked, func(*run) []string { return []string{own, server("3"), foreign} })
	for _, r := range runs {
		r.stop()
	}
	becomes("after the stop", former, func(r *run) []string { return r.left })
}
