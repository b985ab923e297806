package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// judge says what a change in one of the blocks does that this version acts
// on.
func judge(out *Item, c *schema.Change, old, new *config.Config) {
	root := c.Blocks[1]
	switch root.Field.Key {
	case "vrrp_instances":
		judgeInstance(out, c, root)
	case "vrrp_scripts":
		judgeScript(out, c)
	case "vrrp_sync_groups":
		judgeGroup(out, c)
	case "track_files", "vrrp_track_processes":
		judgeWatched(out, c)
	case "interface_up_down_delays":
		out.Effect, out.Why = Moves, "how long a change of the interface must last before it counts; one that is under way may count at once"
	case "virtual_servers":
		judgeService(out, c)
	case "global":
		judgeGlobal(out, c)
	case "static_ipaddresses", "static_routes", "static_rules":
		out.Effect, out.Why = Nothing, "what is held from start to stop is set and removed at once"
	case "track_groups":
		out.Effect, out.Why = Moves, "instances of the group are in FAULT while what names it cannot be held"
	default:
		out.Effect, out.Why = Nothing, "it takes effect at once"
	}
}

// judgeGlobal judges the daemon's own settings. What instances inherit is
// judged where they inherit it.
func judgeGlobal(out *Item, c *schema.Change) {
	switch key(c) {
	case "router_id":
		out.Effect, out.Why = Restart, "messages and notify functions name the node as before until it is restarted"
	case "net_namespace":
		out.Effect, out.Why = Refused, "a daemon stays in the network namespace that it was started for: restart it"
	case "script_user", "script_group":
		out.Effect, out.Why = Nothing, "scripts start anew under the other account; their last state stands until the first result"
	case "enable_script_security":
		out.Effect, out.Why = Nothing, "programs are looked at, or no longer, before their next run"
	case "startup_script", "startup_script_timeout":
		out.Effect, out.Why = Nothing, "it is run at the next start of the daemon"
	case "shutdown_script", "shutdown_script_timeout":
		out.Effect, out.Why = Nothing, "it is run when the daemon stops"
	case "notification_email", "notification_email_from", "smtp_server", "smtp_helo_name", "smtp_connect_timeout", "no_email_faults":
		out.Effect, out.Why = Nothing, "the next mail is sent so"
	case "notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo":
		out.Effect, out.Why = Nothing, "a FIFO that is no longer named is closed and, if the daemon made it, removed; a new one is made"
	case "notify_fifo_script", "vrrp_notify_fifo_script", "lvs_notify_fifo_script":
		out.Effect, out.Why = Nothing, "readers of FIFOs are ended and started anew at every reload"
	case "fifo_write_vrrp_states_on_reload":
		out.Effect, out.Why = Nothing, "this reload writes the states, or does not"
	default:
		out.Effect, out.Why = Nothing, "instances that inherit it are listed with what it does to them"
	}
}

func judgeScript(out *Item, c *schema.Change) {
	switch k := key(c); {
	case k == "" && out.What == "added":
		out.Effect, out.Why = Nothing, "it is run as soon as something tracks it, and counts for nothing until its first result"
	case k == "" && out.What == "removed":
		out.Effect, out.Why = Nothing, "it is not run any more; a run that goes on is let finish"
	case k == "weight" || k == "reverse":
		out.Effect, out.Why = Moves, "the priorities of those that track it change at once where they name no weight of their own"
	case k == "interval" || k == "timeout" || k == "rise" || k == "fall" || k == "init_fail":
		out.Effect, out.Why = Nothing, "it keeps its state"
	default:
		out.Effect, out.Why = Nothing, "it starts anew; its last state stands until the first result"
	}
}

// judgeWatched judges a change of a tracked file or process.
func judgeWatched(out *Item, c *schema.Change) {
	switch k := key(c); {
	case k == "" && out.What == "added":
		out.Effect, out.Why = Nothing, "it is looked at before it counts"
	case k == "" && out.What == "removed":
		out.Effect, out.Why = Nothing, "it is not looked at any more"
	case strings.HasPrefix(k, "init_file"):
		out.Effect, out.Why = Nothing, "a file that is tracked already is left as it is"
	default:
		out.Effect, out.Why = Moves, "the priority, or FAULT, of those that track it is worked out anew"
	}
}

func judgeGroup(out *Item, c *schema.Change) {
	switch k := key(c); {
	case strings.HasPrefix(k, "notify"), k == "smtp_alert":
		out.Effect, out.Why = Nothing, "the next change is told so"
	case k == "":
		out.Effect, out.Why = Moves, "its members keep their roles if these agree; if not, masters among them yield"
	default:
		out.Effect, out.Why = Moves, "if the members' roles then disagree, masters among them yield"
	}
}

