package lint

// explainReferences are about what keepalived.conf names and about values
// that keepalived takes otherwise than they are written.
func explainReferences() []explanation {
	return []explanation{
		{"unknown-process", FromText, `A track_process names a vrrp_track_process that is not defined. keepalived ignores the line and runs on, and then nothing watches the process; here it is an error.`},
		{"unknown-track-group", FromText, `A static address, route or rule names a track_group that is not defined, so that nothing would decide when it is put back. Define the track_group, or leave the word out.`},
		{"bad-session", FromText, `A BFD session is between an address of this host (source_ip, or whichever the host chooses) and one of another (neighbor_ip), both of one family. A link-local neighbor needs its interface, as in fe80::1%eth0. Two sessions with the same neighbor must differ in source_ip or in multihop: the neighbor's first packet names no session, and the addresses alone tell which it is for.`},
		{"wrong-family", FromText, `An instance, a route, a rule or a BFD session is of one family, IPv4 or IPv6, which its first address settles. keepalived leaves an address of the other family out of virtual_ipaddress and runs on without it; virtual_ipaddress_excluded may hold both. A service of both families is two instances, of one interface and one virtual_router_id if you like (the families count them apart), and a vrrp_sync_group that has both names in its group: then they are MASTER together, and each has its adverts in its own family.`},
		{"wrong-version", FromText, `IPv6 is spoken in version 3 of VRRP only (RFC 9568), and the instance asks for version 2. keepalived makes version 3 of it with a word in its log. Write version 3, or leave the version out.`},
		{"no-preference", FromText, `A policy rule without a preference gets one that nobody chose, which decides the order in which rules are asked. keepalived calls that an error and goes on. Give each rule a preference of its own.`},
		{"as-keepalived", FromText, `keepalived takes some values otherwise than they are written: version 2 becomes 3 for IPv6, v3_checksum_as_v2 in global_defs counts whatever stands behind it, an owner of addresses ignores adverts although owner_ignore_adverts says off, persistence_granularity makes a virtual server persistent for 360 s, 0.0.0.0 behind it takes all clients for one, and a number behind it, which looks like a length, is a mask for IPv4. It is the same here, so that both run the file alike; write what is meant.`},
		{"keepalived-differs", FromText, `keepalived 2.4.3 reads skip_check_adv_addr off as on, which is a mistake in it; here off is off. The addresses of every advert are compared then, which costs nothing but time.`},
	}
}
