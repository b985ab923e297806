package lint

// explainBalance are what config/keepalived finds in virtual servers and their
// checks, and in values in general.
func explainBalance() []explanation {
	return []explanation{
		{"not-built", FromText, `The keyword is read, but what it asks for is not built yet, and to run without it would be wrong: peers would not understand the node, or it would keep an address that its author wants it to give away. moonkeep check goes on, since the file may be right; moonkeep run refuses to start with it. moonkeep keywords lists what acts, what warns and what is refused.`},
		{"bad-value", FromText, `The keyword takes one of a few words, or a value of a certain form, which the message names. keepalived ignores the line, and its default, or nothing, holds in its place.`},
		{"lvs-default", FromText, `keepalived takes UDP when a virtual server has no protocol, the scheduler wlc when it has no lb_algo, and NAT when it has no lb_kind, each with a warning of its own. Write what is meant: a TCP service that is balanced as UDP gets no packet at all.`},
		{"no-real-server", FromText, `A virtual server without real servers has nothing to balance over. keepalived leaves it out, its sorry server too. In the numbers by which FIFOs and mails tell the virtual servers of a group apart ([NAME]:0, [NAME]:1) keepalived up to 2.2.7 counts it; 2.2.8 and later ones do not, nor does moonkeep.`},
		{"family-mismatch", FromText, `IPv4 packets reach IPv6 servers, or the other way round, through a tunnel only (lb_kind TUN). A real server, sorry server or local address of the other family is left out, and so is an ip_family that the address contradicts.`},
		{"port-zero", FromText, `A virtual server without a port stands for all ports. IPVS then sends a client's connections to the same server for as long as the persistence lasts, so that a service of this kind must be persistent; 360 seconds are taken when persistence_timeout is not written.`},
		{"port-forced", FromText, `With DR and TUN packets arrive at the real server as the client has sent them, to the port of the virtual server. Another port cannot be given there; only NAT changes ports.`},
		{"no-effect", FromText, `The keyword is read, and nothing comes of it where it stands; of what keepalived has, in keepalived neither. The message says why.`},
		{"unknown-group", FromText, `A virtual server names a virtual_server_group that does not exist, or that has no address. It would balance nothing.`},
		{"unknown-track-file", FromText, `A FILE_CHECK follows a track_file that is not defined. keepalived leaves the check out, and the server counts as working whatever the file says.`},
		{"unknown-bfd", FromText, `A BFD_CHECK follows a bfd_instance that is not defined. keepalived leaves the check out, and the server counts as working whatever happens to the path.`},
		{"no-bind-if", FromText, `A check connects to a link-local address (fe80::/10), which every network may have, and has no bind_if to say on which it is. The kernel refuses such a connection. keepalived leaves the check out, and the server would count as working; in YAML, TOML and JSON it is an error.`},
		{"blank-in-path", FromText, `The path of a url has a blank. It is sent as it stands, as by keepalived, and ends the path for a server that holds to RFC 9112: many answer 400. In a path a blank is written %20.`},
		{"reply-length", FromText, `A UDP_CHECK wants replies that are longer than the longest that it takes. No reply can be right, so the check always fails; max_reply_length is 255 when it is not written.`},
	}
}
