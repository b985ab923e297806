package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/config/keepalived"
	"github.com/moonkeep/moonkeep/core/kernel/fence"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

const unitFile = "../../contrib/systemd/moonkeep.service"

// confinement is what a unit of systemd takes away from its processes.
type confinement struct {
	bounding  []int // the capabilities that are left
	noNewPriv bool
	calls     []callRule
}

// callRule refuses a system call with an error: always; where an argument has
// bits of a mask; or where it is none of some values.
type callRule struct {
	nr      uint32
	err     syscall.Errno
	arg     uint32
	mask    uint32
	allowed []uint32
}

var capabilities = map[string]int{
	"CAP_CHOWN": unix.CAP_CHOWN, "CAP_DAC_OVERRIDE": unix.CAP_DAC_OVERRIDE, "CAP_DAC_READ_SEARCH": unix.CAP_DAC_READ_SEARCH,
	"CAP_KILL": unix.CAP_KILL, "CAP_SETGID": unix.CAP_SETGID, "CAP_SETUID": unix.CAP_SETUID, "CAP_SETPCAP": unix.CAP_SETPCAP,
	"CAP_NET_ADMIN": unix.CAP_NET_ADMIN, "CAP_NET_RAW": unix.CAP_NET_RAW, "CAP_NET_BIND_SERVICE": unix.CAP_NET_BIND_SERVICE,
	"CAP_SYS_PTRACE": unix.CAP_SYS_PTRACE, "CAP_SYS_ADMIN": unix.CAP_SYS_ADMIN, "CAP_SYS_NICE": unix.CAP_SYS_NICE,
	"CAP_IPC_LOCK": unix.CAP_IPC_LOCK, "CAP_SYS_RESOURCE": unix.CAP_SYS_RESOURCE,
}

var families = map[string]uint32{
	"AF_UNIX": unix.AF_UNIX, "AF_INET": unix.AF_INET, "AF_INET6": unix.AF_INET6,
	"AF_NETLINK": unix.AF_NETLINK, "AF_PACKET": unix.AF_PACKET, "AF_VSOCK": unix.AF_VSOCK,
}

func refuse(err syscall.Errno, calls ...uint32) (rules []callRule) {
	for _, nr := range calls {
		rules = append(rules, callRule{nr: nr, err: err})
	}
	return rules
}

// TestUnitWaitsForTheOther: without an order systemd would start moonkeep while the
// keepalived that it stops for it still holds the addresses.
func TestUnitWaitsForTheOther(t *testing.T) {
	_, lines := readUnit(t, unitFile)
	after := strings.Fields(strings.Join(lines["After"], " "))
	for _, other := range strings.Fields(strings.Join(lines["Conflicts"], " ")) {
		if !slices.Contains(after, other) {
			t.Errorf("the unit conflicts with %s and does not wait until it has stopped", other)
		}
	}
	if len(lines["Conflicts"]) == 0 {
		t.Error("the unit conflicts with nothing")
	}
}

