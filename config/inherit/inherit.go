// Package inherit completes a configuration whose blocks say only what their
// author wrote: instances take what they leave out from global, trackers from
// what they track, scripts from themselves.
//
// It goes by the keys that each block has Written, reports nothing and checks
// nothing. config/source drives it when a whole
// configuration was read, config/keepalived while it completes one.
package inherit

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// Complete fills in what was not written in c. Blocks without Written are
// taken for such that say nothing.
func Complete(c *config.Config) {
	Global(&c.Global)
	for i := range c.Scripts {
		s := &c.Scripts[i]
		if !s.Written.Has("timeout") {
			s.Timeout = s.Interval
		}
	}
	for i := range c.TrackProcesses {
		p := &c.TrackProcesses[i]
		if p.QuorumMax != nil && *p.QuorumMax == 0 {
			take(p.Written, "quorum", &p.Quorum, 0) // none may run
		}
		if !p.Written.Has("terminate_delay") {
			p.TerminateDelay = p.Delay
		}
		if !p.Written.Has("fork_delay") {
			p.ForkDelay = p.Delay
		}
	}
	for i := range c.BFDs {
		b := &c.BFDs[i]
		take(b.Written, "ttl", &b.TTL, HopLimit(b.NeighborIP))
	}
	tracked := trackedBy(c)
	for i := range c.Instances {
		in := &c.Instances[i]
		Instance(in, &c.Global)
		tracked.complete(in.TrackScripts, in.TrackFiles, in.TrackProcesses, in.TrackBFDs)
	}
	for i := range c.Groups {
		g := &c.Groups[i]
		Group(g, &c.Global)
		tracked.complete(g.TrackScripts, g.TrackFiles, g.TrackProcesses, g.TrackBFDs)
	}
}

// Global completes what one global setting takes from another.
func Global(g *config.Global) {
	take(g.Written, "vmac_addr_prefix", &g.VMACAddrPrefix, g.VMACPrefix)
	take(g.Written, "vrrp_process_name", &g.VRRPProcessName, g.ProcessName)
	take(g.Written, "checker_process_name", &g.CheckerProcessName, g.ProcessName)
	take(g.Written, "bfd_process_name", &g.BFDProcessName, g.ProcessName)
	take(g.Written, "net_namespace_ipvs", &g.NetNamespaceIPVS, g.NetNamespace)
	take(g.Written, "snmp_rs_stats_update_interval", &g.SNMPRSInterval, g.SNMPVSInterval)
}

// HopLimit is the TTL or hop limit of the packets of a BFD session that says
// none: that which keepalived sends in the family of the peer.
func HopLimit(peer netip.Addr) int {
	if peer.Is6() {
		return 64
	}
	return 255
}

// take sets what was not written.
func take[T any](w config.Keys, key string, dst *T, from T) {
	if !w.Has(key) {
		*dst = from
	}
}

// Instance completes an instance from global; what it tracks is not looked at.
func Instance(in *config.Instance, g *config.Global) {
	w := in.Written
	take(w, "version", &in.Version, g.Version)
	take(w, "strict_mode", &in.Strict, g.Strict)
	take(w, "v3_checksum", &in.ChecksumMessage, config.Checksum(g.ChecksumAsV2))
	take(w, "skip_check_adv_addr", &in.SkipCheckAdvAddr, g.SkipCheckAdvAddr)
	take(w, "lower_prio_no_advert", &in.LowerPrioNoAdvert, g.LowerPrioNoAdvert)
	take(w, "higher_prio_send_advert", &in.HigherPrioSendAdvert, g.HigherPrioSendAdvert)
	take(w, "owner_ignore_adverts", &in.OwnerIgnoreAdverts, g.OwnerIgnoreAdverts)
	take(w, "check_unicast_src", &in.CheckUnicastSource, g.CheckUnicastSource)
	take(w, "down_timer_adverts", &in.DownTimerAdverts, g.DownTimerAdverts)
	take(w, "garp_extra_if", &in.GarpExtraIF, g.GarpExtraIF)
	take(w, "notify_priority_changes", &in.NotifyPriorityChanges, g.NotifyPriorityChanges)
	take(w, "smtp_alert", &in.SMTPAlert, mails(g))
	garp(in, g)
}

// Devices gives each virtual address that names no interface the instance's. An
// instance of unicast need not have one: its addresses are on global
// default_interface then, as in keepalived.
func Devices(in *config.Instance, g *config.Global) {
	device := in.Interface
	if device == "" && in.Unicast() && in.VRF == "" && in.UseIPVLAN == nil {
		device = g.DefaultInterface
	}
	for _, list := range [][]config.Address{in.Addresses, in.Excluded} {
		for i := range list {
			if list[i].Device == "" {
				list[i].Device = device
			}
		}
	}
}

// Group completes a sync group from global; what it tracks is not looked at.
func Group(group *config.SyncGroup, g *config.Global) {
	take(group.Written, "smtp_alert", &group.SMTPAlert, mails(g))
	take(group.Written, "notify_priority_changes", &group.NotifyPriorityChanges, g.NotifyPriorityChanges)
}

// mails is what smtp_alert of an instance or a group is when left out.
func mails(g *config.Global) bool {
	for _, said := range []*bool{g.SMTPAlertVRRP, g.SMTPAlert} {
		if said != nil {
			return *said
		}
	}
	return false
}

// weight is what a tracker says for those who track it.
type weight struct {
	weight  int
	reverse bool
}

// trackers are the weights by name, a map for scripts, files, processes and
// BFD sessions each.
type trackers [4]map[string]weight

func trackedBy(c *config.Config) *trackers {
	t := &trackers{{}, {}, {}, {}}
	for i := range c.Scripts {
		t[0][c.Scripts[i].Name] = weight{c.Scripts[i].Weight, c.Scripts[i].Reverse}
	}
	for i := range c.TrackFiles {
		t[1][c.TrackFiles[i].Name] = weight{c.TrackFiles[i].Weight, c.TrackFiles[i].Reverse}
	}
	for i := range c.TrackProcesses {
		t[2][c.TrackProcesses[i].Name] = weight{c.TrackProcesses[i].Weight, c.TrackProcesses[i].Reverse}
	}
	for i := range c.BFDs {
		t[3][c.BFDs[i].Name] = weight{c.BFDs[i].Weight, c.BFDs[i].Reverse}
	}
	return t
}

// complete fills in the weights of entries that leave them out; the lists are
// in the order of trackers.
func (t *trackers) complete(lists ...[]config.Track) {
	for i, list := range lists {
		for k := range list {
			entry := &list[k]
			own := t[i][entry.Name]
			take(entry.Written, "weight", &entry.Weight, own.weight)
			take(entry.Written, "reverse", &entry.Reverse, own.reverse)
		}
	}
}

// under reports for keys whether one of them was written below a prefix.
func under(w config.Keys, prefix string) func(key string) bool {
	if !slices.ContainsFunc(w, func(k config.Key) bool { return strings.HasPrefix(k.Name, prefix) }) {
		return func(string) bool { return false } // as of most of a thousand
	}
	return func(key string) bool { return w.Has(prefix + key) }
}
