package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// toldConf has a FIFO and services by their port, or by a mark or a group: what
// stands inside each, without the timers.
func toldConf(fifo string, services ...string) string {
	text := "global_defs {\n\trouter_id LAB\n\tscript_user root\n\trs_init_notifies\n\tlvs_notify_fifo " + fifo + "\n}\n"
	for name, value := range map[string]int{"serves": 0, "rests": 1} {
		text += fmt.Sprintf("track_file %s {\n\tfile %s.%[1]s\n\tweight 0\n\tinit_file %[3]d\n}\n", name, fifo, value)
	}
	text += "virtual_server_group both {\n\t10.9.0.2 80\n}\nvirtual_server_group marks {\n\tfwmark 7\n}\n"
	for _, s := range services {
		name, rest, _ := strings.Cut(s, " ")
		if kind, of, is := strings.Cut(name, "="); is {
			name = kind + " " + of
		} else {
			name = "10.9.0.1 " + name
		}
		text += fmt.Sprintf("virtual_server %s {\n\tdelay_loop 1\n\tlb_algo rr\n", name)
		for key, usual := range map[string]string{"lb_kind": "NAT", "protocol": "TCP"} {
			if !strings.Contains(rest, key+"=") {
				text += "\t" + key + " " + usual + "\n"
			}
		}
		for word := range strings.FieldsSeq(rest) {
			server, is := strings.CutPrefix(word, "server=")
			if file, follows := strings.CutPrefix(word, "file="); follows {
				text += "\treal_server 10.2.0.7 80 {\n\t\tFILE_CHECK {\n\t\t\ttrack_file " + file + "\n\t\t}\n\t}\n"
				continue
			}
			if !is {
				text += "\t" + strings.ReplaceAll(word, "=", " ") + "\n"
				continue
			}
			text += fmt.Sprintf("\treal_server 10.2.0.%s 80 {\n\t\tTCP_CHECK {\n\t\t\tconnect_timeout 1\n\t\t\tretry 0\n\t\t}\n\t}\n", server)
		}
		text += "}\n"
	}
	return text
}

// TestGuestServersTold plays the same to a keepalived and to moonkeep, from the
// start over a reload to the stop, and compares what each writes to its FIFO of
// each virtual and each real server.
func TestGuestServersTold(t *testing.T) {
	needIPVS(t)
	t.Parallel() // it waits most of its time
	if _, err := exec.LookPath("keepalived"); err != nil {
		t.Skip("needs keepalived: what it tells is compared")
	}
	type side struct {
		*director
		tape tape
		cmd  *exec.Cmd
		fifo string
	}
	sides := make([]*side, 2)
	first := []string{"1001 server=1 server=2", "1002 alpha sorry_server=10.2.0.9=80 server=3", "1003 server=4", "1004 alpha server=5", "1005 alpha server=3",
		"1007 file=rests", "1008 alpha sorry_server=10.2.0.9=80 file=serves", "1009 sorry_server=10.2.0.9=80 file=rests"}
	stay := []string{"1010 omega alpha server=8", "group=both server=4", "group=both protocol=UDP server=4", "group=marks server=4", "fwmark=8 lb_kind=DR server=4"}
	for i := range sides {
		d := newDirector(t)
		s := &side{director: d, fifo: filepath.Join(d.dir, "fifo")}
		sides[i] = s
		s.tape.listen(t, s.fifo)
		d.fail(t, "add", "3", "8")
		conf := d.write(t, "site.conf", toldConf(s.fifo, slices.Concat(first, stay, []string{"1011 alpha sorry_server=10.2.0.9=80 server=8"})...), 0o600)
		pid := func(n string) string { return filepath.Join(d.dir, n+".pid") }
		s.cmd = exec.Command("keepalived", "-n", "-l", "-D", "-C", "-f", conf, "-p", pid("p"), "-c", pid("c"), "-r", pid("r"), "-b", pid("b"))
		if i == 1 {
			s.cmd = self("run", "-c", conf, "--run-dir", filepath.Join(d.dir, "run"))
		}
		_ = d.run(t, s.cmd)
	}
	told := func(s *side) map[string]string {
		all := map[string]string{}
		s.tape.mu.Lock()
		defer s.tape.mu.Unlock()
		for _, l := range s.tape.lines {
			at := strings.LastIndexByte(l, ' ')
			all[l[:at]] += l[at:]
		}
		return all
	}
	rs := func(server, port string) string {
		return "RS [10.2.0." + server + "]:tcp:80 " + "[10.9.0.1]:tcp:" + port
	}
	vs := func(port string) string { return "VS [10.9.0.1]:tcp:" + port }
	want := map[string]string{
		rs("1", "1001"): " UP", rs("2", "1001"): " UP", vs("1001"): " UP",
		rs("3", "1002"): " DOWN", vs("1002"): " DOWN",
		rs("4", "1003"): " UP", vs("1003"): " UP",
		rs("5", "1004"): " UP", vs("1004"): " UP",
		rs("3", "1005"): " DOWN",
		rs("7", "1008"): " UP", vs("1008"): " UP", vs("1009"): " DOWN",
		rs("8", "1010"): " DOWN", rs("8", "1011"): " DOWN", vs("1011"): " DOWN",
		"RS [10.2.0.4]:tcp:80 [both]:0": " UP", "VS [both]:0": " UP", "RS [10.2.0.4]:udp:80 [both]:1": " UP", "VS [both]:1": " UP",
		"RS [10.2.0.4]:none:80 [marks]:0": " UP", "VS [marks]:0": " UP", "RS [10.2.0.4]:none:0 FWM 8": " UP", "VS FWM 8": " UP",
	}
	says := func(step string) {
		t.Helper()
		var diff string
		defer func() {
			if diff != "" {
				t.Log(diff)
			}
		}()
		for i, s := range sides {
			wait(t, []string{"keepalived", "moonkeep"}[i]+", "+step, func() bool {
				diff = cmp.Diff(want, told(s))
				return diff == ""
			})
		}
	}
	says("as they begin")
	for _, s := range sides {
		// One server less, a service less, one more, and another sorry server.
		now := []string{"1001 server=1", first[1], first[3], first[4], first[6], "1006 omega server=6", "1011 alpha sorry_server=10.2.0.6=80 server=8"}
		s.write(t, "site.conf", toldConf(s.fifo, slices.Concat(now, stay)...), 0o600)
		netnstest.Must(t, s.cmd.Process.Signal(syscall.SIGHUP))
	}
	want[rs("2", "1001")] += " DOWN"
	want[rs("4", "1003")] += " DOWN"
	want[vs("1003")] += " DOWN"
	want[rs("6", "1006")], want[vs("1006")] = " UP", " UP"
	want[vs("1011")] += " DOWN"
	says("after the reload")
	for _, s := range sides {
		s.fail(t, "add", "1")
		s.fail(t, "del", "3")
	}
	want[rs("1", "1001")] += " DOWN"
	want[vs("1001")] += " DOWN"
	for _, port := range []string{"1002", "1005"} {
		want[rs("3", port)] += " UP"
		want[vs(port)] += " UP"
	}
	says("when one fails and one comes")
	for _, s := range sides {
		netnstest.Must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	}
	want[rs("6", "1006")] += " DOWN"
	want[vs("1006")] += " DOWN"
	want[vs("1010")] += " DOWN"
	says("after the stop")
}
