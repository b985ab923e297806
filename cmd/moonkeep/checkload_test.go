package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// idleFlag has tests hold the daemon to what is promised for a machine that does
// nothing else, and takes them longer.
var idleFlag = flag.Bool("idle", false, "the machine is idle: check at the full rate, and hold times to what is promised")

// webServers has nginx answer on port 8080 of every address of a host: it takes
// less of the processors, which the checks are to have, than a server of this
// process would.
func webServers(t *testing.T, h *host) {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("needs nginx: the servers that are checked")
	}
	conf := h.write(t, "nginx.conf", fmt.Sprintf(`
user root; daemon off; pid %[1]s/nginx.pid; error_log stderr; worker_processes 1;
events { worker_connections 16384; multi_accept on; }
http {
	access_log off; client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
	server { listen 8080 backlog=4096; location / { return 200 ok; } }
}
`, h.dir), 0o644)
	cmd := exec.Command(nginx, "-p", h.dir, "-c", conf)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	netnstest.Must(t, h.Start(cmd))
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()                          // by the signal
	})
	eventually(t, "nginx", func() bool {
		return h.Do(func() error {
			c, err := net.Dial("tcp", "127.0.0.1:8080")
			if err != nil {
				return err
			}
			return c.Close()
		}) == nil
	}, func() string { return "it does not answer" })
}

// checked is a virtual server with so many real ones, each of which is asked
// every second.
func checked(n int) string {
	var b strings.Builder
	b.WriteString("virtual_server 192.0.2.200 80 {\n delay_loop 1\n lvs_sched rr\n lvs_method NAT\n protocol TCP\n")
	for i := range n {
		fmt.Fprintf(&b, " real_server 127.%d.%d.%d 8080 {\n  HTTP_GET {\n   url {\n    path /\n    status_code 200\n   }\n   connect_timeout 3\n   retry 0\n  }\n }\n", 1+i/62500, i/250%250, i%250+1)
	}
	b.WriteString("}\n")
	return b.String()
}

