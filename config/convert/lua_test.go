package convert

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/keepalived"
	"github.com/moonkeep/moonkeep/config/source"
)

// TestLuaFiles holds that a Lua file, with what it is handed and may do, is the
// same in every language, wherever one may stand.
func TestLuaFiles(t *testing.T) {
	c, found := source.Read("/etc/moonkeep/a.yaml", []byte(`
vrrp_scripts:
  - name: s
    lua: checks/s.lua
    allow: [exec, write]
    args: {url: "http://x/?a=b c", min: 3, part: 0.25, strict: true, text: "3", quoted: '"3"', yes: "true", none: "", back: 'a\b', single: "it's"}
vrrp_instances:
  - name: A
    interface: eth0
    virtual_router_id: 1
    virtual_ipaddresses: [192.0.2.1]
    track_scripts: [s]
    notify:
      master: {lua: master.lua, args: {to: ops}}
      backup: [/bin/true]
      fault: {lua: /fault.lua, allow: [exec]}
      stop: {lua: stop.lua}
      any: /bin/any
      lua: {path: all.lua, allow: [write], args: {file: /var/log/x}}
    notify_master_rx_lower_pri: {lua: lower.lua}
    notify_deleted: true
    notify_deleted_program: {lua: gone.lua, args: {n: -1}}
virtual_servers:
  - address: 192.0.2.1:80
    protocol: TCP
    lb_kind: NAT
    lb_algo: rr
    quorum_up: {lua: q.lua}
    real_servers:
      - address: 192.0.2.2:80
        notify_up: {lua: up.lua, args: {min: 1}}
        weight_by: {lua: weight.lua, args: {most: 100}}
        smoothing: {time_constant: 30s, min: 1, max: 100, step: 5}
        checks: [{MISC_CHECK: {misc_path: {lua: misc.lua, args: {port: 80}}}}]
`))
	if found.Errors() {
		t.Fatal(found)
	}
	want := config.Args{"url": "http://x/?a=b c", "min": 3.0, "part": 0.25, "strict": true, "text": "3", "quoted": `"3"`, "yes": "true", "none": "", "back": `a\b`, "single": "it's"}
	for _, to := range []string{Keepalived, "toml", "json", "yaml"} {
		text, lost, err := To(to, c, nil, true)
		// keepalived has no words for the two that are of a real server.
		lost = slices.DeleteFunc(lost, func(f config.Finding) bool { return to == Keepalived && f.Name == "own-keyword" })
		if err != nil || len(lost) > 0 {
			t.Fatalf("%s: %v, %v\n%s", to, err, lost, text)
		}
		var back *config.Config
		if to == Keepalived {
			back, found = keepalived.Read("/elsewhere/a.conf", text)
		} else {
			back, found = source.Read("/elsewhere/a."+to, text)
		}
		if found.Errors() {
			t.Fatalf("%s: %v\n%s", to, found, text)
		}
		// And what was read is written once more, the same.
		if to == Keepalived {
			text, lost, err := To("yaml", back, nil, true)
			again, found := source.Read("/elsewhere/b.yaml", text)
			if err != nil || len(lost) > 0 || found.Errors() {
				t.Fatalf("back to yaml: %v, %v, %v\n%s", err, lost, found, text)
			}
			back = again
		}
		s := back.Scripts[0]
		if s.Lua != "/etc/moonkeep/checks/s.lua" || !reflect.DeepEqual(s.Allow, []string{"exec", "write"}) || !reflect.DeepEqual(s.Args, want) {
			t.Errorf("%s: the script is %q, %q, %#v", to, s.Lua, s.Allow, s.Args)
		}
		in, v := &back.Instances[0], &back.VirtualServers[0]
		for what, pair := range map[string][2]*config.Lua{
			"master": {in.Notify.Master.File(), {Path: "/etc/moonkeep/master.lua", Args: config.Args{"to": "ops"}}}, "fault": {in.Notify.Fault.File(), {Path: "/fault.lua", Allow: []string{"exec"}}},
			"stop": {in.Notify.Stop.File(), {Path: "/etc/moonkeep/stop.lua"}}, "all": {in.Notify.Lua, {Path: "/etc/moonkeep/all.lua", Allow: []string{"write"}, Args: config.Args{"file": "/var/log/x"}}},
			"lower": {in.NotifyLowerPrio.File(), {Path: "/etc/moonkeep/lower.lua"}}, "deleted": {in.NotifyDeletedProgram.File(), {Path: "/etc/moonkeep/gone.lua", Args: config.Args{"n": -1.0}}},
			"quorum": {v.QuorumUp.File(), {Path: "/etc/moonkeep/q.lua"}}, "up": {v.RealServers[0].NotifyUp.File(), {Path: "/etc/moonkeep/up.lua", Args: config.Args{"min": 1.0}}},
			"weight": {v.RealServers[0].WeightBy.File(), {Path: "/etc/moonkeep/weight.lua", Args: config.Args{"most": 100.0}}},
			"misc":   {v.RealServers[0].Checks[0].Misc.MiscPath.File(), {Path: "/etc/moonkeep/misc.lua", Args: config.Args{"port": 80.0}}},
		} {
			got, want := pair[0], pair[1]
			if got == nil || got.Path != want.Path || len(got.Allow) != len(want.Allow) || len(got.Args)+len(want.Args) > 0 && !reflect.DeepEqual(got.Args, want.Args) {
				t.Errorf("%s: %s is %+v, want %+v\n%s", to, what, got, want, text)
			}
		}
		if s := v.RealServers[0].Smoothing; s == nil || s.TimeConstant != 30*time.Second || s.Min != 1 || s.Max != 100 || s.Step != 5 {
			t.Errorf("%s: the smoothing is %+v\n%s", to, s, text)
		}
		if in.Notify.Any == nil || in.Notify.Any.Argv[0] != "/bin/any" || in.Notify.Backup == nil {
			t.Errorf("%s: the programs are %+v", to, in.Notify)
		}
	}
}

