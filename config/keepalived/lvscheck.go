package keepalived

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// noEffect reads a keyword that keepalived takes and does nothing with.
func noEffect(why string) handler {
	return func(r *reader, s *statement) {
		setField(r, s)
		if !r.damaged {
			r.out.warn(s.at(), "no-effect", "%s has no effect here: %s", s.words[0].text, why)
		}
	}
}

// bindInterface holds the kernel's rule for names.
func (r *reader) bindInterface(s *statement) {
	if _, ok := r.interfaceName(s.words[1], "bind_if"); !ok {
		r.damaged = true
		return
	}
	setField(r, s)
}

// bindTo drops a local address of another family than that of the address that
// is connected to, which keepalived knows by what stands before it.
func (r *reader) bindTo(s *statement) {
	a, err := netip.ParseAddr(s.words[1].text)
	var to netip.Addr
	if v := around[config.RealServer](r); v != nil {
		to = v.Address.Addr()
	}
	if t := r.target(); t != nil && t.ConnectIP.IsValid() {
		to = t.ConnectIP
	}
	if err == nil && to.IsValid() && a.BitLen() != to.BitLen() {
		r.out.warn(s.words[1].at, "family-mismatch", "bindto %s is of another family than %s, which is connected to: it is ignored, as by keepalived", a, to)
		return
	}
	setField(r, s)
}

// target is where the check that is being read connects to.
func (r *reader) target() *config.Target {
	switch c := r.frames[len(r.frames)-1].value.Addr().Interface().(type) {
	case *config.HTTPCheck:
		return &c.Target
	case *config.SSLCheck:
		return &c.Target
	case *config.TCPCheck:
		return &c.Target
	case *config.SMTPCheck:
		return &c.Target
	case *config.SMTPHost:
		return &c.Target
	case *config.DNSCheck:
		return &c.Target
	case *config.UDPCheck:
		return &c.Target
	case *config.PingCheck:
		return &c.Target
	case *config.GRPCCheck:
		return &c.Target
	case *config.AgentCheck:
		return &c.Target
	case *config.PluginCheck:
		return &c.Target
	}
	return nil
}

// pair reads NAME VALUE, one entry of a map.
func (r *reader) pair(s *statement) {
	f := r.row.bound.field
	m := f.In(r.frames[len(r.frames)-1].value)
	name, value := strings.Clone(s.words[1].text), strings.Clone(s.words[2].text)
	if m.IsNil() {
		m.Set(reflect.MakeMap(m.Type()))
	}
	if m.MapIndex(reflect.ValueOf(name)).IsValid() {
		r.damaged = true
		r.out.error(s.words[1].at, "given-twice", "%s %s is given twice", s.words[0].text, quoted(name))
		return
	}
	entry := reflect.ValueOf(value)
	if m.Type() == reflect.TypeFor[config.Args]() {
		entry = reflect.ValueOf(config.ParseArg(value))
	}
	m.SetMapIndex(reflect.ValueOf(name), entry)
}

// pluginUser reads USER [GROUP].
func (r *reader) pluginUser(s *statement) {
	p := top[config.Plugin](r)
	p.User, p.Group = s.words[1].text, ""
	if len(s.words) > 2 {
		p.Group = s.words[2].text
		r.wrote("group", s.words[2].at, false)
	}
}

// dnsName reads a name that a query can carry.
func (r *reader) dnsName(s *statement) {
	w := s.words[1]
	if wrong := config.DNSNameFault(w.text); wrong != "" {
		r.damaged = true
		r.out.error(w.at, "bad-value", "name %s: a name has %s", quoted(w.text), wrong)
		return
	}
	setField(r, s)
}

// miscPath reads the program; its account is named by user.
func (r *reader) miscPath(s *statement) {
	argv, file, rest := r.command(s)
	p := &config.Program{At: r.position(s.words[1].at), Argv: argv}
	switch {
	case file != nil:
		p.Lua, p.Allow, p.Args = file.Path, file.Allow, file.Args
	case argv == nil:
		return
	}
	if len(rest) > 0 {
		r.out.warn(s.at(), "surplus-words", "keepalived runs the program without what follows its first word, and so does this; put the whole command in double quotes")
	}
	top[config.MiscCheck](r).MiscPath = p
}