// readUnit reads what the unit takes away, as systemd.exec(5) has it. What it does
// to mounts alone is left out: the daemon needs nothing of what is hidden.
func readUnit(t *testing.T, path string) (c confinement, lines map[string][]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	netnstest.Must(t, err)
	lines = make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if name, value, is := strings.Cut(line, "="); is && line[0] != '#' {
			lines[name] = append(lines[name], value)
		}
	}
	const spaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWCGROUP
	takes := map[string]func(value string){
		"CapabilityBoundingSet": func(value string) {
			for _, name := range strings.Fields(value) {
				n, known := capabilities[name]
				if !known {
					t.Fatalf("the unit has %s, which this test does not know", name)
				}
				c.bounding = append(c.bounding, n)
			}
		},
		"NoNewPrivileges": func(string) { c.noNewPriv = true },
		"ProtectKernelModules": func(string) {
			c.calls = append(c.calls, refuse(unix.EPERM, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE)...)
		},
		"ProtectKernelLogs": func(string) { c.calls = append(c.calls, refuse(unix.EPERM, unix.SYS_SYSLOG)...) },
		"ProtectClock": func(string) {
			c.calls = append(c.calls, refuse(unix.EPERM, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX, unix.SYS_SETTIMEOFDAY)...)
		},
		"ProtectHostname": func(string) {
			c.calls = append(c.calls, refuse(unix.EPERM, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME)...)
		},
		"RestrictNamespaces": func(string) {
			c.calls = append(c.calls, refuse(unix.EPERM, unix.SYS_SETNS)...)
			c.calls = append(c.calls, refuse(unix.ENOSYS, unix.SYS_CLONE3)...)
			c.calls = append(c.calls, callRule{nr: unix.SYS_UNSHARE, err: unix.EPERM, mask: spaces}, callRule{nr: unix.SYS_CLONE, err: unix.EPERM, mask: spaces})
		},
		"RestrictRealtime": func(string) {
			c.calls = append(c.calls, callRule{nr: unix.SYS_SCHED_SETSCHEDULER, err: unix.EPERM, arg: 1, allowed: []uint32{unix.SCHED_NORMAL, unix.SCHED_BATCH, unix.SCHED_IDLE}})
			c.calls = append(c.calls, refuse(unix.EPERM, unix.SYS_SCHED_SETATTR)...)
		},
		"RestrictSUIDSGID": func(string) {
			c.calls = append(c.calls, refuse(unix.ENOSYS, unix.SYS_OPENAT2)...)
			c.calls = append(c.calls, callRule{nr: unix.SYS_FCHMOD, err: unix.EPERM, arg: 1, mask: 0o6000}, callRule{nr: unix.SYS_FCHMODAT, err: unix.EPERM, arg: 2, mask: 0o6000})
		},
		"LockPersonality": func(string) {
			c.calls = append(c.calls, callRule{nr: unix.SYS_PERSONALITY, err: unix.EPERM, allowed: []uint32{0, 0xffffffff}})
		},
		"RestrictAddressFamilies": func(value string) {
			rule := callRule{nr: unix.SYS_SOCKET, err: unix.EAFNOSUPPORT}
			for _, name := range strings.Fields(value) {
				n, known := families[name]
				if !known {
					t.Fatalf("the unit has %s, which this test does not know", name)
				}
				rule.allowed = append(rule.allowed, n)
			}
			c.calls = append(c.calls, rule)
		},
		"SystemCallArchitectures": func(string) {}, // no other is called
		"TasksMax": func(value string) { // what programs may take leaves the daemon room
			if n, err := strconv.Atoi(value); err != nil || n < 2*fence.Limit {
				t.Errorf("TasksMax=%s is not twice the %d that programs may take", value, fence.Limit)
			}
		},
	}
	// What takes nothing away.
	for _, name := range strings.Fields(`Description Documentation Wants After Conflicts Type NotifyAccess Environment ExecStart ExecReload KillMode TimeoutStopSec
		Restart RestartSec RuntimeDirectory RuntimeDirectoryMode RuntimeDirectoryPreserve StateDirectory OOMScoreAdjust CPUWeight Delegate WantedBy`) {
		takes[name] = func(string) {}
	}
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		take, known := takes[name]
		if !known {
			t.Fatalf("the unit has %s=, which this test does not know: say in it what that takes away", name)
		}
		for _, value := range lines[name] {
			take(value)
		}
	}
	return c, lines
}

// filter is the program of seccomp for the rules. Another architecture's calls are
// not made here.
func (c *confinement) filter() (program []unix.SockFilter) {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	jump := func(code uint16, k uint32, yes, no int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | code | unix.BPF_K, K: k, Jt: uint8(yes), Jf: uint8(no)}
	}
	for _, r := range c.calls {
		var test []unix.SockFilter // ends where the call is to be refused, or jumps behind that
		switch {
		case r.mask != 0:
			test = []unix.SockFilter{load(16 + 8*r.arg), jump(unix.BPF_JSET, r.mask, 0, 1)}
		case r.allowed != nil:
			test = []unix.SockFilter{load(16 + 8*r.arg)}
			for i, v := range r.allowed {
				test = append(test, jump(unix.BPF_JEQ, v, len(r.allowed)-i, 0))
			}
		}
		program = append(program, load(0), jump(unix.BPF_JEQ, r.nr, 0, len(test)+1))
		program = append(append(program, test...), unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ERRNO | uint32(r.err)})
	}
	return append(program, unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW})
}

