package daemon

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/track"
)

// kaInstance is an instance in the JSON that keepalived dumps: its keys in its
// order, for programs that read that.
type kaInstance struct {
	Data  kaData  `json:"data"`
	Stats kaStats `json:"stats"`
}

type kaData struct {
	Name              string   `json:"iname"`
	DontTrackPrimary  int      `json:"dont_track_primary"`
	SkipCheckAdvAddr  int      `json:"skip_check_adv_addr"`
	StrictMode        int      `json:"strict_mode"`
	VMACIfname        string   `json:"vmac_ifname"`
	Ifname            string   `json:"ifp_ifname"`
	MasterPriority    int      `json:"master_priority"`
	LastTransition    float64  `json:"last_transition"`
	GarpDelay         float64  `json:"garp_delay"`
	GarpRefresh       float64  `json:"garp_refresh"`
	GarpRep           int      `json:"garp_rep"`
	GarpRefreshRep    int      `json:"garp_refresh_rep"`
	GarpLowerDelay    float64  `json:"garp_lower_prio_delay"`
	GarpLowerRep      int      `json:"garp_lower_prio_rep"`
	LowerNoAdvert     int      `json:"lower_prio_no_advert"`
	HigherSendAdvert  int      `json:"higher_prio_send_advert"`
	VRID              int      `json:"vrid"`
	BasePriority      int      `json:"base_priority"`
	EffectivePriority int      `json:"effective_priority"`
	VIPSet            bool     `json:"vipset"`
	Promote           bool     `json:"promote_secondaries"`
	AdvertInt         float64  `json:"adver_int"`
	MasterAdvertInt   float64  `json:"master_adver_int"`
	Accept            int      `json:"accept"`
	NoPreempt         bool     `json:"nopreempt"`
	PreemptDelay      float64  `json:"preempt_delay"`
	State             int      `json:"state"`
	WantState         int      `json:"wantstate"`
	Version           int      `json:"version"`
	SMTPAlert         bool     `json:"smtp_alert"`
	NotifyDeleted     bool     `json:"notify_deleted"`
	ScriptBackup      string   `json:"script_backup,omitempty"`
	ScriptMaster      string   `json:"script_master,omitempty"`
	ScriptFault       string   `json:"script_fault,omitempty"`
	ScriptStop        string   `json:"script_stop,omitempty"`
	Script            string   `json:"script,omitempty"`
	VIPs              []string `json:"vips,omitempty"`
	EVIPs             []string `json:"evips,omitempty"`
	VRoutes           []string `json:"vroutes,omitempty"`
	VRules            []string `json:"vrules,omitempty"`
	TrackInterfaces   []string `json:"track_ifp,omitempty"`
	TrackScripts      []string `json:"track_script,omitempty"`
	TrackProcesses    []string `json:"track_process,omitempty"`
	AuthType          int      `json:"auth_type"`
}

type kaStats struct {
	Received         uint64 `json:"advert_rcvd"`
	Sent             uint64 `json:"advert_sent"`
	BecameMaster     uint64 `json:"become_master"`
	ReleasedMaster   uint64 `json:"release_master"`
	PacketLength     uint64 `json:"packet_len_err"`
	AdvertInterval   uint64 `json:"advert_interval_err"`
	TTL              uint64 `json:"ip_ttl_err"`
	InvalidType      uint64 `json:"invalid_type_rcvd"`
	AddressList      uint64 `json:"addr_list_err"`
	InvalidAuthtype  uint64 `json:"invalid_authtype"`
	AuthtypeMismatch uint64 `json:"authtype_mismatch"`
	AuthFailure      uint64 `json:"auth_failure"`
	ExtMissing       uint64 `json:"auth_ext_missing"`
	ExtMalformed     uint64 `json:"auth_ext_malformed"`
	ExtUnknownKey    uint64 `json:"auth_ext_unknown_key"`
	ExtInvalid       uint64 `json:"auth_ext_invalid_hmac"`
	ExtStale         uint64 `json:"auth_ext_stale"`
	ExtReplay        uint64 `json:"auth_ext_replay"`
	ZeroReceived     uint64 `json:"pri_zero_rcvd"`
	ZeroSent         uint64 `json:"pri_zero_sent"`
}

// kaDump is the JSON of version 2.
type kaDump struct {
	VRRP         []kaInstance `json:"vrrp"`
	TrackProcess []kaProcess  `json:"track_process,omitempty"`
}

