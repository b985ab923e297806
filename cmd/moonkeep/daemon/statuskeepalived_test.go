package daemon

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config/keepalived"
	"github.com/moonkeep/moonkeep/core/control"
)

// TestKeepalivedJSON holds what the comparison with keepalived 2.2.7 itself cannot:
// what newer ones have, another network namespace, counters, and that no password is
// in it.
func TestKeepalivedJSON(t *testing.T) {
	const text = `
global_defs {
    json_version 2
}
vrrp_track_process web {
    process /usr/sbin/nginx -g x
    weight 5
    quorum 2
    quorum_max 4
    fork_delay 3
    terminate_delay 0.5
    full_command
}
vrrp_instance VI_1 {
    net_namespace blue
    interface d0
    virtual_router_id 51
    priority 100
    use_vmac
    authentication {
        auth_type PASS
        auth_pass abcd
    }
    virtual_ipaddress {
        10.9.9.7/24
        10.9.9.8/24 dev d1 use_vmac
    }
    virtual_routes {
        10.77.0.0/16 via 10.9.9.50 dev d0
        blackhole 10.78.0.0/16
        10.79.0.0/16 nexthop via 10.9.9.51 dev d0 weight 2 nexthop via 10.9.9.52 dev d1 onlink
    }
    virtual_rules {
        to 10.78.0.0/16 iif d1 lookup 100 preference 3001
    }
    track_process {
        web
    }
    notify_stop "/usr/bin/true a"
}
`
	c, found := keepalived.Read("a.conf", []byte(text))
	if found.Errors() {
		t.Fatal(found)
	}
	count, soon := 1, 0.5
	s := &control.Status{At: time.Unix(1000, 0), Instances: []control.Instance{{
		Name: "VI_1", Role: "MASTER", SinceAge: 2.5, Base: 100, Effective: 107, AdvertInterval: 1, MasterInterval: 1,
		Addresses: []control.Address{{Address: "10.9.9.7/24", Device: "blue/vrrp.51", Held: true}, {Address: "10.9.9.8/24", Device: "blue/vrrp1.51"}},
		Counters:  control.Counters{Sent: 4, BecameMaster: 1, Keepalived: map[string]uint64{"ip_ttl_err": 3, "addr_list_err": 2}},
	}}, Processes: []control.Process{{Name: "web", State: "up", Count: &count, ChangesIn: &soon, Fewer: true}}}
	got, err := json.Marshal(keepalivedJSON(s, c))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"vrrp":[{"data":{"iname":"VI_1",`, `"vmac_ifname":"vrrp.51","ifp_ifname":"vrrp.51"`, `"last_transition":997.5,`, `"vipset":false`, `"auth_type":1}`,
		`"vips":["10.9.9.7/24 dev vrrp.51@d0 scope global set","10.9.9.8/24 dev vrrp1.51@d1 use_vmac scope global"]`,
		`"vroutes":["prepend 10.77.0.0/16 via inet 10.9.9.50 dev d0 proto 18","add blackhole 10.78.0.0/16 proto 18",` +
			`"prepend 10.79.0.0/16 proto 18 nexthop via inet 10.9.9.51 dev d0 weight 2 nexthop via inet 10.9.9.52 dev d1 weight 1 onlink"]`,
		`"vrules":["from all to 10.78.0.0/16 priority 3001 tos 0x0 iif d1 protocol 18 lookup 100"]`, `"track_process":["web"]`,
		`"script_stop":"'/usr/bin/true' 'a'"`, `"ip_ttl_err":3,`, `"addr_list_err":2,`,
		`"track_process":[{"process":"web","parameters":"-g x","param_match":"exact","min_processes":2,"max_processes":4,"current_processes":1,"have_quorum":true,` +
			`"weight":5,"terminate_delay":0.5,"fork_delay":3,"fork_delay_timer_running":false,"terminate_delay_timer_running":true,"full_command":true}]}`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("it lacks %s:\n%s", want, got)
		}
	}
	count, s.Processes[0].State = 4, "down"
	if p := kaProcesses(s, c)[0]; p.ForkRunning || !p.TerminateRunning {
		t.Errorf("from 5 to 4, the most: %+v", p)
	}
	if s.Processes[0].Fewer = false; !kaProcesses(s, c)[0].ForkRunning {
		t.Error("from 1 to 4: no fork_delay runs")
	}
	if strings.Contains(string(got), "abcd") {
		t.Error("the password is in it")
	}
	if got := kaInstances(&control.Status{}, c); len(got) != 0 {
		t.Errorf("an instance that does not run is there: %+v", got)
	}
}
