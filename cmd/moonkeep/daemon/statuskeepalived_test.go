package daemon

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config/keepalived"
	"github.com/moonkeep/moonkeep/core/control"
)

// TestKeepalivedJSON compares with what keepalived 2.2.7 dumps for the same
// configuration and state, but for its fields that are new since.
func TestKeepalivedJSON(t *testing.T) {
	c, found := keepalived.Read("a.conf", []byte(`
vrrp_script s {
    script "/usr/bin/true"
    interval 1
    weight 5
}
vrrp_instance VI_1 {
    state BACKUP
    interface d0
    virtual_router_id 51
    priority 100
    authentication {
        auth_type PASS
        auth_pass abcd
    }
    virtual_ipaddress {
        10.9.9.7/24
        10.9.9.8/24 label d0:x
    }
    track_script {
        s weight 7
    }
    notify_master "/usr/bin/true a"
}
`))
	if found.Errors() {
		t.Fatal(found)
	}
	s := &control.Status{At: time.Unix(1000, 0), Instances: []control.Instance{{
		Name: "VI_1", Role: "MASTER", SinceAge: 2.5, Base: 100, Effective: 107, AdvertInterval: 1, MasterInterval: 1,
		Addresses: []control.Address{{Address: "10.9.9.7/24", Device: "d0", Held: true}, {Address: "10.9.9.8/24", Device: "d0", Held: true}},
		Counters:  control.Counters{Sent: 4, BecameMaster: 1, Keepalived: map[string]uint64{"ip_ttl_err": 3}},
	}}}
	text, err := json.Marshal(keepalivedJSON(s, c))
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"data":{"iname":"VI_1","dont_track_primary":0,"skip_check_adv_addr":0,"strict_mode":0,"vmac_ifname":"","ifp_ifname":"d0",` +
		`"master_priority":0,"last_transition":997.5,"garp_delay":5,"garp_refresh":0,"garp_rep":5,"garp_refresh_rep":1,"garp_lower_prio_delay":5,` +
		`"garp_lower_prio_rep":5,"lower_prio_no_advert":0,"higher_prio_send_advert":0,"vrid":51,"base_priority":100,"effective_priority":107,` +
		`"vipset":true,"promote_secondaries":false,"adver_int":1,"master_adver_int":1,"accept":1,"nopreempt":false,"preempt_delay":0,"state":2,` +
		`"wantstate":2,"version":2,"smtp_alert":false,"notify_deleted":false,"script_master":"'/usr/bin/true' 'a'",` +
		`"vips":["10.9.9.7/24 dev d0 scope global set","10.9.9.8/24 dev d0 scope global label d0:x set"],"track_script":["'/usr/bin/true'"],` +
		`"auth_type":1},"stats":{"advert_rcvd":0,"advert_sent":4,"become_master":1,"release_master":0,"packet_len_err":0,"advert_interval_err":0,` +
		`"ip_ttl_err":3,`
	if !strings.HasPrefix(string(text), want) {
		t.Errorf("got\n%s\nwant\n%s...", text, want)
	}
	if strings.Contains(string(text), "abcd") {
		t.Error("the password is in it")
	}
	if got := keepalivedJSON(&control.Status{}, c); len(got) != 0 {
		t.Errorf("an instance that does not run is there: %+v", got)
	}
}