// start starts a command in the host, confined. Its thread has the confinement, too,
// and ends.
func (c *confinement) start(h *host, cmd *exec.Cmd) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good
		done <- func() error {
			if err := unix.Setns(h.FD(), unix.CLONE_NEWNET); err != nil {
				return err
			}
			if c.noNewPriv {
				if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
					return err
				}
			}
			program := c.filter()
			prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
			if _, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))); e != 0 {
				return fmt.Errorf("seccomp: %w", e)
			}
			for n := 0; ; n++ {
				if slices.Contains(c.bounding, n) {
					continue
				}
				if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(n), 0, 0, 0); err == unix.EINVAL {
					break // beyond the last
				} else if err != nil {
					return err
				}
			}
			return cmd.Start()
		}()
	}()
	return <-done
}

// TestUnit holds that the daemon works with no more than the shipped unit gives it:
// addresses on an interface of its own that drops packets, programs of other users,
// plugins, Lua and a FIFO of another user; also when it begins again after a crash.
func TestUnit(t *testing.T) {
	t.Parallel()
	unit, _ := readUnit(t, unitFile)
	a, b := hosts(t)
	for d := a.dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		netnstest.Must(t, os.Chmod(d, 0o755)) // passable for other users
	}
	var web net.Listener
	a.Run(t, func() (err error) {
		web, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	})
	defer web.Close()
	a.write(t, "check.lua", `
local exec = require "exec"
return { check = function() return exec.run({"true"}).status == 0 end }`, 0o644)
	program := a.write(t, "check.sh", "#!/bin/sh\nwhile :; do [ $(id -u) = 65534 ]; exit; done\n", 0o755)
	states := filepath.Join(a.dir, "states")
	a.write(t, "states.sh", "#!/bin/sh\necho $3 >> "+states+"\n", 0o755)
	file := a.write(t, "moonkeep.yaml", fmt.Sprintf(`
global:
  router_id: unit
  script_user: root
  vrrp_notify_fifo: {path: %[1]s/fifo, user: nobody}
vrrp_scripts:
  - {name: tcp, interval: 1s, timeout: 5s, plugin: {TCP_CHECK: {connect_ip: 127.0.0.1, connect_port: %[2]d}}}
  - {name: ping, interval: 1s, timeout: 5s, plugin: {PING_CHECK: {connect_ip: 127.0.0.1}}}
  - {name: program, interval: 1s, timeout: 5s, script: [%[3]s], user: nobody}
  - {name: lua, interval: 1s, timeout: 5s, lua: check.lua, allow: [exec]}
vrrp_instances:
  - name: VI_1
    interface: eth0
    version: 3
    virtual_router_id: 51
    priority: 150
    advert_int: 100ms
    use_vmac: {name: vrrp.51}
    no_accept: true
    virtual_ipaddresses: [192.0.2.100/24]
    virtual_routes: [{to: 198.51.100.0/24, via: 192.0.2.2}]
    track_scripts: [tcp, ping, program, lua]
    notify: {any: %[4]s.sh}
`, a.dir, web.Addr().(*net.TCPAddr).Port, program, states), 0o644)
	begin := func() *process {
		p := &process{dir: filepath.Join(a.dir, "run"), log: new(output), done: make(chan struct{})}
		p.Cmd = self("run", "-c", file, "--run-dir", p.dir)
		p.Stderr = p.log
		netnstest.Must(t, unit.start(a, p.Cmd))
		p.watch(t)
		p.awaitRole(t, "MASTER")
		eventually(t, "the address on vrrp.51", func() bool { return a.hasOn("vrrp.51", vip) }, nothing)
		return p
	}
	p := begin()
	var refused error
	b.Run(t, func() error {
		c, err := net.DialTimeout("tcp", "192.0.2.100:9", 300*time.Millisecond)
		if refused = err; err == nil {
			c.Close()
		}
		return nil
	})
	if refused == nil || !refused.(net.Error).Timeout() {
		t.Errorf("a connection to the address gives %v, want nothing at all", refused)
	}
	p.kill(t)
	p = begin() // also what the one before left is no obstacle
	second := netip.MustParsePrefix("192.0.2.101/24")
	text, err := os.ReadFile(file)
	netnstest.Must(t, err)
	a.write(t, "moonkeep.yaml", string(bytes.Replace(text, []byte("192.0.2.100/24]"), []byte("192.0.2.100/24, 192.0.2.101/24]"), 1)), 0o644)
	p.signal(t, syscall.SIGHUP)
	eventually(t, "the address that a reload adds", func() bool { return a.hasOn("vrrp.51", second) }, p.log.String)
	p.stop(t)
	if a.hasOn("vrrp.51", vip) {
		t.Error("the address stands after the stop")
	}
	if text, err := os.ReadFile(states); err != nil || !strings.Contains(string(text), "MASTER") {
		t.Errorf("the notify program wrote %q, %v, want MASTER", text, err)
	}
	for line := range strings.Lines(p.log.String()) {
		// A stall is the machine's, which has other tests to run.
		if strings.Contains(line, "an earlier run left it behind") || strings.Contains(line, "level=WARN") && strings.Contains(line, "topic=stall") {
			continue
		}
		if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") || strings.Contains(line, "not permitted") {
			t.Errorf("the log says: %s", line)
		}
	}
}