// judgeInstance judges a change of a virtual router.
func judgeInstance(out *Item, c *schema.Change, at schema.Place) {
	k := key(c)
	if k == "" {
		wholeInstance(out, at)
		return
	}
	was, is := at.Old.Addr().Interface().(*config.Instance), at.New.Addr().Interface().(*config.Instance)
	if routerOf(was) != routerOf(is) {
		out.Effect, out.Outage = Interrupts, hearing(is)
		out.Why = fmt.Sprintf("interface, its net_namespace, virtual_router_id and family make a virtual router: the old one resigns and gives its addresses up, the new one begins in BACKUP and waits %v for a master", hearing(is))
		return
	}
	name, rest, _ := strings.Cut(k, ".")
	switch name {
	case "virtual_ipaddresses", "virtual_ipaddresses_excluded":
		address(out, rest)
	case "virtual_routes", "virtual_rules":
		out.Effect, out.Why = Nothing, "a master sets the new ones and removes the old ones at once"
	case "version", "authentication", "auth_hmac", "v3_checksum", "unicast_peers", "unicast_src_ip", "mcast_dst_ip":
		if name == "auth_hmac" && strings.HasPrefix(rest, "keys") && out.What == "added" {
			out.Effect, out.Why = Nothing, "adverts that are signed with the key are taken from now on"
			return
		}
		out.Effect = Divides
		out.Why = "it keeps its role, but nodes that are not changed as well refuse its adverts: change all of them within " + missing(is).String() + ", or stop the backups first"
	case "advert_int":
		if is.Version == 2 {
			out.Effect = Divides
			out.Why = "version 2 refuses adverts with another interval: change all nodes within " + missing(was).String() + ", or stop the backups first"
			return
		}
		out.Effect, out.Why = Nothing, "backups learn the interval from the next advert"
	case "priority":
		priority(out, was, is)
	case "track_scripts", "track_interfaces", "track_files", "track_processes", "track_bfds", "track_src_ip":
		out.Effect, out.Why = Moves, "its priority, or FAULT, is worked out anew from what is tracked now"
	case "nopreempt", "preempt_delay", "lower_prio_no_advert", "higher_prio_send_advert", "skip_check_adv_addr", "state", "unicast_ttl",
		"check_unicast_src", "owner_ignore_adverts", "timer_expired_backup":
		out.Effect, out.Why = Nothing, "it counts from the next advert or election on"
	case "lvs_sync_daemon_interface":
		out.Effect, out.Why = Nothing, "connections of IPVS are synchronised there from now on, or no longer"
	case "down_timer_adverts":
		out.Effect, out.Why = Nothing, "a backup waits that long from now on"
	case "garp":
		out.Effect, out.Why = Nothing, "the next announcement is made so"
	case "notify", "notify_deleted", "notify_deleted_program", "notify_master_rx_lower_pri", "notify_priority_changes", "smtp_alert":
		out.Effect, out.Why = Nothing, "the next change is told so"
	case "promote_secondaries":
		out.Effect, out.Why = Nothing, "the setting of its interfaces is made, or put back, at once"
	case "interop_v2":
		out.Effect = Divides
		out.Why = "routers of version 2 hear it, or no longer do: those that do not elect a master of their own"
	case "accept", "no_accept":
		out.Effect, out.Why = Nothing, "a master drops packets to its addresses, or accepts them, from now on"
	case "use_vmac", "use_ipvlan", "use_vmac_addr", "vrf":
		out.Effect, out.Why = Moves, "interfaces of its own are made, changed or removed, and a master's addresses with them"
	case "vmac_xmit_base":
		out.Effect, out.Why = Nothing, "without use_vmac or use_ipvlan, and with unicast, adverts travel on the interface itself in any case"
	case "garp_extra_if":
		out.Effect, out.Why = Nothing, "the next announcement is made so"
	case "unicast_fault_no_peer":
		out.Effect, out.Why = Moves, "whether it is in FAULT for want of a peer is decided anew"
	case "dont_track_primary":
		out.Effect, out.Why = Moves, "whether the interface's state counts is decided anew"
	default:
		out.Effect, out.Why = Nothing, "it keeps its role, its timers and its addresses"
	}
}

func wholeInstance(out *Item, at schema.Place) {
	if out.What == "removed" {
		in := at.Old.Addr().Interface().(*config.Instance)
		out.Effect, out.Outage = Interrupts, in.AdvertInt
		out.Why = fmt.Sprintf("a master resigns with priority 0 and gives its %d addresses up; a backup takes them within %v, and without one they are gone", addresses(in), in.AdvertInt)
		return
	}
	in := at.New.Addr().Interface().(*config.Instance)
	out.Effect = Nothing
	out.Why = fmt.Sprintf("it begins in BACKUP and takes its %d addresses after %v if no better master is heard", addresses(in), hearing(in))
}

func address(out *Item, attribute string) {
	switch {
	case attribute != "" || out.What == "reordered":
		out.Effect, out.Why = Nothing, "a master sets it anew without taking it away; backups note that the lists differ until they are changed too"
	case out.What == "added":
		out.Effect, out.Why = Nothing, "a master sets and announces it at once; backups note that the lists differ until they are changed too"
	default:
		out.Effect, out.Why = Interrupts, "a master takes it from the interface at once, and nobody else takes it up"
	}
}

func priority(out *Item, was, is *config.Instance) {
	switch {
	case is.Priority > was.Priority:
		out.Effect, out.Why = Moves, "a backup with nopreempt off takes over from a master whose priority is now the lower one"
	default:
		out.Effect, out.Why = Moves, "a master sends it with its next advert, and yields to a backup that has a higher one"
	}
	if is.Priority == 255 {
		out.Why = "the node owns the addresses: it takes them at once"
	}
}

func addresses(in *config.Instance) int { return len(in.Addresses) + len(in.Excluded) }

// missing is how long backups miss a master before one takes over: the
// master-down interval (RFC 9568 section 6.1) without its skew.
func missing(in *config.Instance) time.Duration {
	return time.Duration(max(1, in.DownTimerAdverts)) * in.AdvertInt
}

// hearing is how long a new backup waits for a master, skew included.
func hearing(in *config.Instance) time.Duration {
	skew := time.Duration(256-in.Priority) * in.AdvertInt / 256
	if in.Version == 2 {
		skew = time.Duration(256-in.Priority) * time.Second / 256
	}
	return (missing(in) + skew).Round(time.Millisecond)
}
