package lint

// Explain returns a paragraph on the finding of this name, by whatever
// package it was found; false when there is nothing more to say than its text.
func Explain(name string) (string, bool) {
	for _, e := range explanations() {
		if e.name == name {
			return e.text, true
		}
	}
	return "", false
}

// Explained returns the names that Explain knows, in the order of the table.
func Explained() []string {
	var names []string
	for _, e := range explanations() {
		names = append(names, e.name)
	}
	return names
}

type explanation struct{ name, text string }

// explanations is the table: first what this package finds, then what the
// readers and the host's inspection find and one line cannot say.
func explanations() []explanation {
	return []explanation{
		{"clear-password", `VRRP version 2 can carry a password of eight characters (RFC 2338), and every host on the network can read it. RFC 3768 took it out for that reason. It keeps two clusters apart that use one virtual_router_id by mistake; against somebody who means harm it does nothing, and a password that is used elsewhere is given away. Version 3 has none.`},
		{"short-silence", `A backup takes over when it heard nothing for advert_int times down_timer_adverts and a little more. Virtual machines are paused for tens of milliseconds when they are moved or their host is busy, and a switch drops packets while its tables change. With a limit that short such a pause moves the addresses and moves them back. Take an advert_int of 100 ms or more unless both nodes and the network between them are known to be faster.`},
		{"group-weight", `The members of a sync group change role together, so a weight that lowers the priority of one of them would pull the others along at random. keepalived therefore does not use the weights of members' own trackers: a weighted interface only faults the member, a weighted script is not used at all. Track it in the group, where it applies to all members, or set sync_group_tracking_weight if the priorities of all members are planned for it.`},
		{"owner-weight", `Priority 255 says that this node owns the addresses (RFC 9568 5.2.4), and the owner's priority is fixed. A tracker with a weight cannot lower it. A tracker with weight 0 still works: it faults the instance.`},
		{"weight-clamped", `A priority changed by weights is kept between 1 and 254. When the base priority and the positive weights add up to more, the surplus is lost, and with it the difference that a failed check was to make. Only the distances between the nodes count, so lower all priorities by the same amount.`},
		{"nopreempt-weight", `A node with nopreempt takes over only when there is no master at all. A check with a weight lowers the priority of the master but leaves it in office; nobody with nopreempt then takes the addresses. Weight 0 faults the instance instead: the master steps down, says so with an advert of priority 0, and the next node takes over at once, nopreempt or not.`},
		{"slow-check", `A failure is noticed after fall failed runs. In the worst case the service fails just after a run began well, so that fall whole intervals and the timeout of the last run pass. Compare that with the few advert intervals in which the loss of the whole node is noticed.`},
		{"weight-too-small", `A tracker with a weight changes the priority, and the addresses move only if the priority of the node that holds them falls below that of another. A negative weight is added while the check fails; its amount must be greater than the distance between the nodes. A positive weight is added while the check succeeds, on every node that has it: when it fails on one node, that one is back at its base priority, and the other, where it succeeds, must come out above that. Equal is not enough: among equals the master stays. Weight 0 needs no arithmetic: a failed check faults the instance, which gives the addresses up at once.`},
		{"nopreempt-stays", `The weight is large enough to bring the master's priority below the other node's, but that node has nopreempt: it accepts adverts of lower priority and takes over only from a master that is silent or gives up. Take nopreempt out there, or use weight 0, which makes the failing node give up.`},
		{"no-peer", `Nodes share addresses by sharing a virtual_router_id. If this one is in one file only, no other node takes the addresses over. When the same name has another number elsewhere, one of the two is a slip.`},
		{"peers-version", `Versions 2 and 3 of VRRP do not understand each other. Each node discards the other's adverts, believes itself alone and becomes master: the addresses are on both.`},
		{"peers-interval", `In version 2 an advert with another interval is discarded (RFC 3768 7.1), so that both nodes become master. In version 3 a backup adopts the interval of the master; that works, but the time to fail over then depends on who was master.`},
		{"peers-authentication", `A node discards version 2 adverts whose authentication type or password is not its own. Each then believes itself alone and becomes master: the addresses are on both. The passwords are not shown.`},
		{"peers-checksum", `RFC 5798 and RFC 9568 disagree on whether the checksum of version 3 over IPv4 covers a pseudo header. keepalived and FRR send it with one unless configured otherwise (v3_checksum_as_v2). moonkeep accepts both forms and sends the one that is configured; other implementations accept only their own.`},
		{"peers-addresses", `All addresses of a virtual router move together, and each node sets those of its own file. An address that only one file has disappears when the other node is master. Another prefix length makes another network route.`},
		{"peers-priority", `Among equal priorities the master stays, and when two become master at once the one with the numerically higher source address wins (RFC 9568 6.4.3). That is settled by how the hosts were numbered, not by what anybody wrote down.`},
		{"peers-source", `A node takes an advert that comes from its own source address for its own and discards it. Two nodes with one mcast_src_ip do not hear each other and both become master.`},
		{"two-masters", `state MASTER makes a node claim the addresses sooner after its start. When two have it and start together, both claim them and one gives them back: clients see two moves. The priority decides in the end; state BACKUP everywhere lets it decide at once.`},

		{"not-acted-on", `The word is known, and this version of moonkeep does not do what it asks for. In a keepalived.conf it is passed over with a warning, so that an existing file can be used; in moonkeep's own files it is an error, because nobody writes it without relying on it.`},
		{"nopreempt-master", `nopreempt lets a running master of lower priority stay. A node that starts as MASTER wants the opposite, so keepalived clears nopreempt there. Write state BACKUP on all nodes: the priority elects the first master, and nopreempt keeps it.`},
		{"authentication-dropped", `Version 3 of VRRP has no authentication (RFC 9568 9), and vrrp_strict refuses that of version 2. keepalived drops the block with a warning.`},
		{"vrid-clash", `The virtual_router_id and the interface together are a virtual router's identity: two with the same would hear each other's adverts as those of another node, and both send from the same virtual MAC address.`},
		{"strict", `strict mode keeps to the letter of RFC 3768 and RFC 9568, and excludes what keepalived offers beside them.`},
		{"no-unit", `A bare number could be seconds, as in keepalived.conf, or milliseconds or nanoseconds, as in other programs. A wrong guess here costs a failover, so none is made.`},
		{"no-interface", `Without its interface an instance can neither hear the other nodes nor hold its addresses, so moonkeep run refuses to start. moonkeep check only warns, since the file may be for another host.`},
		{"no-program", `A check whose program cannot be run never succeeds, and a notification whose program cannot be run never arrives; better to learn of it now than at three in the morning. moonkeep run refuses to start. moonkeep check only warns, since the file may be for another host.`},
		{"no-user", `Programs run as the user that the script, else script_user, names; if there is none, as keepalived_script if that account exists, else as the daemon's own user. moonkeep run refuses to start when that user does not exist.`},
		{"no-lua-file", `Lua files are read when the configuration is loaded, and again at a reload. A path in a YAML, TOML or JSON file is relative to the folder of that file. moonkeep run refuses to start without one.`},
		{"bad-lua-file", `A Lua file is compiled when the configuration is loaded, with everything that it requires by name, and must return the function that it is used for.`},
	}
}
