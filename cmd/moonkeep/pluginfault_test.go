package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// oneFault is a fault of a plugin by itself.
type oneFault struct {
	name, mode string
	checks     int
	protocol   int  // of the first file; 0 is the right one
	pinned     bool // by its sum
	// play has it happen where the plugin does not do it by itself; the time is when it
	// happened.
	play func(f *faultSite) time.Time
	// serves is how often a process has begun to serve when all is well again; 2 when left out.
	serves int
}

// faultSite is where one fault is played.
type faultSite struct {
	t       *testing.T
	fault   *oneFault
	daemon  *process
	file    string // of the plugin
	trigger string // the file that it waits for
}

func (f *faultSite) text(protocol int, version string) string {
	return fmt.Sprintf(faulty, f.fault.mode, mark(f.fault.mode), protocol, version, f.trigger)
}

// become puts another file in the place of the plugin's.
func (f *faultSite) become(text string) {
	f.t.Helper()
	netnstest.Must(f.t, os.WriteFile(f.file+".new", []byte(text), 0o755))
	netnstest.Must(f.t, os.Rename(f.file+".new", f.file))
}

// subject is the plugin.
func (f *faultSite) subject() control.Plugin {
	f.t.Helper()
	s, err := f.daemon.status()
	netnstest.Must(f.t, err)
	if len(s.Plugins) != 1 {
		f.t.Fatalf("plugins %+v", s.Plugins)
	}
	return s.Plugins[0]
}

func (f *faultSite) kill(s syscall.Signal) time.Time {
	f.t.Helper()
	pid := f.subject().PID
	netnstest.Must(f.t, syscall.Kill(pid, s))
	return time.Now()
}

// logs waits until something was logged so often.
func (f *faultSite) logs(what string, times int) time.Time {
	f.t.Helper()
	eventually(f.t, what, func() bool { return strings.Count(f.daemon.log.String(), what) >= times }, f.daemon.log.String)
	return time.Now()
}

// pull has the plugin begin.
func (f *faultSite) pull() time.Time {
	f.t.Helper()
	netnstest.Must(f.t, os.WriteFile(f.trigger, nil, 0o644))
	return f.logs("fault "+f.fault.mode+" begins", 1)
}

func oneFaults(pending int) []oneFault {
	signal := func(s syscall.Signal) func(*faultSite) time.Time {
		return func(f *faultSite) time.Time { return f.kill(s) }
	}
	pull := (*faultSite).pull
	return []oneFault{
		{name: "killed", mode: "killed", play: signal(syscall.SIGKILL)},
		{name: "stopped", mode: "killed", play: signal(syscall.SIGSTOP)},
		{name: "leaks memory to its limit", mode: "leak", play: pull},
		{name: "prints 1 MiB", mode: "print", play: pull},
		{name: "answers garbage", mode: "garbage", play: pull},
		{name: "answers with no verdict", mode: "verdict", play: pull},
		{name: "answers for the wrong probe", mode: "wrong", play: pull},
		{name: "answers late", mode: "late", serves: 1, play: func(f *faultSite) time.Time {
			f.pull()
			eventually(f.t, "a late answer", func() bool { return f.subject().Late > 0 }, f.daemon.log.String)
			return time.Now()
		}},
		{name: "forks children", mode: "forks", play: pull},
		{name: "refuses to die", mode: "stubborn", play: pull},
		{name: "file replaced", mode: "killed", play: func(f *faultSite) time.Time {
			f.become(f.text(1, "2"))
			f.daemon.signal(f.t, syscall.SIGHUP)
			return time.Now()
		}},
		{name: "wrong version", mode: "killed", protocol: 7, serves: 1, play: func(f *faultSite) time.Time {
			f.become(f.text(1, "1"))
			return f.logs("speaks version 7", 2)
		}},
		{name: "wrong checksum", mode: "killed", pinned: true, play: func(f *faultSite) time.Time {
			right := f.text(1, "1")
			f.become(f.text(1, "2"))
			f.kill(syscall.SIGKILL)
			f.logs("has another checksum", 2)
			f.become(right)
			return time.Now()
		}},
		{name: "socket directory wiped", mode: "killed", play: func(f *faultSite) time.Time {
			netnstest.Must(f.t, os.RemoveAll(filepath.Join(f.daemon.dir, "plugins")))
			return f.kill(syscall.SIGKILL)
		}},
		{name: fmt.Sprintf("dies with %d checks pending", pending), mode: "pending", checks: pending, play: func(f *faultSite) time.Time {
			pid := f.subject().PID
			f.pull()
			time.Sleep(1200 * time.Millisecond) // all are asked again within a second
			netnstest.Must(f.t, syscall.Kill(pid, syscall.SIGKILL))
			return time.Now()
		}},
	}
}