// statusCodes reads codes and ranges, which are added to those of lines before. A
// word that is none is ignored, and the others count.
func (r *reader) statusCodes(s *statement) {
	f := r.row.bound.field
	to := f.In(r.frames[len(r.frames)-1].value).Addr().Interface().(*config.StatusCodes)
	var codes config.StatusCodes
	if r.given(f.Key) {
		codes = *to
	}
	any := false
	for _, w := range s.words[1:] {
		any = r.gently("it is ignored, as by keepalived", func() {
			var more config.StatusCodes
			if err := more.UnmarshalText([]byte(w.text)); err != nil {
				r.damaged = true
				r.out.error(w.at, "bad-value", "status_code %s: it %v", quoted(w.text), err)
				return
			}
			codes.Add(more)
		}) || any
	}
	if r.damaged = !any; any {
		*to = codes
	}
}

// regexOptions reads the names of options, which are added to those of lines
// before.
func (r *reader) regexOptions(s *statement) {
	f := r.row.bound.field
	list := f.In(r.frames[len(r.frames)-1].value).Addr().Interface().(*[]string)
	for _, w := range s.words[1:] {
		r.gently("it is ignored, as by keepalived", func() {
			if text, ok := r.oneOf(f, "regex_options", w); ok && !slices.Contains(*list, text) {
				*list = append(*list, text)
			}
		})
	}
}

// regex reads a pattern, whose quotes and backslashes are those of a command.
func (r *reader) regex(s *statement) {
	last := s.words[len(s.words)-1]
	if last.open {
		r.damaged = true
		return
	}
	words, err := commandWords(r.src.slice(s.words[1].at, last.end()))
	switch {
	case err != nil:
		r.damaged = true
		r.out.error(s.words[1].at, "unterminated-quote", "regex: a quote within the pattern is not closed")
		return
	case len(words) > 1:
		r.out.warn(s.words[1].at, "surplus-words", "regex takes one pattern: %s is read, the rest of the line is ignored; put a pattern with blanks in quotes", quoted(words[0]))
	}
	r.row.bound.field.In(r.frames[len(r.frames)-1].value).SetString(words[0])
}

// endURL drops what says nothing without a pattern, or could never match.
func (r *reader) endURL(*statement) {
	if !r.require(r.ended) {
		return
	}
	var u *config.URL
	switch v := r.frames[len(r.frames)-1].value.Addr().Interface().(type) {
	case *config.URL:
		u = v
	case *config.TLSURL:
		u = &v.URL
	}
	if strings.ContainsRune(u.Path, ' ') {
		r.out.addAt(r.givenAt("path"), config.Warning, "blank-in-path", "path %s has a blank, which is sent as it is, as by keepalived: many servers refuse such a request; write %%20", quoted(u.Path))
	}
	if u.Regex == "" {
		for _, key := range []string{"regex_no_match", "regex_options", "regex_min_offset", "regex_max_offset"} {
			if r.given(key) {
				r.out.addAt(r.givenAt(key), config.Warning, "no-effect", "%s is of a pattern, and this url has no regex: it is ignored, as by keepalived", key)
			}
		}
		u.RegexNoMatch, u.RegexOptions, u.RegexMinOffset, u.RegexMaxOffset = false, nil, 0, nil
	}
	if most := u.RegexMaxOffset; most != nil && u.RegexMinOffset > *most {
		r.out.addAt(r.givenAt("regex_min_offset"), config.Warning, "no-effect", "regex_min_offset %d is above regex_max_offset %d, and nothing could match: both are ignored, as by keepalived", u.RegexMinOffset, *most)
		u.RegexMinOffset, u.RegexMaxOffset = 0, nil
	}
}

func (r *reader) miscUser(s *statement) {
	c := top[config.MiscCheck](r)
	c.User, c.Group = strings.Clone(s.words[1].text), ""
	if len(s.words) > 2 {
		c.Group = strings.Clone(s.words[2].text)
	}
}

func (r *reader) endMiscCheck(*statement) {
	if c := top[config.MiscCheck](r); r.require(r.ended) && c.MiscPath.File() != nil {
		r.noAccount(luaAccount, &c.User, &c.Group)
	}
}

func (r *reader) endUDPCheck(*statement) {
	c := top[config.UDPCheck](r)
	if c.MinReplyLength > c.MaxReplyLength {
		r.out.addAt(r.givenAt("min_reply_length"), config.Warning, "reply-length",
			"min_reply_length %d is more than the max_reply_length of %d: the check always fails", c.MinReplyLength, c.MaxReplyLength)
	}
}