// hasOn is has for another interface.
func (h *host) hasOn(device string, p netip.Prefix) bool {
	list, err := h.Link.List(device)
	if err != nil {
		return false
	}
	for _, a := range list {
		if a.Prefix == p {
			return true
		}
	}
	return false
}

// TestUnitLetsItStop holds that the shipped unit gives a stop at least the time that
// the daemon takes at most before it gives up on something itself.
func TestUnitLetsItStop(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(unitFile)
	netnstest.Must(t, err)
	_, rest, _ := strings.Cut(string(text), "\nTimeoutStopSec=")
	value, _, _ := strings.Cut(rest, "\n")
	limit, err := time.ParseDuration(value)
	netnstest.Must(t, err)
	c, _ := keepalived.Read("defaults.conf", nil)
	stop, tell := constant(t, "../../core/engine/engine.go", "stopLimit"), constant(t, "../../core/engine/engine.go", "tellLimit")
	closing, grace := constant(t, "daemon/run.go", "closeLimit"), constant(t, "../../core/program/starter.go", "defaultGrace")
	// In the order of the unit's comment. closeLimit is for the reload, the network, and
	// what runs for checks.
	waits := []time.Duration{stop, stop, 2 * stop, tell, stop, c.Global.ShutdownTimeout + grace, closing, closing, closing, logLimit}
	var most time.Duration
	for _, w := range waits {
		most += w
	}
	if want := fmt.Sprintf("%d in all", int(most.Seconds())); !strings.Contains(string(text), want) {
		t.Errorf("the unit's comment does not say %q", want)
	}
	if limit <= most {
		t.Errorf("the unit kills the daemon after %v, which may take %v to stop", limit, most)
	}
}

// constant is one of a file, which is in seconds.
func constant(t *testing.T, file, name string) time.Duration {
	t.Helper()
	text, err := os.ReadFile(file)
	netnstest.Must(t, err)
	found := regexp.MustCompile(`(?m)^(?:const)?\s*` + name + `\s*= (?:(\d+) \* )?time\.Second$`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("%s has no constant %s of seconds", file, name)
	}
	n, err := strconv.Atoi(cmp.Or(string(found[1]), "1"))
	netnstest.Must(t, err)
	return time.Duration(n) * time.Second
}
