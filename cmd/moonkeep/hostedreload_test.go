package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestRefusedReloadLeavesNoPlugins: what a reload prepared that is refused for
// something else goes with it, the processes of its checks too.
func TestRefusedReloadLeavesNoPlugins(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	const instance = `vrrp_instances:
  - name: VI_1
    interface: eth0
    virtual_router_id: 51
    priority: 100
    advert_int: 100ms
    version: 3
    virtual_ipaddresses: [192.0.2.100/24]
`
	file := a.write(t, "moonkeep.yaml", instance, 0o644)
	p := a.start(t, "run", file)
	p.awaitRole(t, "MASTER")
	a.write(t, "none.lua", "return { check = function() return true end }\n", 0o644)
	checked := `vrrp_scripts:
  - {name: web, interval: 1s, timeout: 1s, plugin: {HTTP_GET: {connect_ip: 192.0.2.1, connect_port: 80, urls: [{path: /}]}}}
` + instance + "    track_scripts: [web]\n"
	a.write(t, "moonkeep.yaml", checked+"    notify: {lua: none.lua}\n", 0o644)
	for range 2 {
		mentions(t, "the reload", p.asks(t, 1, "reload"), "it returns no function on_change")
	}
	none := func() bool {
		s, err := p.status()
		return err == nil && len(s.Plugins) == 0
	}
	eventually(t, "no plugin is left of the reloads that were refused", none, p.log.String)
	a.write(t, "moonkeep.yaml", checked, 0o644)
	p.asks(t, 0, "reload")
	s, err := p.status()
	netnstest.Must(t, err)
	if len(s.Plugins) != 1 {
		t.Errorf("with the check there are %d plugins: %+v", len(s.Plugins), s.Plugins)
	}
	a.write(t, "moonkeep.yaml", instance, 0o644)
	p.asks(t, 0, "reload")
	eventually(t, "no plugin is left without the check", none, p.log.String)
	p.stop(t)
}

// TestCheckerFollowsItsNamespace: a namespace that is made anew under its name has the
// checks that are in it with the next reload, and another reload changes nothing.
func TestCheckerFollowsItsNamespace(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	first, second := netnstest.New(t), netnstest.New(t)
	name := filepath.Join(t.TempDir(), "red")
	become := func(h *netnstest.Host) {
		t.Helper()
		netnstest.Must(t, os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.FD()), name+".new"))
		netnstest.Must(t, os.Rename(name+".new", name))
	}
	become(first)
	p := a.start(t, "run", a.write(t, "moonkeep.yaml", `vrrp_scripts:
  - {name: web, interval: 1s, timeout: 1s, plugin: {TCP_CHECK: {connect_ip: 192.0.2.1, connect_port: 80, net_namespace: `+name+`}}}
vrrp_instances:
  - name: VI_1
    interface: eth0
    virtual_router_id: 51
    version: 3
    virtual_ipaddresses: [192.0.2.100/24]
    track_scripts: [web]
`, 0o644))
	pid, starts := 0, 0
	in := func(h *netnstest.Host) {
		t.Helper()
		var at string
		eventually(t, "the checker is in its namespace", func() bool {
			s, err := p.status()
			if err != nil || len(s.Plugins) != 1 || s.Plugins[0].PID == 0 {
				return false
			}
			pid, starts = s.Plugins[0].PID, s.Plugins[0].Starts
			at, _ = os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid)) // it may have ended since
			return at == fmt.Sprintf("net:[%d]", h.Inode())
		}, func() string {
			return fmt.Sprintf("it is in %s, of %d and %d\n%s", at, first.Inode(), second.Inode(), p.log)
		})
	}
	in(first)
	before := starts
	p.asks(t, 0, "reload")
	// It would begin at once, and take over some time later.
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if in(first); starts != before {
			t.Fatalf("a reload that changes nothing started another process: %d before, %d now", before, starts)
		}
	}
	become(second)
	p.asks(t, 0, "reload")
	in(second)
	p.stop(t)
}