// fileWeight reads N [reverse|noreverse].
func (r *reader) fileWeight(s *statement) {
	var reverse *bool
	if len(s.words) > 2 {
		w := s.words[2]
		if w.text != "reverse" && w.text != "noreverse" {
			r.damaged = true
			r.out.error(w.at, "surplus-words", "weight takes a number, and reverse or noreverse, not %s", quoted(w.text))
			return
		}
		is := w.text == "reverse"
		reverse = &is
	}
	if setField(r, s); !r.damaged {
		top[config.FileCheck](r).Reverse = reverse
	}
}

// aimless leaves out checks that cannot be made, as keepalived does.
func (r *reader) aimless() {
	r.followers()
	for i := range r.cfg.VirtualServers {
		v, said := &r.cfg.VirtualServers[i], r.out.said
		if v.At.Part().Settled() {
			continue
		}
		for k := range v.RealServers {
			server := &v.RealServers[k]
			server.Checks = slices.DeleteFunc(server.Checks, func(c config.Check) bool {
				to := c.Target()
				if to == nil || c.Plugin != nil { // which may know better
					return false
				}
				if mail := c.SMTP; mail != nil {
					mail.Hosts = slices.DeleteFunc(mail.Hosts, func(h config.SMTPHost) bool {
						return r.unbound("host of SMTP_CHECK", h.Connect(v, server), h.BindIf, h.At)
					})
					if !mail.Itself() {
						return false
					}
				}
				return r.unbound(c.Kind(), to.Connect(v, server), to.BindIf, c.At())
			})
		}
		if r.out.said == said {
			v.At.Part().Settle()
		}
	}
}

// unbound reports, and says, that an address is one on each network, and nothing tells
// which is meant.
func (r *reader) unbound(what string, to config.Endpoint, bindIf string, at config.Position) bool {
	a := to.Addr()
	if !config.Unbound(a, bindIf) {
		return false
	}
	r.out.addAt(at, config.Warning, "no-bind-if", "this %s connects to the link-local address %s, which may be on every network, and does not say on which: add bind_if; %s", what, a, blockLeftOut)
	return true
}

// followers leaves out checks that follow a file or a session which is not there,
// as keepalived does: also when its own block was left out. The server would count as
// working, or as down, for ever.
func (r *reader) followers() {
	var files, sessions []string
	for i := range r.cfg.TrackFiles {
		files = append(files, r.cfg.TrackFiles[i].Name)
	}
	for i := range r.cfg.BFDs {
		sessions = append(sessions, r.cfg.BFDs[i].Name)
	}
	const text = "no %s is named %s%s"
	rest := func(name string, names []string, at config.Position) aside {
		return aside(hinted(r.insteadOf(name, names, at.File()), blockLeftOut))
	}
	for i := range r.cfg.VirtualServers {
		v := &r.cfg.VirtualServers[i]
		if v.At.Part().Settled() {
			continue
		}
		for k := range v.RealServers {
			server := &v.RealServers[k]
			server.Checks = slices.DeleteFunc(server.Checks, func(c config.Check) bool {
				switch {
				case c.File != nil && !slices.Contains(files, c.File.TrackFile):
					at := c.File.Written.At("track_file", c.File.At)
					r.out.addAt(at, config.Warning, "unknown-track-file", text, "track_file", quoted(c.File.TrackFile), rest(c.File.TrackFile, files, at))
					return true
				case c.BFD != nil && !slices.Contains(sessions, c.BFD.Name):
					at := c.BFD.Written.At("name", c.BFD.At)
					r.out.addAt(at, config.Warning, "unknown-bfd", text, "bfd_instance", quoted(c.BFD.Name), rest(c.BFD.Name, sessions, at))
					return true
				}
				return false
			})
		}
	}
}

// insteadOf ends the message about a name that does not exist.
func (r *reader) insteadOf(name string, names []string, here string) string {
	if left := r.leftOut(name, here); left != "" {
		return left + ": nothing would watch what this check is meant to watch"
	}
	if guess := config.Nearest(name, names); guess != "" {
		return ": did you mean " + printable(guess) + "?"
	}
	return ": nothing would watch what this check is meant to watch"
}
