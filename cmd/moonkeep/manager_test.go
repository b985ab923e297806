package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// startTold starts a daemon as systemd does a unit of Type=notify, which hears what it
// says on the socket.
func (h *host) startTold(t *testing.T, socket, file string) *process {
	t.Helper()
	p := &process{dir: filepath.Join(h.dir, "run"), log: new(output), done: make(chan struct{})}
	p.Cmd = self("run", "-c", file, "--run-dir", p.dir)
	p.Env = append(p.Environ(), "NOTIFY_SOCKET="+socket)
	p.Stderr = p.log
	p.begin(t, h)
	return p
}

// TestToldWhenReady: the service manager hears that the daemon has begun when that
// hears adverts, how long the scripts before and after may take, and when it stops;
// nothing of a start that is refused. No program gets to know the manager's socket.
func TestToldWhenReady(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"a path", "abstract"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			a, _ := hosts(t)
			socket := filepath.Join(a.dir, "notify")
			if kind == "abstract" {
				socket = "@" + socket
			}
			var c net.PacketConn
			a.Run(t, func() (err error) { // an abstract name is one of a network namespace
				c, err = net.ListenPacket("unixgram", socket)
				return err
			})
			defer c.Close()
			hears := func(limit time.Duration) string {
				t.Helper()
				netnstest.Must(t, c.SetReadDeadline(time.Now().Add(limit)))
				text := make([]byte, 4096)
				n, _, err := c.ReadFrom(text)
				if err != nil {
					return err.Error()
				}
				return string(text[:n])
			}
			ran, environment := filepath.Join(a.dir, "ran"), filepath.Join(a.dir, "environment")
			script := a.write(t, "script.sh", fmt.Sprintf("#!/bin/sh\nenv > %s\nwhile [ ! -e %s ]; do sleep 0.05; done\n", environment, ran), 0o755)
			file := a.write(t, "told.conf", fmt.Sprintf("global_defs {\n\tstartup_script %s\n\tstartup_script_timeout 1000\n\tshutdown_script /bin/true\n}\n", script)+conf(150, vip.String(), ""), 0o644)
			p := a.startTold(t, socket, file)
			if got, want := hears(patience), "EXTEND_TIMEOUT_USEC=1020000000"; got != want {
				t.Errorf("before the script: got %q, want %q", got, want)
			}
			if got := hears(300 * time.Millisecond); !strings.Contains(got, "timeout") {
				t.Errorf("while the script runs: got %q", got)
			}
			a.write(t, "ran", "", 0o644)
			if got := hears(patience); got != "READY=1" {
				t.Errorf("after the script: got %q", got)
			}
			if s, err := p.status(); err != nil || len(s.Instances) != 1 {
				t.Errorf("ready with the status %+v, %v", s, err)
			}
			if text, err := os.ReadFile(environment); err != nil || strings.Contains(string(text), "NOTIFY") || !strings.Contains(string(text), "PATH") {
				t.Errorf("the script's environment: %v\n%s", err, text)
			}
			p.stop(t)
			stop := []string{hears(patience), hears(patience)}
			slices.Sort(stop)
			if want := []string{"EXTEND_TIMEOUT_USEC=30000000", "STOPPING=1"}; !slices.Equal(stop, want) {
				t.Errorf("at the stop: got %q, want %q", stop, want)
			}
			a.startTold(t, socket, a.write(t, "broken.conf", "vrrp_instance VI_1 {\n", 0o644)).ended(t, 1)
			if got := hears(50 * time.Millisecond); !strings.Contains(got, "timeout") {
				t.Errorf("of a start that was refused: got %q", got)
			}
		})
	}
}

// TestNotTold: a manager that cannot be told keeps nobody from anything.
func TestNotTold(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	p := a.startTold(t, filepath.Join(a.dir, "none"), a.write(t, "told.conf", conf(150, vip.String(), ""), 0o644))
	p.awaitRole(t, "MASTER")
	eventually(t, "a line about the manager", func() bool {
		return strings.Contains(p.log.String(), "the service manager does not hear of READY=1")
	}, nothing)
	p.stop(t)
}
