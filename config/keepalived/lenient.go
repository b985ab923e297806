package keepalived

import (
	"slices"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// gently reads one line, or one block, of which keepalived says what is wrong
// and runs on: what would be errors are warnings that end in what becomes of
// it. It reports whether nothing was wrong; what is, is for the caller to leave
// out, and what is around it is whole.
//
// What keepalived does not know stays an error: see moonkeepsOwn.
func (r *reader) gently(becomes string, read func()) bool {
	whole, errors, outer := !r.damaged, r.out.errors(), r.out.becomes
	r.damaged, r.out.becomes = false, becomes
	read()
	sound := !r.damaged
	r.out.becomes = outer
	if r.out.errors() == errors {
		r.damaged = false
	}
	r.damaged = r.damaged || !whole
	return sound
}

// gentlyIf is gently for what stands in a row of the tables, unless keepalived
// does not have that: then nothing runs with it there, and a mistake is an
// error as it is in every other language. So it is where keepalived stops later,
// and in auth_hmac: what asks for signatures must not run without them.
func (r *reader) gentlyIf(k *keyword, becomes string, read func()) bool {
	if r.own == 0 && (k.bound == nil || !k.bound.field.Own && !k.vital) {
		return r.gently(becomes, read)
	}
	whole := !r.damaged
	r.damaged = false
	read()
	sound := !r.damaged
	r.damaged = r.damaged || !whole
	return sound
}

// What becomes of a line or a block that cannot be read.
const (
	lineIgnored  = "the line is ignored, as by keepalived"
	blockLeftOut = "it is left out, as by keepalived"
)

// moonkeepsOwn reports whether a finding is about something that keepalived
// has no word for, so that no configuration of keepalived's is refused for it.
func moonkeepsOwn(name string) bool {
	return name == "bad-lua" || name == "bad-smoothing" || name == "exclusive-keys"
}

// soften makes a warning of an error when what is being read is read gently:
// what it is about is lost.
func (r *report) soften(s config.Severity, loses bool, name, format string, args []any) (_ config.Severity, lost bool, _ string, _ []any) {
	if s != config.Error || r.becomes == "" || moonkeepsOwn(name) {
		return s, loses, format, args
	}
	if r.full(config.Warning, name) {
		return config.Warning, true, "", nil // nobody will see it
	}
	text, essence := written(format, args)
	return config.Warning, true, "%s%s", []any{essence, aside(hinted(text, r.becomes)[len(essence):])}
}

// losing reports whether every finding of a name is about a line, a block or
// words that have no effect because of a mistake (Finding.Loses). What becomes a
// default, is cut to a range, is old or is there twice is not among them.
func losing(name string) bool {
	switch name {
	case "unknown-keyword", "unknown-option", "surplus-words", "unexpected-brace", "missing-brace", "missing-argument", "no-effect",
		"unknown-script", "unknown-track-file", "unknown-bfd", "unknown-process", "unknown-instance", "unknown-group", "unknown-track-group",
		"duplicate-name", "no-bind-if", "empty-group", "two-groups", "no-real-server", "family-mismatch", "no-authentication",
		"include-nothing", "include-unreadable", "empty-repetition":
		return true
	}
	return false
}

// hinted puts what becomes of something behind a message, which may end in a
// question.
func hinted(text, becomes string) string {
	if strings.HasSuffix(text, "?") || strings.HasSuffix(text, ".") {
		return text + " " + capital(becomes)
	}
	return text + "; " + becomes
}

// errors counts the errors so far, shown or not.
func (r *report) errors() int { return r.given[config.Error] + r.dropped[config.Error] }

// withoutValue reports whether keepalived runs on when a keyword that takes a
// value has none; at most of them it stops. A secret that is missing may have
// been left out on purpose, so that nobody runs the file.
func withoutValue(b *block, k *keyword) bool {
	if k.bound != nil && (k.bound.field.Secret || k.bound.field.Own) {
		return false
	}
	title := b.title
	if b.name == "" {
		title = ""
	}
	return slices.Contains(strings.Fields(valueless), title+"/"+k.name)
}

const valueless = `
	/instance /net_namespace
	BFD_CHECK/name FILE_CHECK/weight HTTP_GET/http_protocol HTTP_GET/virtualhost MISC_CHECK/misc_path
	MISC_CHECK/user SMTP_CHECK/helo_name SSL/ca SSL/certificate SSL/key SSL_GET/http_protocol SSL_GET/virtualhost
	UDP_CHECK/payload global_defs/bfd_cpu_affinity global_defs/bfd_priority global_defs/bfd_rt_priority
	global_defs/checker_cpu_affinity global_defs/checker_priority global_defs/checker_rt_priority
	global_defs/dbus_service_name global_defs/default_interface global_defs/lvs_netlink_cmd_rcv_bufs
	global_defs/lvs_netlink_monitor_rcv_bufs global_defs/lvs_notify_fifo global_defs/lvs_notify_fifo_script
	global_defs/lvs_sync_daemon global_defs/lvs_timeouts global_defs/min_auto_priority_delay
	global_defs/notification_email_from global_defs/notify_fifo global_defs/notify_fifo_script
	global_defs/process_monitor_rcv_bufs global_defs/reload_time_file global_defs/router_id global_defs/script_user
	global_defs/shutdown_script global_defs/shutdown_script_timeout global_defs/smtp_helo_name
	global_defs/snmp_socket global_defs/startup_script global_defs/startup_script_timeout
	global_defs/tmp_config_directory global_defs/vrrp_cpu_affinity global_defs/vrrp_garp_extra_if
	global_defs/vrrp_netlink_cmd_rcv_bufs global_defs/vrrp_netlink_monitor_rcv_bufs global_defs/vrrp_notify_fifo
	global_defs/vrrp_notify_fifo_script global_defs/vrrp_priority global_defs/vrrp_rt_priority
	global_defs/vrrp_rx_bufs_multiplier global_defs/vrrp_rx_bufs_policy global_defs/vrrp_vmac_garp_intvl
	real_server/snmp_name real_server/virtualhost track_file/file track_file/weight url/regex url/regex_max_offset
	url/regex_min_offset url/regex_options url/regex_stack url/status_code url/virtualhost virtual_server/snmp_name
	virtual_server/virtualhost vrrp_instance/garp_extra_if vrrp_instance/kernel_rx_buf_size
	vrrp_instance/vmac_garp_intvl vrrp_script/script vrrp_track_process/weight
`

// atLeast makes the handler of a number that keepalived raises to least.
func atLeast(least int64) handler {
	return func(r *reader, s *statement) {
		setField(r, s)
		v := r.row.bound.field.In(r.frames[len(r.frames)-1].value)
		if !r.damaged && v.Int() < least {
			r.out.warn(s.words[1].at, "as-keepalived", "%s %d becomes %d, as in keepalived", s.words[0].text, v.Int(), least)
			v.SetInt(least)
		}
	}
}

// atMost makes the handler of a number of which keepalived takes more than there
// is here: the most is taken. What else is wrong with it is for next.
func atMost(next handler) handler {
	return func(r *reader, s *statement) {
		f, w := r.row.bound.field, s.words[1]
		_, most := f.Bounds()
		if n, err := strconv.ParseInt(w.text, 10, 64); err != nil || n <= most {
			next(r, s)
			return
		}
		r.out.warn(w.at, "out-of-range", "%s %s becomes %d, the most that there is here; keepalived takes it", s.words[0].text, printable(w.text), most)
		f.In(r.frames[len(r.frames)-1].value).SetInt(most)
	}
}

// clamped reads a number that keepalived puts within its bounds.
func clamped(r *reader, s *statement) {
	f, w := r.row.bound.field, s.words[1]
	lo, hi := f.Bounds()
	n, err := strconv.ParseInt(w.text, 10, 64)
	if err != nil || n >= lo && n <= hi {
		setField(r, s)
		return
	}
	within := max(lo, min(n, hi))
	r.out.warn(w.at, "as-keepalived", "%s %d becomes %d, as in keepalived: it takes %d..%d", s.words[0].text, n, within, lo, hi)
	f.In(r.frames[len(r.frames)-1].value).SetInt(within)
}