// TestReloadAsksPlugins: a check that a plugin refuses is no harmless change. A reload
// with a new one is refused, with its place; at a start the check has no result, and the
// log and the status say why. A file that was replaced is a change, too.
func TestReloadAsksPlugins(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	program := fmt.Sprintf(linesPlugin, strict+"\n[ $(ulimit -n) -lt 1000 ] && why=few_files", "", "")
	limit := ""
	file := rootsFile(t, "asked-again", program)
	site := func(h *host, option string) string {
		return h.write(t, "moonkeep.yaml", fmt.Sprintf(`plugins: [{name: ASKED, path: %s, processes: 8%s}]
virtual_servers:
  - address: "192.0.2.100:80"
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    delay_loop: 200ms
    real_servers:
      - address: "192.0.2.7:80"
        checks:
          - plugin: {name: ASKED, options: {%s}}
vrrp_instances:
  - {name: VI_1, interface: eth0, virtual_router_id: 51, virtual_ipaddresses: [192.0.2.100/24]}
`, file, limit, option), 0o644)
	}
	const refused = `moonkeep.yaml:11:21: error: plugin ASKED of 192.0.2.7:80: no_such_option`
	path := site(a, "n: 1")
	p := a.start(t, "run", path)
	result := func(of *process, what string) {
		t.Helper()
		eventually(t, what, func() bool {
			s, err := of.status()
			return err == nil && len(s.Plugins) == 1 && len(s.Services) == 1 && strings.Contains(s.Services[0].Servers[0].Checks[0].Message, what)
		}, of.log.String)
	}
	result(p, "fine")
	site(a, "n: 1, no_such_option: 2")
	mentions(t, "the plan", p.asks(t, 0, "plan", path), "A RELOAD IS REFUSED: plugin ASKED of 192.0.2.7:80: no_such_option")
	mentions(t, "the reload", p.asks(t, 1, "reload"), refused)
	mentions(t, "the reload", p.asks(t, 1, "reload", "--force"), refused)
	result(p, "fine")
	limit = ", open_files: 64"
	site(a, "n: 1")
	mentions(t, "the plan", p.asks(t, 0, "plan", path), "A RELOAD IS REFUSED: plugin ASKED of 192.0.2.7:80: few_files")
	limit = ""
	site(a, "n: 1")
	mentions(t, "the plan", p.asks(t, 0, "plan", path), "nothing would change")

	replace := func(text string) {
		t.Helper()
		netnstest.Must(t, os.WriteFile(file+".new", []byte(text), 0o755))
		netnstest.Must(t, os.Rename(file+".new", file))
	}
	replace(program + "\n")
	const replaced = "its file %s is another than the one that runs"
	mentions(t, "the plan", p.asks(t, 0, "plan", path), fmt.Sprintf(replaced, file))
	mentions(t, "the reload", p.asks(t, 0, "reload"), fmt.Sprintf(replaced, file))
	eventually(t, "the other file runs", func() bool {
		s, err := p.status()
		return err == nil && len(s.Plugins) == 1 && s.Plugins[0].Starts >= 2 && strings.Contains(p.log.String(), "a new process takes over")
	}, p.log.String)
	mentions(t, "the reload", p.asks(t, 0, "reload"), "nothing changed")
	mentions(t, "the plan", p.asks(t, 0, "plan", path), "nothing would change") // the file was looked at
	// What another file refuses that the one before did not is let go of by force only.
	replace(fmt.Sprintf(linesPlugin, "why=nothing_any_more", "", ""))
	mentions(t, "the reload", p.asks(t, 1, "reload"), "error: plugin ASKED of 192.0.2.7:80: nothing_any_more")
	mentions(t, "the reload by force", p.asks(t, 0, "reload", "--force"), "warning: plugin ASKED of 192.0.2.7:80: nothing_any_more")
	result(p, "the plugin cannot make this check: nothing_any_more")
	p.stop(t)

	replace(program)

	p = b.start(t, "run", site(b, "n: 1, no_such_option: 2"))
	result(p, "the plugin cannot make this check: no_such_option")
	mentions(t, "the log", p.log.String(), "a plugin refuses a check, which has no result until the configuration is put right", "moonkeep.yaml:11:21")
	mentions(t, "the status", p.asks(t, 0, "status"), "REFUSES 1 check, such as ASKED of 192.0.2.7:80 of virtual server TCP 192.0.2.100:80: no_such_option")
	// It is so already: what else changes is taken.
	p.asks(t, 0, "reload")
	replace(program + "\n")
	mentions(t, "the reload", p.asks(t, 0, "reload"), fmt.Sprintf(replaced, file))
	p.stop(t)
}

// TestAskedInTheirNamespace: whether a plugin takes a check is asked where the check is
// made, and what it refuses there says nothing of the same check elsewhere.
func TestAskedInTheirNamespace(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	bare := netnstest.New(t) // without the interface that the plugin asks for
	red := filepath.Join(t.TempDir(), "red")
	netnstest.Must(t, os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), bare.FD()), red))
	const looks = `case "$(cat /proc/net/dev)" in *eth0:*) ;; *) why=no_eth0 ;; esac`
	file := rootsFile(t, "asked-there", fmt.Sprintf(linesPlugin, looks, "", ""))
	site := func(name string, second bool) string {
		text := fmt.Sprintf(`plugins: [{name: ASKED, path: %s, processes: 8}]
vrrp_instances:
  - {name: VI_1, interface: eth0, virtual_router_id: 51, virtual_ipaddresses: [192.0.2.100/24]}
virtual_servers:
  - address: "192.0.2.100:80"
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    delay_loop: 200ms
    real_servers:
      - {address: "192.0.2.7:80", checks: [{plugin: {name: ASKED}}]}
`, file)
		if second {
			text += fmt.Sprintf("      - {address: \"192.0.2.8:80\", checks: [{plugin: {name: ASKED, net_namespace: %s}}]}\n", red)
		}
		return a.write(t, name, text, 0o644)
	}
	path := site("moonkeep.yaml", false)
	p := a.start(t, "run", path)
	results := func(what ...string) {
		t.Helper()
		eventually(t, "results", func() bool {
			s, err := p.status()
			if err != nil || len(s.Services) != 1 || len(s.Services[0].Servers) != len(what) {
				return false
			}
			for i, server := range s.Services[0].Servers {
				if !strings.Contains(server.Checks[0].Message, what[i]) {
					return false
				}
			}
			return true
		}, p.log.String)
	}
	results("fine")
	site("moonkeep.yaml", true)
	const refused = "plugin ASKED of 192.0.2.8:80: no_eth0"
	mentions(t, "the plan", p.asks(t, 0, "plan", path), refused)
	mentions(t, "the reload", p.asks(t, 1, "reload"), refused)
	p.stop(t)

	p = a.start(t, "again", path)
	results("fine", "no_eth0")
	netnstest.Must(t, os.WriteFile(file+".new", fmt.Appendf(nil, linesPlugin, "why=nothing_any_more", "", ""), 0o755))
	netnstest.Must(t, os.Rename(file+".new", file))
	said := p.asks(t, 1, "reload")
	mentions(t, "the reload", said, "plugin ASKED of 192.0.2.7:80: nothing_any_more")
	if strings.Contains(said, "192.0.2.8") {
		t.Errorf("of what is refused already it says %s", said)
	}
	results("fine", "no_eth0")
	p.stop(t)
}