// kaProcess is a track_process, of which only version 2 tells.
type kaProcess struct {
	Process          string  `json:"process"`
	Parameters       string  `json:"parameters,omitempty"`
	ParamMatch       string  `json:"param_match"`
	Least            int     `json:"min_processes"`
	Most             *int    `json:"max_processes,omitempty"`
	Count            int     `json:"current_processes"`
	Quorum           bool    `json:"have_quorum"`
	Weight           int     `json:"weight"`
	TerminateDelay   float64 `json:"terminate_delay"`
	ForkDelay        float64 `json:"fork_delay"`
	ForkRunning      bool    `json:"fork_delay_timer_running"`
	TerminateRunning bool    `json:"terminate_delay_timer_running"`
	FullCommand      bool    `json:"full_command"`
}

// Keepalived implements control.Daemon: the instances as keepalived dumps
// them, without passwords.
func (d *daemon) Keepalived(ctx context.Context) (any, error) {
	s, err := d.Status(ctx)
	if err != nil {
		return nil, err
	}
	return keepalivedJSON(&s, d.current()), nil
}

// keepalivedJSON is the dump in the version that the configuration asks for.
func keepalivedJSON(s *control.Status, c *config.Config) any {
	list := kaInstances(s, c)
	if c.Global.JSONVersion != 2 {
		return list
	}
	return kaDump{list, kaProcesses(s, c)}
}

// kaInstances describes the instances that both the status and the
// configuration have, in the order of the second.
func kaInstances(s *control.Status, c *config.Config) []kaInstance {
	out := []kaInstance{}
	byName := map[string]*control.Instance{}
	for i := range s.Instances {
		byName[s.Instances[i].Name] = &s.Instances[i]
	}
	parents := map[string]string{}
	for _, space := range append(build.Spaces(c), "") {
		for _, d := range build.Devices(build.Within(c, space)) {
			parents[netspec.Within(space, d.Name)] = d.Parent
		}
	}
	built, own := build.Node(c), build.OwnInterfaces(c)
	for i := range c.Instances {
		in := &c.Instances[i]
		if now := byName[in.Name]; now != nil {
			x := kaInstance{kaDataOf(in, &built.Instances[i], now, c, s.At), kaStatsOf(&now.Counters)}
			if own[i] != "" {
				x.Data.VMACIfname, x.Data.Ifname = own[i], own[i]
			}
			x.Data.hold(in, &built.Instances[i], now, parents)
			out = append(out, x)
		}
	}
	return out
}

// hold says which addresses, routes and rules there are, and whether the addresses
// stand. They are those that the node made of the configuration: on an interface of
// its own, or in a network namespace, they have another device than that says.
func (d *kaData) hold(in *config.Instance, n *node.Instance, now *control.Instance, parents map[string]string) {
	held := map[string]bool{}
	d.VIPSet = len(now.Addresses) > 0
	for _, a := range now.Addresses {
		d.VIPSet = d.VIPSet && a.Held
		held[a.Address+" "+a.Device] = a.Held
	}
	dropped := n.Router.Drops() && now.Role == "MASTER"
	for _, list := range []struct {
		from  []config.Address
		built []netspec.Address
		to    *[]string
	}{{in.Addresses, n.Addresses, &d.VIPs}, {in.Excluded, n.Excluded, &d.EVIPs}} {
		for i := range list.built {
			a := &list.built[i]
			*list.to = append(*list.to, kaAddress(&list.from[i], a, parents, held[a.Prefix.String()+" "+a.Device], dropped))
		}
	}
	for i := range n.Routing.Routes {
		d.VRoutes = append(d.VRoutes, kaRoute(&n.Routing.Routes[i], parents))
	}
	for i := range n.Routing.Rules {
		d.VRules = append(d.VRules, kaRule(&n.Routing.Rules[i]))
	}
}

// kaProcesses describes the processes that are tracked.
func kaProcesses(s *control.Status, c *config.Config) (out []kaProcess) {
	byName := map[string]*control.Process{}
	for i := range s.Processes {
		byName[s.Processes[i].Name] = &s.Processes[i]
	}
	for i := range c.TrackProcesses {
		p := &c.TrackProcesses[i]
		now := byName[p.Name]
		if now == nil {
			continue
		}
		x := kaProcess{
			Process: p.Name, ParamMatch: cmp.Or(p.ParamMatch, "none"), Least: p.Quorum, Most: p.QuorumMax, Quorum: now.State == track.Up.String(),
			Weight: p.Weight, TerminateDelay: p.TerminateDelay.Seconds(), ForkDelay: p.ForkDelay.Seconds(), FullCommand: p.FullCommand,
		}
		if len(p.Process) > 1 {
			x.Parameters = strings.Join(p.Process[1:], " ")
			if p.ParamMatch == "" {
				x.ParamMatch = "exact"
			}
		}
		if p.Reverse {
			x.Weight = -x.Weight
		}
		if now.Count != nil {
			x.Count = *now.Count
			// The one delay is for more processes, the other for fewer.
			x.ForkRunning = now.ChangesIn != nil && !now.Fewer
			x.TerminateRunning = now.ChangesIn != nil && now.Fewer
		}
		out = append(out, x)
	}
	return out
}

