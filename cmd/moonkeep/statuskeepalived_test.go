package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
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

// dumped are instances that show what the JSON dump of keepalived holds: on interfaces
// of the node's own, with routes and rules, and strict.
const dumped = `
global_defs {
	script_user root
}
vrrp_script s {
	script "/usr/bin/true"
	interval 1
}
vrrp_instance PLAIN {
	interface eth0
	version 3
	advert_int 0.1
	virtual_router_id 51
	priority 150
	virtual_ipaddress {
		192.0.2.100/24
		192.0.2.101 label eth0:x
		192.0.2.102/24 brd +
		203.0.113.1/24 brd 203.0.113.255 scope link
		192.0.2.104 peer 192.0.2.105
	}
	virtual_ipaddress_excluded {
		2001:db8::7/64 preferred_lft 0
		2001:db8::8/64
		2001:db8::9
		2001:db8::a/64 preferred_lft 300 noprefixroute home
		192.0.2.106/32 no_track
	}
	virtual_routes {
		198.51.100.0/24 via 192.0.2.2 dev eth0
		198.51.101.0/24 dev eth0 scope link metric 5 table 100
		src 192.0.2.100 198.51.102.0/24 via 192.0.2.2 dev eth0 tos 4 metric 4 mtu 1400 window 5000 advmss lock 1300 initcwnd 5
		append 198.51.103.0/24 via 192.0.2.2 dev eth0 onlink
	}
	virtual_rules {
		from 198.51.100.0/24 table 100 priority 3000
		to 198.51.101.0/24 fwmark 5 iif eth0 lookup 100 preference 3001
		not from 198.51.102.0/24 tos 8 oif eth0 table main preference 3002
		from 198.51.103.0/24 realms 4/5 table 7 priority 3003 fwmark 5/7
		from 198.51.104.0/24 suppress_prefixlength 5 table local preference 3004
		from 198.51.105.0/24 prohibit preference 3005
		from 2001:db8:9::/48 table 101 preference 3006
	}
	track_script {
		s weight 7
	}
	notify_master "/usr/bin/true a"
	notify_backup "/usr/bin/true 'b c'"
	notify /usr/bin/true
}
vrrp_instance OWN {
	interface eth0
	version 3
	advert_int 0.1
	virtual_router_id 52
	priority 150
	use_vmac
	virtual_ipaddress {
		192.0.2.110/24
	}
}
vrrp_instance BASE {
	interface eth0
	version 3
	advert_int 0.1
	virtual_router_id 53
	priority 150
	use_vmac base53
	vmac_xmit_base
	no_accept
	virtual_ipaddress {
		192.0.2.120/24
	}
}
vrrp_instance STRICT {
	interface eth0
	version 3
	advert_int 0.1
	virtual_router_id 54
	priority 150
	strict_mode
	virtual_ipaddress {
		192.0.2.130/24
	}
}
vrrp_instance SIX {
	interface eth0
	version 3
	advert_int 0.1
	virtual_router_id 55
	priority 150
	nopreempt
	garp_master_refresh 9
	virtual_ipaddress {
		fe80::55/64
		2001:db8::55
	}
}
`

// dumpedInstances are the data of the instances of a dump in version 1, without what
// differs from run to run, and the names of the statistics.
func dumpedInstances(text []byte) (all map[string]map[string]any, stats []string, err error) {
	var list []struct{ Data, Stats map[string]any }
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, nil, err
	}
	all = map[string]map[string]any{}
	for _, i := range list {
		delete(i.Data, "last_transition")
		all[fmt.Sprint(i.Data["iname"])] = i.Data
		stats = slices.Sorted(maps.Keys(i.Stats))
	}
	return all, stats, nil
}

// TestKeepalivedDump holds `status --format keepalived` against what keepalived itself
// dumps for the same configuration, when all instances are MASTER.
func TestKeepalivedDump(t *testing.T) {
	t.Parallel()
	keepalived, err := exec.LookPath("keepalived")
	if err != nil {
		t.Skip("needs keepalived: what it dumps is the measure")
	}
	a, _ := hosts(t)
	masters := func(all map[string]map[string]any) bool {
		for _, data := range all {
			if data["state"] != 2.0 {
				return false
			}
		}
		return len(all) == strings.Count(dumped, "vrrp_instance")
	}

	file := a.write(t, "keepalived.conf", dumped, 0o644)
	theirs := &process{dir: a.dir, log: new(output), done: make(chan struct{})}
	theirs.Cmd = exec.Command(keepalived, "-n", "-l", "-f", file, "-p", a.dir+"/p", "-r", a.dir+"/r")
	theirs.Env = append(os.Environ(), "TMPDIR="+a.dir)
	theirs.Stderr, theirs.Stdout = theirs.log, theirs.log
	theirs.begin(t, a)
	var want map[string]map[string]any
	var wantStats []string
	path := filepath.Join(a.dir, "keepalived.json")
	// The signal would end one that does not listen for it yet.
	eventually(t, "keepalived has begun", func() bool { return strings.Contains(theirs.log.String(), "Startup complete") }, theirs.log.String)
	eventually(t, "keepalived is MASTER", func() bool {
		theirs.signal(t, syscall.Signal(36))
		time.Sleep(100 * time.Millisecond)
		if text, err := os.ReadFile(path); err == nil {
			want, wantStats, _ = dumpedInstances(text) // it may be being written
		}
		return masters(want)
	}, theirs.log.String)
	theirs.signal(t, syscall.SIGTERM)
	theirs.ended(t, 0)

	p := a.start(t, "run", file)
	var got map[string]map[string]any
	var gotStats []string
	eventually(t, "moonkeep is MASTER", func() bool {
		var stdout, stderr bytes.Buffer
		if run([]string{"status", "--format", "keepalived", "--run-dir", p.dir}, &stdout, &stderr) != 0 {
			return false
		}
		var err error
		got, gotStats, err = dumpedInstances(stdout.Bytes())
		netnstest.Must(t, err)
		// The script is looked at once more, and addresses follow the role.
		return masters(got) && got["PLAIN"]["effective_priority"] == 157.0 && got["PLAIN"]["vipset"] == true && got["SIX"]["vipset"] == true
	}, func() string { return fmt.Sprint(got) + p.log.String() })
	// In strict mode keepalived does not announce its addresses again after an advert
	// of a lower priority, and moonkeep does.
	for _, key := range []string{"garp_lower_prio_delay", "garp_lower_prio_rep"} {
		if want["STRICT"][key] != 0.0 || got["STRICT"][key] != 5.0 {
			t.Errorf("STRICT: %s is %v and %v", key, want["STRICT"][key], got["STRICT"][key])
		}
		delete(want["STRICT"], key)
		delete(got["STRICT"], key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the dump (- keepalived's, + ours):\n%s", diff)
	}
	for _, name := range wantStats {
		if !slices.Contains(gotStats, name) {
			t.Errorf("the statistics lack %s", name)
		}
	}
	if !strings.Contains(fmt.Sprint(got["BASE"]["vips"]), "dev base53@eth0") {
		t.Errorf("an address on an interface of the node's own is %v", got["BASE"]["vips"])
	}
	p.stop(t)
}
