package keepalived

import "strings"

// The rows of the IPVS part, of BFD and of the trackers that are not built.
// They are known so that a misspelling in them is found; one warning for each
// block says that nothing comes of it.

// rootKeywordsLVS are allowed at the top level of the file.
func rootKeywordsLVS() []keyword {
	const unused = ": nothing is checked or balanced"
	return []keyword{
		{name: "virtual_server", status: warns, max: -1, named: true, repeats: true, body: "virtual_server", note: unused},
		{name: "virtual_server_group", status: warns, max: -1, named: true, repeats: true, line: skipLine, note: unused},
		{name: "SSL", status: warns, max: -1, repeats: true, body: "SSL"},
		{name: "bfd_instance", status: warns, max: -1, named: true, repeats: true, body: "bfd_instance"},
		{name: "garp_group", status: warns, max: -1, repeats: true, body: "garp_group"},
		{name: "track_file", status: warns, max: -1, named: true, repeats: true, body: "track_file"},
		{name: "vrrp_track_file", status: warns, max: -1, named: true, repeats: true, body: "track_file"},
		{name: "vrrp_track_process", status: warns, max: -1, named: true, repeats: true, body: "vrrp_track_process"},
	}
}

// words makes rows of words separated by blanks; one written WORD:BLOCK takes
// a body of that block, WORD: one of free lines.
func words(text string) []keyword {
	var ks []keyword
	for _, w := range strings.Fields(text) {
		k := keyword{status: warns, max: -1, repeats: true}
		var body bool
		k.name, k.body, body = strings.Cut(w, ":")
		if body && k.body == "" {
			k.line = skipLine
		}
		ks = append(ks, k)
	}
	return ks
}

// lvsBlocks are the blocks below rootKeywordsLVS.
func lvsBlocks() map[string][]keyword {
	const (
		timing = " retry delay_before_retry warmup delay_loop alpha log_all_failures"
		target = " connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark" + timing
		url    = "path digest status_code virtualhost regex regex_no_match regex_options regex_min_offset regex_max_offset regex_stack"
		get    = target + " nb_get_retry virtualhost http_protocol enable_sni sni_name fast_recovery"
	)
	blocks := map[string]string{
		"virtual_server": `ip_family retry delay_before_retry warmup connect_timeout delay_loop inhibit_on_failure
			lb_algo lvs_sched hashed ops flag-1 flag-2 flag-3 sh-port sh-fallback mh-port mh-fallback lb_kind
			lvs_method persistence_engine persistence_timeout persistence_granularity protocol ha_suspend smtp_alert
			virtualhost snmp_name alpha omega quorum_up quorum_down quorum hysteresis weight sorry_server
			sorry_server_inhibit sorry_server_lvs_method real_server:real_server`,
		"real_server": `weight lvs_method uthreshold lthreshold inhibit_on_failure notify_up notify_down alpha retry
			delay_before_retry warmup connect_timeout delay_loop smtp_alert virtualhost snmp_name
			MISC_CHECK:MISC_CHECK SMTP_CHECK:SMTP_CHECK TCP_CHECK:TCP_CHECK PING_CHECK:PING_CHECK UDP_CHECK:UDP_CHECK
			HTTP_GET:HTTP_GET SSL_GET:SSL_GET DNS_CHECK:DNS_CHECK FILE_CHECK:FILE_CHECK BFD_CHECK:BFD_CHECK`,
		"MISC_CHECK":   "misc_path misc_timeout misc_dynamic user" + timing,
		"SMTP_CHECK":   "helo_name host:host" + target,
		"host":         target,
		"TCP_CHECK":    target,
		"PING_CHECK":   target,
		"UDP_CHECK":    "payload require_reply min_reply_length max_reply_length" + target,
		"HTTP_GET":     "url:url" + get,
		"SSL_GET":      "tls_compliant url:TLS-url" + get,
		"url":          url,
		"TLS-url":      url + " tls_compliant",
		"DNS_CHECK":    "type name" + target,
		"FILE_CHECK":   "track_file weight",
		"BFD_CHECK":    "name alpha",
		"SSL":          "password ca certificate key",
		"bfd_instance": "source_ip neighbor_ip neighbour_ip min_rx min_tx idle_tx multiplier passive ttl hoplimit max_hops multihop weight vrrp checker",
		"garp_group":   "garp_interval gna_interval interface interfaces:",
		"track_file":   "file weight init_file",
		"vrrp_track_process": `process param_match weight quorum quorum_max delay terminate_delay fork_delay
			full_command`,
	}
	out := make(map[string][]keyword, len(blocks))
	for name, text := range blocks {
		out[name] = words(text)
	}
	return out
}
