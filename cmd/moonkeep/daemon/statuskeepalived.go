package daemon

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/control"
)

// kaInstance is an instance in the JSON that keepalived dumps (version 1): its
// keys in its order, for programs that read that.
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
	TrackInterfaces   []string `json:"track_ifp,omitempty"`
	TrackScripts      []string `json:"track_script,omitempty"`
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

// Keepalived implements control.Daemon: the instances as keepalived dumps
// them, without passwords.
func (d *daemon) Keepalived(ctx context.Context) (any, error) {
	s, err := d.Status(ctx)
	if err != nil {
		return nil, err
	}
	return keepalivedJSON(&s, d.current()), nil
}

// keepalivedJSON describes the instances that both the status and the
// configuration have, in the order of the second.
func keepalivedJSON(s *control.Status, c *config.Config) []kaInstance {
	out := []kaInstance{}
	byName := map[string]*control.Instance{}
	for i := range s.Instances {
		byName[s.Instances[i].Name] = &s.Instances[i]
	}
	for i := range c.Instances {
		in := &c.Instances[i]
		if now := byName[in.Name]; now != nil {
			out = append(out, kaInstance{kaDataOf(in, now, c, s.At), kaStatsOf(&now.Counters)})
		}
	}
	return out
}

// kaStates are keepalived's numbers of the roles.
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

func kaDataOf(in *config.Instance, now *control.Instance, c *config.Config, at time.Time) kaData {
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
		VRID: in.VRID, BasePriority: now.Base, EffectivePriority: now.Effective, VIPSet: len(now.Addresses) > 0, Promote: in.PromoteSecondaries,
		AdvertInt: now.AdvertInterval, MasterAdvertInt: now.MasterInterval, Accept: number(!in.NoAccept), NoPreempt: in.NoPreempt,
		PreemptDelay: in.PreemptDelay.Seconds(), State: kaState(now.Role), WantState: kaState(now.Role), Version: in.Version,
		SMTPAlert: in.SMTPAlert, NotifyDeleted: in.NotifyDeleted,
		ScriptBackup: kaScript(in.Notify.Backup), ScriptMaster: kaScript(in.Notify.Master), ScriptFault: kaScript(in.Notify.Fault),
		ScriptStop: kaScript(in.Notify.Stop), Script: kaScript(in.Notify.Any),
		AuthType: map[string]int{"PASS": 1, "AH": 2}[in.AuthType],
	}
	if now.HeardPriority != nil && now.Role == "BACKUP" {
		d.MasterPriority = *now.HeardPriority
	}
	held := map[string]bool{}
	for _, a := range now.Addresses {
		d.VIPSet = d.VIPSet && a.Held
		held[a.Address+" "+a.Device] = a.Held
	}
	for _, list := range []struct {
		from []config.Address
		to   *[]string
	}{{in.Addresses, &d.VIPs}, {in.Excluded, &d.EVIPs}} {
		for _, a := range list.from {
			*list.to = append(*list.to, kaAddress(a, held[a.Prefix.String()+" "+a.Device]))
		}
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
	return d
}

// kaAddress is an address as keepalived prints it.
func kaAddress(a config.Address, held bool) string {
	text := fmt.Sprintf("%s dev %s scope %s", a.Prefix, a.Device, a.Scope)
	if a.Label != "" {
		text += " label " + a.Label
	}
	if held {
		text += " set"
	}
	return text
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