// TestEachPluginFault plays one after the other what may go wrong with a plugin. In each
// the master keeps time, no server goes down, the plugin serves again within 3 s, and no
// process and no open file is left behind.
func TestEachPluginFault(t *testing.T) {
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		t.Skip("needs /usr/bin/python3: the plugins are in Python")
	}
	faults := oneFaults(300)
	if *idleFlag {
		faults = oneFaults(10_000)
	} else {
		faults = faults[len(faults)-1:] // TestEveryPluginFault plays the others at once
	}
	for i := range faults {
		t.Run(faults[i].name, func(t *testing.T) { playFault(t, &faults[i]) })
	}
}

func playFault(t *testing.T, fault *oneFault) {
	a, b := hosts(t)
	netnstest.Must(t, a.Link.SetUp("lo"))
	f := &faultSite{t: t, fault: fault, file: rootsFile(t, "fault", ""), trigger: filepath.Join(a.dir, "begin")}
	openTo(t, a.dir)
	f.become(f.text(max(1, fault.protocol), "1"))
	pin := ""
	if fault.pinned {
		pin = fmt.Sprintf(", sha256: %x", sha256.Sum256([]byte(f.text(1, "1"))))
	}
	var conf strings.Builder
	fmt.Fprintf(&conf, "global: {script_user: root}\nplugins:\n  - {name: subject, path: %s, memory: 64, processes: 8%s}\n", f.file, pin)
	conf.WriteString("vrrp_instances:\n  - {name: STEADY, interface: eth0, version: 3, virtual_router_id: 51, priority: 100, advert_int: 100ms, virtual_ipaddresses: [192.0.2.100/24]}\n")
	conf.WriteString("virtual_servers:\n  - address: 192.0.2.201:80\n    protocol: TCP\n    lb_algo: rr\n    lb_kind: NAT\n    delay_loop: 1s\n    connect_timeout: 1s\n    warmup: 300ms\n    fall: 1\n    real_servers:\n")
	servers := max(20, fault.checks)
	for i := range servers {
		fmt.Fprintf(&conf, "      - {address: \"127.%d.%d.%d:80\", checks: [{plugin: {name: subject}}]}\n", 3+i/62500, i/250%250, i%250+1)
	}
	p := a.start(t, "run", a.write(t, "moonkeep.yaml", conf.String(), 0o644))
	f.daemon = p
	p.awaitRole(t, "MASTER")
	if fault.protocol == 0 {
		eventually(t, "all are checked", func() bool {
			x := f.subject()
			return x.Answered >= uint64(2*servers) && strings.Contains(p.log.String(), "serves "+fault.mode)
		}, p.log.String)
	}
	before := openOf(t, p.Process.Pid)
	heard := hearAdverts(t, b, 51)
	defer heard.end()
	time.Sleep(time.Second)
	began := fault.play(f)
	serves := fault.serves
	if serves == 0 {
		serves = 2
	}
	took := f.logs("serves "+fault.mode, serves).Sub(began)
	time.Sleep(1500 * time.Millisecond)
	late := heard.steady(t)
	most := 3 * time.Second
	if !*idleFlag {
		most += 3*time.Second + 10*heard.late
	}
	if took > most {
		t.Errorf("it served again after %v, more than %v", took, most)
	}
	s, err := p.status()
	netnstest.Must(t, err)
	if v := &s.Services[0]; v.Weight != int64(servers) {
		t.Errorf("%d of %d servers are up", v.Weight, servers)
	}
	if strings.Contains(p.log.String(), " down") {
		t.Errorf("something went down:\n%s", p.log)
	}
	eventually(t, "one process", func() bool { return processesOf(mark(fault.mode)) == 1 }, p.log.String)
	if fault.protocol == 0 {
		eventually(t, "no more open files than before", func() bool { return openOf(t, p.Process.Pid) <= before }, nothing)
	}
	p.stop(t)
	if n := processesOf(mark(fault.mode)); n != 0 {
		t.Errorf("%d processes are left", n)
	}
	t.Logf("| %s | %.1f ms | %.2f s | %d of %d |", fault.name, late.Seconds()*1000, took.Seconds(), s.Services[0].Weight, servers)
}

// openTo lets other users pass to a directory.
func openTo(t *testing.T, dir string) {
	t.Helper()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		netnstest.Must(t, os.Chmod(d, 0o755))
	}
}
