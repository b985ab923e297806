package keepalived

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// specialGlobal are the rows of global_defs that their tags do not describe,
// or not wholly.
func specialGlobal() map[string]keyword {
	rows := map[string]keyword{
		"script_user":          {min: 1, max: 2, handle: (*reader).globalScriptUser},
		"plugin_user":          {min: 1, max: 2, handle: (*reader).globalPluginUser},
		"vrrp_strict":          {handle: (*reader).vrrpStrict},
		"vrrp_mcast_group4":    {handle: (*reader).globalGroup4},
		"vrrp_mcast_group6":    {handle: (*reader).globalGroup6},
		"v3_checksum_as_v2":    {max: -1, handle: (*reader).globalChecksum},
		"smtp_server":          {min: 1, max: 2, handle: (*reader).smtpServer},
		"smtp_connect_timeout": {handle: (*reader).smtpTimeout},
		"vrrp_garp_extra_if":   {min: 1, max: 2, handle: extraInterface(1)},
		"vrrp_vmac_garp_intvl": {min: 1, max: 2, handle: extraInterface(1)},
		"vrrp_rx_bufs_policy":  {handle: (*reader).receivePolicy},
		"vrrp_iptables":        {max: -1, handle: chains(2)},
		"vrrp_ipsets":          {max: -1, handle: chains(6)},
		"umask":                {min: 1, max: -1, handle: (*reader).umask},
		"lvs_sync_daemon":      {min: 1, max: -1, handle: (*reader).syncDaemon},
		"lvs_timeouts":         {min: 2, max: 6, handle: (*reader).lvsTimeouts, repeats: true},
		"default_interface":    {handle: (*reader).deviceKeyword},
		"vrrp_rt_priority":     {handle: clamped},
		"checker_rt_priority":  {handle: clamped},
		"bfd_rt_priority":      {handle: clamped},

		"vrrp_garp_master_repeat":         {handle: atMost(atLeast(1))},
		"vrrp_garp_master_refresh_repeat": {handle: atMost(atLeast(1))},
		"vrrp_garp_lower_prio_repeat":     {handle: atMost(setField)},
	}
	for _, fifo := range []string{"notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo"} {
		rows[fifo] = keyword{min: 1, max: 3, handle: (*reader).fifoPath}
	}
	return rows
}

// includeCheckRow is the keyword that has had its effect when the next line
// was read.
func includeCheckRow() keyword {
	return keyword{name: includeCheck, max: -1, handle: (*reader).includeCheck, repeats: true}
}

func (r *reader) globalScriptUser(s *statement) {
	g := top[config.Global](r)
	g.ScriptUser, g.ScriptGroup = s.words[1].text, ""
	if len(s.words) > 2 {
		g.ScriptGroup = s.words[2].text
		r.wrote("script_group", s.words[2].at, false)
	}
}

func (r *reader) globalGroup4(s *statement) {
	r.globalGroup(s, netip.Addr.Is4, &top[config.Global](r).MulticastGroup4)
}

func (r *reader) globalGroup6(s *statement) {
	r.globalGroup(s, netip.Addr.Is6, &top[config.Global](r).MulticastGroup6)
}

// globalGroup reads the group that adverts of a family go to.
func (r *reader) globalGroup(s *statement, family func(netip.Addr) bool, to *netip.Addr) {
	var a netip.Addr
	switch {
	case !r.group4or6(s, &a):
	case !family(a):
		r.out.error(s.words[1].at, "wrong-family", "%s takes a group of the other family, not %s", s.words[0].text, a)
	default:
		*to = a
		return
	}
	r.damaged = true
}

// globalChecksum reads v3_checksum_as_v2. Its argument does not count, in
// keepalived either.
func (r *reader) globalChecksum(s *statement) {
	top[config.Global](r).ChecksumAsV2 = true
	if len(s.words) > 1 && !slices.Contains([]string{"on", "true", "yes"}, s.words[1].text) {
		r.out.warn(s.words[1].at, "as-keepalived", "v3_checksum_as_v2 is on whatever stands behind it, as in keepalived; remove it")
	}
}