// TestLuaRelative holds that a path in keepalived.conf counts from its file.
func TestLuaRelative(t *testing.T) {
	c, found := keepalived.Read("/etc/keepalived/keepalived.conf", []byte("vrrp_script s {\n script \"lua:checks/s.lua port=80\"\n}\nvrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n  192.0.2.1\n }\n track_script {\n  s\n }\n}\n"))
	if found.Errors() || c.Scripts[0].Lua != "/etc/keepalived/checks/s.lua" {
		t.Errorf("%q, %v", c.Scripts[0].Lua, found)
	}
	if _, found := source.Read("a.yaml", []byte("global: {startup_script: {lua: x.lua}}\nvrrp_instances: [{name: A, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1], notify: {any: {lua: x.lua}, master: {allow: [exec], script: x}}}]\n")); len(found) != 3 ||
		!strings.Contains(fmt.Sprint(found), "name a program") || !strings.Contains(fmt.Sprint(found), "hear of all changes") || !strings.Contains(fmt.Sprint(found), "goes with lua only") {
		t.Errorf("got %v", found)
	}
}

// TestLuaWithAUser: an account beside a Lua file means nothing in keepalived.conf, and
// is left out of the other languages, which refuse it.
func TestLuaWithAUser(t *testing.T) {
	c, found := keepalived.Read("/etc/keepalived/keepalived.conf", []byte(`vrrp_script s {
 user nobody nogroup
 script "lua:/s.lua"
}
vrrp_instance A {
 interface eth0
 virtual_router_id 1
 virtual_ipaddress {
  192.0.2.1/24
 }
 track_script {
  s
 }
}
virtual_server 192.0.2.1 80 {
 lb_algo rr
 lb_kind NAT
 protocol TCP
 real_server 192.0.2.2 80 {
  MISC_CHECK {
   misc_path "lua:/m.lua"
   user nobody
  }
 }
}
`))
	if found.Errors() {
		t.Fatal(found)
	}
	for _, to := range []string{"yaml", "toml", "json"} {
		text, lost, err := To(to, c, nil, true)
		if err != nil || len(lost) > 0 {
			t.Fatal(lost, err)
		}
		again, found := source.Read("/a."+to, text)
		if found.Errors() {
			t.Fatalf("%s: %v\n%s", to, found, text)
		}
		if m := again.VirtualServers[0].RealServers[0].Checks[0].Misc; bytes.Contains(text, []byte("nobody")) || again.Scripts[0].User != "" || m.User != "" {
			t.Errorf("%s has the account: %s", to, text)
		}
	}
}
