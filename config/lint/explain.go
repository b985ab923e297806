package lint

import "slices"

// Where says what a finding needs to come about.
type Where uint8

// The places that findings come from.
const (
	// FromText needs a file's text only.
	FromText Where = iota
	// FromOne needs one whole configuration.
	FromOne
	// FromSeveral needs the configurations of several nodes.
	FromSeveral
	// FromHost needs the host: another host may have what this one lacks.
	FromHost
	// FromAllow is about the comments and flags that silence findings.
	FromAllow
	// FromSteps is about a script for the lab, not about a configuration.
	FromSteps
)

// Explain returns a paragraph on the finding of this name, by whatever
// package it was found; false when no finding has the name.
func Explain(name string) (string, bool) {
	e, ok := find(name)
	return e.text, ok
}

// Comes returns what the finding of this name needs to come about; false when
// no finding has the name.
func Comes(name string) (Where, bool) {
	e, ok := find(name)
	return e.where, ok
}

// Explained returns the names of all findings, in the order of FINDINGS.md,
// which explains them all.
func Explained() []string {
	var names []string
	for _, e := range explanations() {
		names = append(names, e.name)
	}
	return names
}

type explanation struct {
	name  string
	where Where
	text  string
}

func find(name string) (explanation, bool) {
	all := explanations()
	i := slices.IndexFunc(all, func(e explanation) bool { return e.name == name })
	if i < 0 {
		return explanation{}, false
	}
	return all[i], true
}

// explanations is the table of all findings. A test holds that every name in
// the code is in it, and nothing else.
func explanations() []explanation {
	return slices.Concat(explainOne(), explainSeveral(), explainHost(), explainMeaning(), explainWords(), explainExpansion(), explainFiles(), explainAllow(), explainSteps())
}

// explainOne are what One finds.
func explainOne() []explanation {
	return []explanation{
		{"clear-password", FromOne, `VRRP version 2 can carry a password of eight characters (RFC 2338), and every host on the network can read it. RFC 3768 took it out for that reason. It keeps two clusters apart that use one virtual_router_id by mistake; against somebody who means harm it does nothing, and a password that is used elsewhere is given away. Version 3 has none.`},
		{"short-silence", FromOne, `A backup takes over when it heard nothing for advert_int times down_timer_adverts and a little more. Virtual machines are paused for tens of milliseconds when they are moved or their host is busy, and a switch drops packets while its tables change. With a limit that short such a pause moves the addresses and moves them back. Take an advert_int of 100 ms or more unless both nodes and the network between them are known to be faster.`},
		{"group-weight", FromOne, `The members of a sync group change role together, so a weight that lowers the priority of one of them would pull the others along at random. keepalived therefore does not use the weights of members' own trackers: a weighted interface only faults the member, a weighted script is not used at all. Track it in the group, where it applies to all members, or set sync_group_tracking_weight if the priorities of all members are planned for it.`},
		{"owner-weight", FromOne, `Priority 255 says that this node owns the addresses (RFC 9568 5.2.4), and the owner's priority is fixed. A tracker with a weight cannot lower it. A tracker with weight 0 still works: it faults the instance.`},
		{"weight-clamped", FromOne, `A priority changed by weights is kept between 1 and 254. When the base priority and the positive weights add up to more, the surplus is lost, and with it the difference that a failed check was to make. Only the distances between the nodes count, so lower all priorities by the same amount.`},
		{"nopreempt-weight", FromOne, `A node with nopreempt takes over only when there is no master at all. A check with a weight lowers the priority of the master but leaves it in office; nobody with nopreempt then takes the addresses. Weight 0 faults the instance instead: the master steps down, says so with an advert of priority 0, and the next node takes over at once, nopreempt or not.`},
		{"slow-check", FromOne, `A failure is noticed after fall failed runs. In the worst case the service fails just after a run began well, so that fall whole intervals and the timeout of the last run pass. Compare that with the few advert intervals in which the loss of the whole node is noticed.`},
	}
}