func (r *reader) vrrpStrict(*statement) {
	top[config.Global](r).Strict = true
}

// smtpServer reads HOST [PORT].
func (r *reader) smtpServer(s *statement) {
	r.inner(r.row.bound.field, s.at(), func() {
		top[config.SMTPServer](r).Host = s.words[1].text
		r.wrote("host", s.words[1].at, false)
		if len(s.words) > 2 {
			r.damaged = !r.setOption(r.here("port"), "smtp_server", s.words[2])
			r.wrote("port", s.words[2].at, false)
		}
	})
}

func (r *reader) smtpTimeout(s *statement) {
	setField(r, s)
	if g := top[config.Global](r); g.SMTPTimeout == 0 && !r.damaged {
		r.out.warn(s.words[1].at, "zero-interval", "smtp_connect_timeout 0 becomes 1, as in keepalived")
		g.SMTPTimeout = time.Second
	}
}

// fifoPath reads PATH [USER [GROUP]].
func (r *reader) fifoPath(s *statement) {
	r.inner(r.row.bound.field, s.at(), func() {
		f := top[config.FIFO](r)
		for i, to := range []*string{&f.Path, &f.User, &f.Group} {
			if i+1 < len(s.words) {
				*to = plain(s.words[i+1])
				r.wrote([]string{"path", "user", "group"}[i], s.words[i+1].at, false)
			}
		}
		if !strings.HasPrefix(f.Path, "/") {
			r.damaged = true
			r.out.error(s.words[1].at, "bad-value", "%s takes an absolute path, not %s", s.words[0].text, quoted(f.Path))
		}
	})
}

// extraInterface reads [all] SECS, of which the instance's may be 0.
func extraInterface(least int64) handler {
	return func(r *reader, s *statement) {
		r.inner(r.row.bound.field, s.at(), func() {
			e := top[config.ExtraIF](r)
			w := s.words[1]
			switch {
			case w.text == "all" && len(s.words) == 2:
				r.damaged = true
				r.out.error(w.at, "missing-argument", "%s takes seconds behind all, and there are none", s.words[0].text)
				return
			case w.text == "all":
				e.All, w = true, s.words[2]
				r.wrote("all", s.words[1].at, false)
			case len(s.words) > 2:
				r.out.warn(s.words[2].at, "surplus-words", "%s takes seconds, with the word all before them if it is for all addresses; the rest of the line is ignored", s.words[0].text)
			}
			d, ok := r.seconds(w, s.words[0].text, time.Duration(least)*time.Second, 24*time.Hour)
			e.Interval, r.damaged = d, !ok
			r.wrote("interval", w.at, false)
		})
	}
}

// receivePolicy reads MTU, ADVERT or a number of bytes.
func (r *reader) receivePolicy(s *statement) {
	w := s.words[1]
	if w.text != "MTU" && w.text != "ADVERT" {
		if _, ok := r.integer(w, "vrrp_rx_bufs_policy", 1, 1<<31-1); !ok {
			r.damaged = true
			return
		}
		w.text = leading(w.text, false)
	}
	top[config.Global](r).RxBufsPolicy = w.text
}

// chains reads up to most names, of which none need be there.
func chains(most int) handler {
	return func(r *reader, s *statement) {
		names := []string{}
		for _, w := range s.words[1:] {
			names = append(names, w.text)
		}
		if len(names) > most {
			r.out.warn(s.words[most+1].at, "surplus-words", "%s takes at most %d names; the rest of the line is ignored", s.words[0].text, most)
			names = names[:most]
		}
		*r.row.bound.field.In(r.frames[len(r.frames)-1].value).Addr().Interface().(*[]string) = names
	}
}

// umask reads a number as C writes it, or the names of bits with a bar
// between them.
func (r *reader) umask(s *statement) {
	text := strings.ReplaceAll(joinedWords(s.words[1:]), " ", "")
	var mask config.Umask
	if mask.UnmarshalText([]byte(text)) != nil {
		for name := range strings.SplitSeq(text, "|") {
			bit, ok := modeBit(name)
			if !ok {
				r.damaged = true
				r.out.error(s.words[1].at, "bad-value", "umask takes a number up to 0777, or bits such as IRWXG|IRWXO, not %s", quoted(text))
				return
			}
			mask |= bit
		}
	}
	top[config.Global](r).Umask = &mask
}

