package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// leftConf has virtual servers with one real server each.
func leftConf(services ...string) string {
	text := "global_defs {\n\trouter_id LEFT\n}\n"
	for _, s := range services {
		text += "virtual_server " + s + " {\n\tlb_algo rr\n\tlb_kind NAT\n\tprotocol TCP\n\treal_server 10.2.0.1 80 {\n\t}\n}\n"
	}
	return text
}

// TestGuestLeftServices: of the virtual servers that a crash left, a start removes those
// that are configured no more and that no other daemon has by now; one that is refused
// says which stay, and how to remove them.
func TestGuestLeftServices(t *testing.T) {
	needIPVS(t)
	t.Parallel() // it waits most of the time
	d := newDirector(t)
	has := func(what string, services ...string) {
		t.Helper()
		wait(t, what, func() bool {
			text := d.listed(t)
			for _, s := range services {
				if !strings.Contains(text, s) {
					return false
				}
			}
			return strings.Count(text, "-> 10.2.0.1:80 Masq") == len(services)
		})
	}
	const first, second, mark = "TCP 10.9.0.1:80 ", "TCP 10.9.0.1:81 ", "fwmark 5 "
	crashed := start(t, d, d.write(t, "run.conf", leftConf("10.9.0.1 80", "10.9.0.1 81", "fwmark 5"), 0o600))
	has("the table", first, second, mark)
	netnstest.Must(t, crashed.Process.Kill())
	_ = crashed.Wait()
	beside := self("run", "-c", d.write(t, "beside.conf", leftConf("10.9.0.1 80"), 0o600), "--run-dir", filepath.Join(d.dir, "beside"))
	d.run(t, beside)
	c := control.NewClient(filepath.Join(d.dir, "beside"))
	wait(t, "the other daemon runs", func() bool {
		s, err := c.Status(t.Context())
		return err == nil && s.IPVS != nil && !s.IPVS.Pending
	})

	// The program's log is another one's each time.
	refused := self("run", "-c", d.write(t, "broken.conf", "virtual_server {\n", 0o600), "--run-dir", filepath.Join(d.dir, "run"))
	log := filepath.Join(d.dir, "refused.log")
	out, err := os.Create(log)
	netnstest.Must(t, err)
	defer out.Close()
	refused.Stdout, refused.Stderr = out, out
	netnstest.Must(t, d.NS.Start(refused))
	if refused.Wait() == nil {
		t.Error("it runs without a configuration")
	}
	text, err := os.ReadFile(log)
	netnstest.Must(t, err)
	_, commands, told := strings.Cut(string(text), "to remove them: ")
	commands, _, _ = strings.Cut(commands, "\"")
	if !told || strings.Contains(commands, "10.9.0.1:80") || strings.Count(commands, "ipvsadm") != 2 {
		t.Errorf("the refused start says %q of what is left:\n%s", commands, text)
	}
	has("all stay", first, second, mark)
	d.Run(t, func() error {
		last := commands[strings.LastIndex(commands, "ipvsadm"):]
		out, err := exec.Command("sh", "-c", last).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %s", last, out)
		}
		return nil
	})
	has("one is removed as it says", first, second)

	again := start(t, d, d.write(t, "run.conf", leftConf("10.9.0.2 80", "10.9.0.2 81"), 0o600))
	const third, fourth = "TCP 10.9.0.2:80 ", "TCP 10.9.0.2:81 "
	has("what was left goes, but for what is the other daemon's", first, third, fourth)
	if s, err := c.Status(t.Context()); err != nil || s.IPVS.Repaired > 0 {
		t.Errorf("the other daemon had to put back %+v, %v", s.IPVS, err)
	}

	netnstest.Must(t, again.Process.Kill())
	_ = again.Wait()
	asKeepalived(t, d.host)
	start(t, d, d.write(t, "run.conf", leftConf("10.9.0.2 81", "10.9.0.3 80"), 0o600))
	has("what keepalived may have stays", first, third, fourth, "TCP 10.9.0.3:80 ")
}