// explainSeveral are what Cluster finds.
func explainSeveral() []explanation {
	return []explanation{
		{"weight-too-small", FromSeveral, `A tracker with a weight changes the priority, and the addresses move only if the priority of the node that holds them falls below that of another. A negative weight is added while the check fails; its amount must be greater than the distance between the nodes. A positive weight is added while the check succeeds, on every node that has it: when it fails on one node, that one is back at its base priority, and the other, where it succeeds, must come out above that. Equal is not enough: among equals the master stays. Weight 0 needs no arithmetic: a failed check faults the instance, which gives the addresses up at once.`},
		{"nopreempt-stays", FromSeveral, `The weight is large enough to bring the master's priority below the other node's, but that node has nopreempt: it accepts adverts of lower priority and takes over only from a master that is silent or gives up. Take nopreempt out there, or use weight 0, which makes the failing node give up.`},
		{"no-peer", FromSeveral, `Nodes share addresses by sharing a virtual_router_id. If this one is in one file only, no other node takes the addresses over. When the same name has another number elsewhere, one of the two is a slip.`},
		{"peers-version", FromSeveral, `Versions 2 and 3 of VRRP do not understand each other. Each node discards the other's adverts, believes itself alone and becomes master: the addresses are on both.`},
		{"peers-interval", FromSeveral, `In version 2 an advert with another interval is discarded (RFC 3768 7.1), so that both nodes become master. In version 3 a backup adopts the interval of the master; that works, but the time to fail over then depends on who was master.`},
		{"peers-authentication", FromSeveral, `A node discards version 2 adverts whose authentication type or password is not its own. Each then believes itself alone and becomes master: the addresses are on both. The passwords are not shown.`},
		{"peers-checksum", FromSeveral, `RFC 5798 and RFC 9568 disagree on whether the checksum of version 3 over IPv4 covers a pseudo header. keepalived and FRR send it with one unless configured otherwise (v3_checksum_as_v2). moonkeep accepts both forms and sends the one that is configured; other implementations accept only their own.`},
		{"peers-addresses", FromSeveral, `All addresses of a virtual router move together, and each node sets those of its own file. An address that only one file has disappears when the other node is master. Another prefix length makes another network route.`},
		{"peers-priority", FromSeveral, `Among equal priorities the master stays, and when two become master at once the one with the numerically higher source address wins (RFC 9568 6.4.3). That is settled by how the hosts were numbered, not by what anybody wrote down.`},
		{"peers-source", FromSeveral, `A node takes an advert that comes from its own source address for its own and discards it. Two nodes with one mcast_src_ip do not hear each other and both become master.`},
		{"two-masters", FromSeveral, `state MASTER makes a node claim the addresses sooner after its start. When two have it and start together, both claim them and one gives them back: clients see two moves. The priority decides in the end; state BACKUP everywhere lets it decide at once.`},
	}
}

// explainHost are what config/load finds on the host.
func explainHost() []explanation {
	return []explanation{
		{"no-interface", FromHost, `Without its interface an instance can neither hear the other nodes nor hold its addresses, so moonkeep run refuses to start. moonkeep check only warns, since the file may be for another host.`},
		{"no-program", FromHost, `A check whose program cannot be run never succeeds, and a notification whose program cannot be run never arrives; better to learn of it now than at three in the morning. moonkeep run refuses to start. moonkeep check only warns, since the file may be for another host.`},
		{"no-user", FromHost, `Programs run as the user that the script, else script_user, names; if there is none, as keepalived_script if that account exists, else as the daemon's own user. moonkeep run refuses to start when that user does not exist.`},
		{"no-lua-file", FromHost, `Lua files are read when the configuration is loaded, and again at a reload. A path in a YAML, TOML or JSON file is relative to the folder of that file. moonkeep run refuses to start without one.`},
		{"bad-lua-file", FromHost, `A Lua file is compiled when the configuration is loaded, with everything that it requires by name, and must return the function that it is used for.`},
	}
}