// residents is what of a process is in memory, in bytes.
func residents(t *testing.T, pid int) (n int64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	netnstest.Must(t, err)
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// TestCheckRate has a daemon ask thousands of web servers each second: no probe
// is left out or unknown, none begins late, and the daemon stays small.
func TestCheckRate(t *testing.T) {
	n, long, settled := 300, 3*time.Second, time.Duration(0)
	if *idleFlag {
		// Thousands that are prepared at once miss runs, and so do those whose daemon and
		// machine are asked for the status of thousands again and again.
		n, long, settled = 10_000, 30*time.Second, 8*time.Second
	}
	a, _ := hosts(t)
	netnstest.Must(t, a.Link.SetUp("lo"))
	webServers(t, a)
	p := a.run(t, "global_defs {\n script_user root\n}\n"+checked(n))
	time.Sleep(settled)
	eventually(t, "a result of every check", func() bool {
		s, err := p.status()
		return err == nil && s.Probes != nil && s.Probes.Checks == n && s.Probes.Answered >= uint64(n) && s.Probes.Unknown == 0
	}, func() string { return p.log.String() })
	before, err := p.status()
	netnstest.Must(t, err)
	begin := time.Now()
	time.Sleep(long)
	after, err := p.status()
	netnstest.Must(t, err)
	took := time.Since(begin)
	begun := after.Probes.Begun - before.Probes.Begun
	late, within := uint64(0), 0.05 // seconds
	for i, bucket := range after.Probes.Late {
		if bucket.Within == nil || *bucket.Within > within {
			late += bucket.Count - before.Probes.Late[i].Count
		}
	}
	rss, most := residents(t, p.Process.Pid), int64(60<<20+n*6<<10)
	t.Logf("%d probes in %v, %d of them more than 32 ms late; %d KiB in memory, %d may be", begun, took.Round(time.Millisecond), late, rss>>10, most>>10)
	if after.Probes.Unknown > 0 {
		t.Errorf("%d checks have no result", after.Probes.Unknown)
	}
	if rss > most*slack {
		t.Errorf("%d KiB are in memory, more than %d", rss>>10, most>>10)
	}
	missed, slow := leftOut(after)
	start, _ := leftOut(before)
	missed -= start
	t.Logf("%d runs were left out, and %d before while all began; %d checks took 0.9 s and more last", missed, start, slow)
	least := 0.5 // of what it should be, on a machine that does much else
	if *idleFlag {
		least = 0.99
		if missed > 0 {
			t.Errorf("%d runs were left out", missed)
		}
		if late > begun/100 {
			t.Errorf("%d of %d probes began late", late, begun)
		}
	}
	if want := float64(n) * took.Seconds(); float64(begun) < least*want || float64(begun) > 1.1*want+float64(n) {
		t.Errorf("%d probes in %v, want %.0f", begun, took, want)
	}
	for i := range after.Services {
		if s := &after.Services[i]; s.Weight != int64(n) {
			t.Errorf("%d of %d servers are up", s.Weight, n)
		}
	}
	p.stop(t)
}

// leftOut is how many runs of checks were left out as the one before was under way, and
// how many checks took nearly all of their interval last.
func leftOut(s control.Status) (missed uint32, slow int) {
	for i := range s.Services {
		for _, r := range s.Services[i].Servers {
			for _, c := range r.Checks {
				missed += c.Missed
				if c.Took > 0.9 {
					slow++
				}
			}
		}
	}
	return missed, slow
}

// TestPluginFaultsDelayNoAdvert holds that a master keeps time while its checker
// is killed, hangs and is started anew, with probes of hundreds of servers under
// way, and that none of them goes down by it.
func TestPluginFaultsDelayNoAdvert(t *testing.T) {
	const servers = 200
	a, b := hosts(t)
	netnstest.Must(t, a.Link.SetUp("lo"))
	webServers(t, a)
	// On an idle machine there are some beside it that talk without an end, and
	// take all that other tests would need.
	says := []string{`exec yes '{"logs":[{"message":"x"}]}'`, "exec yes >&2", "exec yes"}
	if !*idleFlag {
		says = nil
	}
	floods := "virtual_server 192.0.2.201 80 {\n delay_loop 1\n lvs_sched rr\n lvs_method NAT\n protocol TCP\n"
	for i, say := range says {
		path := rootsFile(t, fmt.Sprint("floods-", i), "#!/bin/sh\necho '{\"hello\":{\"protocol\":1,\"name\":\"FLOODS\",\"version\":\"1\",\"doc\":\"floods\"}}'\n"+say+"\n")
		floods += fmt.Sprintf(" real_server 127.0.0.%d 8080 {\n  PLUGIN_CHECK {\n   name %s\n  }\n }\n", i+1, filepath.Base(path))
	}
	floods += "}\n"
	p := a.run(t, "global_defs {\n script_user root\n plugin_directory /usr/lib\n}\n"+floods+"vrrp_instance STEADY {\n interface eth0\n version 3\n virtual_router_id 51\n priority 100\n advert_int 0.1\n virtual_ipaddress {\n  192.0.2.100/24\n }\n}\n"+checked(servers))
	p.awaitRole(t, "MASTER")
	plugin := func() (pid, starts int) {
		s, err := p.status()
		if err != nil {
			return 0, 0
		}
		for _, x := range s.Plugins {
			if x.Name == "HTTP_GET" && x.State == "running" {
				return x.PID, x.Starts
			}
		}
		return 0, 0
	}
	heard := hearAdverts(t, b, 51)
	defer heard.end() // also when something fails
	for i, fault := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGSEGV, 0} {
		var pid int
		eventually(t, "the plugin", func() bool {
			var starts int
			pid, starts = plugin()
			return starts == i+1
		}, func() string { return p.log.String() })
		if fault != 0 {
			netnstest.Must(t, syscall.Kill(pid, fault))
		}
		time.Sleep(time.Second) // without asking for the status
	}
	heard.steady(t)
	s, err := p.status()
	netnstest.Must(t, err)
	for i := range s.Services {
		want := int64(servers)
		if strings.Contains(s.Services[i].Name, "192.0.2.201") {
			want = int64(len(says)) // unknown takes none down
		}
		if s.Services[i].Weight != want {
			t.Errorf("%d of %d servers of %s are up", s.Services[i].Weight, want, s.Services[i].Name)
		}
	}
	for _, x := range s.Plugins {
		if strings.Contains(x.Name, "floods-2-") && x.Failures == 0 {
			t.Errorf("%s may break the protocol: %+v", x.Name, x)
		}
	}
	if strings.Contains(p.log.String(), "down") {
		t.Error("something went down")
	}
	p.stop(t)
}