// modeBit returns the bits that C's S_IRUSR and its like stand for, without
// the S_.
func modeBit(name string) (config.Umask, bool) {
	if len(name) != 5 || name[0] != 'I' {
		return 0, false
	}
	shift, ok := map[string]uint{"USR": 6, "GRP": 3, "OTH": 0}[name[2:]]
	if ok {
		bit, known := map[byte]config.Umask{'R': 4, 'W': 2, 'X': 1}[name[1]]
		return bit << shift, known
	}
	shift, ok = map[string]uint{"IRWXU": 6, "IRWXG": 3, "IRWXO": 0}[name]
	return 7 << shift, ok
}

// syncDaemon reads IFNAME [[inst] NAME] and options. In the oldest form a number
// stands behind the name, without id.
func (r *reader) syncDaemon(s *statement) {
	r.inner(r.row.bound.field, s.at(), func() {
		d := top[config.SyncDaemon](r)
		l := &optionLine{words: s.words[1:], what: "lvs_sync_daemon"}
		w := l.take()
		var ok bool
		if d.Interface, ok = r.interfaceName(w, "lvs_sync_daemon"); !ok {
			r.damaged = true
			return
		}
		r.wrote("interface", w.at, false)
		if block := r.frames[len(r.frames)-1].block; l.more() && block.Word(l.peek()) == nil {
			w := l.take()
			d.Instance = w.text
			r.wrote("inst", w.at, false)
			if n := l.peek(); n != "" && n[0] >= '0' && n[0] <= '9' {
				w := l.take()
				if !r.gently("the number of the virtual router is taken, as by keepalived", func() {
					r.damaged = !r.setOption(block.Word("id"), "id", w)
				}) {
					return
				}
				r.wrote("id", w.at, false)
				r.out.warn(w.at, "bare-id", "lvs_sync_daemon: %s is taken for the id; write id %s", quoted(w.text), printable(w.text))
			}
		}
		r.options(l, func(w token) bool {
			r.strangeOption(l, w)
			return true
		})
		if d.Group.IsValid() && !d.Group.IsMulticast() {
			r.damaged = true
			r.out.addAt(r.givenAt("group"), config.Error, "bad-address", "lvs_sync_daemon: %s is not the address of a multicast group", d.Group)
		}
	})
}

// lvsTimeouts reads [tcp N] [tcpfin N] [udp N]. What several lines say counts
// together.
func (r *reader) lvsTimeouts(s *statement) {
	before := top[config.Global](r).LVSTimeouts
	defer func() {
		now := top[config.Global](r).LVSTimeouts
		if before == nil || now == nil || now == before {
			return
		}
		now.TCP, now.TCPFin, now.UDP = cmp.Or(now.TCP, before.TCP), cmp.Or(now.TCPFin, before.TCPFin), cmp.Or(now.UDP, before.UDP)
		for _, key := range before.Written {
			if !now.Written.Has(key.Name) {
				now.Written = append(now.Written, key)
			}
		}
	}()
	r.inner(r.row.bound.field, s.at(), func() {
		l := &optionLine{words: s.words[1:], what: "lvs_timeouts"}
		r.options(l, func(w token) bool {
			r.strangeOption(l, w)
			return true
		})
	})
}

// interfaceName reads a keyword whose value is the name of an interface.
func (r *reader) deviceKeyword(s *statement) {
	if _, ok := r.interfaceName(s.words[1], s.words[0].text); !ok {
		r.damaged = true
		return
	}
	setField(r, s)
}

// globalPluginUser reads USER [GROUP].
func (r *reader) globalPluginUser(s *statement) {
	g := &r.cfg.Global
	g.PluginUser, g.PluginGroup = s.words[1].text, ""
	if len(s.words) > 2 {
		g.PluginGroup = s.words[2].text
		r.wrote("plugin_group", s.words[2].at, false)
	}
}