// kaState is keepalived's number of a role.
func kaState(role string) int {
	switch role {
	case "BACKUP":
		return 1
	case "MASTER":
		return 2
	case "FAULT":
		return 3
	}
	return 0
}

func kaDataOf(in *config.Instance, n *node.Instance, now *control.Instance, c *config.Config, at time.Time) kaData {
	number := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	since := at.Add(-time.Duration(now.SinceAge * float64(time.Second)))
	d := kaData{
		Name: in.Name, DontTrackPrimary: number(in.IgnorePrimary), SkipCheckAdvAddr: number(in.SkipCheckAdvAddr), StrictMode: number(in.Strict),
		Ifname: in.Interface, LastTransition: float64(since.UnixMicro()) / 1e6,
		GarpDelay: in.Garp.MasterDelay.Seconds(), GarpRefresh: in.Garp.MasterRefresh.Seconds(), GarpRep: in.Garp.MasterRepeat,
		GarpRefreshRep: in.Garp.MasterRefreshRepeat, GarpLowerDelay: in.Garp.LowerPrioDelay.Seconds(), GarpLowerRep: in.Garp.LowerPrioRepeat,
		LowerNoAdvert: number(in.LowerPrioNoAdvert), HigherSendAdvert: number(in.HigherPrioSendAdvert != nil && *in.HigherPrioSendAdvert),
		VRID: in.VRID, BasePriority: now.Base, EffectivePriority: now.Effective, Promote: in.PromoteSecondaries,
		AdvertInt: now.AdvertInterval, MasterAdvertInt: now.MasterInterval, Accept: number(!n.Router.NoAccept), NoPreempt: in.NoPreempt,
		PreemptDelay: in.PreemptDelay.Seconds(), State: kaState(now.Role), WantState: kaState(now.Role), Version: in.Version,
		SMTPAlert: in.SMTPAlert, NotifyDeleted: in.NotifyDeleted,
		ScriptBackup: kaScript(in.Notify.Backup), ScriptMaster: kaScript(in.Notify.Master), ScriptFault: kaScript(in.Notify.Fault),
		ScriptStop: kaScript(in.Notify.Stop), Script: kaScript(in.Notify.Any),
		AuthType: map[string]int{"PASS": 1, "AH": 2}[in.AuthType],
	}
	if now.HeardPriority != nil && now.Role == "BACKUP" {
		d.MasterPriority = *now.HeardPriority
	}
	for _, t := range in.TrackInterfaces {
		d.TrackInterfaces = append(d.TrackInterfaces, t.Name)
	}
	for _, t := range in.TrackScripts {
		for i := range c.Scripts {
			if s := &c.Scripts[i]; s.Name == t.Name && len(s.Argv) > 0 {
				d.TrackScripts = append(d.TrackScripts, kaWords(s.Argv))
			}
		}
	}
	for _, t := range in.TrackProcesses {
		d.TrackProcesses = append(d.TrackProcesses, t.Name)
	}
	return d
}

func kaScript(p *config.Program) string {
	if p == nil {
		return ""
	}
	if p.Lua != "" {
		return kaWords([]string{"lua:" + p.Lua})
	}
	return kaWords(p.Argv)
}

// kaWords puts each word into single quotes.
func kaWords(words []string) string { return "'" + strings.Join(words, "' '") + "'" }

// kaStatsOf adds up the reasons for which adverts were refused as keepalived
// counts them.
func kaStatsOf(c *control.Counters) kaStats {
	s := kaStats{
		Received: c.Received, Sent: c.Sent, BecameMaster: c.BecameMaster, ReleasedMaster: c.LeftMaster,
		ZeroReceived: c.ReceivedZero, ZeroSent: c.SentZero,
	}
	keys := map[string]*uint64{
		"packet_len_err": &s.PacketLength, "advert_interval_err": &s.AdvertInterval, "ip_ttl_err": &s.TTL, "invalid_type_rcvd": &s.InvalidType,
		"addr_list_err": &s.AddressList, "invalid_authtype": &s.InvalidAuthtype, "authtype_mismatch": &s.AuthtypeMismatch, "auth_failure": &s.AuthFailure,
		"auth_ext_missing": &s.ExtMissing, "auth_ext_malformed": &s.ExtMalformed, "auth_ext_unknown_key": &s.ExtUnknownKey,
		"auth_ext_invalid_hmac": &s.ExtInvalid, "auth_ext_stale": &s.ExtStale, "auth_ext_replay": &s.ExtReplay,
	}
	for key, n := range c.Keepalived {
		if to := keys[key]; to != nil {
			*to += n
		}
	}
	return s
}
