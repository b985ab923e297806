package build

import (
	"encoding"
	"encoding/json"
	"hash/fnv"
	"net/netip"
	"reflect"
	"strconv"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/node"
)

// Probe is a check that somebody has to make: what it is, by its number in
// node.Config, or by the script that it is of.
type Probe struct {
	// Check is its number. Those of scripts come behind all others.
	Check uint32
	// Script names the vrrp_script that it is; empty for a real server's.
	Script string
	// Kind is the keyword, and of a plugin's check the name of the plugin, which
	// Plugin says.
	Kind   string
	Plugin bool
	// Service is its name in node.Config, for people. Server is the other one.
	Service string
	server  config.Endpoint
	// connects says that Address is of a target, which a program has none of.
	connects bool
	// among are the checks of its server, of which it is the one at this index.
	among []config.Check
	index int
	// Virtual is the address of the service; invalid when it has none.
	Virtual netip.AddrPort

	// Address is where it connects to; port 0 is none.
	Address  netip.AddrPort
	BindTo   netip.Addr
	BindPort uint16
	BindIf   string
	Fwmark   uint32
	// Marks and LowPort say that it marks packets, and that it connects from a port
	// below 1024: some of what it connects to, for there may be more than one.
	Marks, LowPort     bool
	Binds              bool // chooses an interface, as they say
	Weight             *int // of the real server; nil for a script's
	NetNamespace       string
	ConnectTimeout     time.Duration // of a program it is Limit
	Limit              time.Duration // for the whole of a run
	User, Group        string        // of a program
	Secure             bool          // enable_script_security
	Options            json.RawMessage
	Lua                *config.LuaCheck // of a LUA_CHECK
	LogAll             bool
	Interval, Patience time.Duration
}

// Probes returns all that is to be probed, in the order of its numbers. What
// follows a file or a session is not among it.
func Probes(c *config.Config) []Probe {
	all := make([]Probe, 0, MostProbes(c))
	EachProbe(c, func(p *Probe) { all = append(all, *p) })
	return all
}

// MostProbes is how many Probes has at most.
func MostProbes(c *config.Config) int {
	n := len(c.Scripts)
	for i := range c.VirtualServers {
		for k := range c.VirtualServers[i].RealServers {
			r := &c.VirtualServers[i].RealServers[k]
			if n += len(r.Checks); r.WeightBy != nil {
				n++
			}
			for x := range r.Checks {
				if mail := r.Checks[x].SMTP; mail != nil {
					n += len(mail.Hosts)
				}
			}
		}
	}
	return n
}

// EachProbe is Probes one after the other, for those who keep little of them:
// there may be tens of thousands. What f is given is its own for the call.
func EachProbe(c *config.Config, f func(*Probe)) { EachFreshProbe(c, nil, nil, f) }

// EachFreshProbe is EachProbe without those of the virtual servers that are kept, and for which
// knows agrees: it is given what was built of one, which number its first check had and which
// it has.
func EachFreshProbe(c *config.Config, kept *Kept, knows func(was *node.Service, had, has uint32) bool, f func(*Probe)) {
	var p Probe
	var last texts
	n := uint32(0)
	servers(c, func(v *config.VirtualServer, name string, list []member) {
		if was, had := kept.service(v, list); was != nil && knows(was, had, n) {
			n += size(was)
			return
		}
		for _, r := range list {
			checks := checksOf(r.RealServer)
			for i := range checks {
				if k := &checks[i]; probed(k) {
					p = probe(c, r.of, r.RealServer, k, n, &last)
					p.Service, p.server, p.among, p.index = name, r.endpoint(), checks, i
					f(&p)
				}
				n++
			}
		}
	})
	for i := range c.Scripts {
		s := &c.Scripts[i]
		if s.Plugin == nil {
			continue
		}
		// There is no server around it.
		v := config.VirtualServer{ConnectTimeout: s.Timeout, DelayLoop: s.Interval}
		r := config.RealServer{}
		if mail := s.Plugin.SMTP; mail != nil { // its hosts may leave out what it says itself
			r.Address = mail.Connect(&v, &r)
		}
		p = probe(c, &v, &r, s.Plugin, n, &last)
		p.Script, p.Interval, p.Limit, p.Patience, p.Weight = s.Name, s.Interval, s.Timeout, s.Timeout, nil
		p.ConnectTimeout = min(p.ConnectTimeout, s.Timeout)
		f(&p)
		n++
	}
}

// probed reports whether somebody has to make a check.
func probed(k *config.Check) bool { return k.File == nil && k.BFD == nil }

// probe is what is to be probed of a check, but for the names of its service and
// its server. last is for all checks of one configuration.
func probe(c *config.Config, v *config.VirtualServer, r *config.RealServer, k *config.Check, number uint32, last *texts) Probe {
	t := k.Timers(v, r)
	p := Probe{
		Check: number, Kind: k.Kind(), Virtual: v.Address.AddrPort,
		ConnectTimeout: t.ConnectTimeout, Limit: limit(k, v, r, t), LogAll: k.LogsAll(c.Global.LogAllFailures),
		NetNamespace: k.Namespace(v), Interval: t.DelayLoop, Address: r.Endpoint(v).AddrPort, Lua: luaOf(k),
	}
	p.Patience = p.Limit + slack
	if k.Agent != nil || k.Plugin != nil {
		w := int(r.IPVSWeight(v))
		p.Weight = &w
	}
	if to := k.Target(); to != nil {
		p.Address = to.Connect(v, r).AddrPort
		p.connects = true
		p.BindTo, p.BindPort, p.BindIf, p.Fwmark = to.BindTo, uint16(to.BindPort), to.BindIf, to.Fwmark
	}
	needs := func(to *config.Target) {
		p.Marks = p.Marks || to.Fwmark != 0
		p.Binds = p.Binds || to.BindIf != ""
		p.LowPort = p.LowPort || to.BindPort != 0 && to.BindPort < 1024
	}
	if to := k.Target(); to != nil {
		needs(to)
	}
	if k.SMTP != nil && len(k.SMTP.Hosts) > 0 {
		// Each host has how it connects in its options, and nothing of the check's.
		p.BindTo, p.BindPort, p.BindIf, p.Fwmark = netip.Addr{}, 0, "", 0
		for i := range k.SMTP.Hosts {
			needs(&k.SMTP.Hosts[i].Target)
		}
	}
	switch {
	case k.Plugin != nil:
		p.Kind, p.Plugin = k.Plugin.Name, true
	case k.Misc != nil:
		p.ConnectTimeout = p.Limit // a program without misc_timeout takes the target's
		p.User, p.Group, p.Secure = k.Misc.User, k.Misc.Group, c.Global.ScriptSecurity
		if p.User == "" {
			p.User, p.Group = c.Global.ScriptUser, c.Global.ScriptGroup
		}
	}
	p.Options = checkOptions(c, v, r, k, last)
	return p
}

// slack is how much longer than the run of a check its answer is waited for.
const slack = 2 * time.Second

// limit is how long a run may take in all: every connection has its time, and
// where something is said on it each answer has it again, and so has the handshake of
// TLS; a program has its own.
func limit(k *config.Check, v *config.VirtualServer, r *config.RealServer, t config.Timers) time.Duration {
	switch {
	case k.HTTP != nil:
		return 2 * t.ConnectTimeout * time.Duration(max(1, len(k.HTTP.URLs)))
	case k.SSL != nil:
		return 3 * t.ConnectTimeout * time.Duration(max(1, len(k.SSL.URLs)))
	case k.SMTP != nil:
		steps := time.Duration(3) // connection, greeting, HELO
		if k.SMTP.StartTLS {
			steps = 6 // and STARTTLS, the handshake, EHLO again
		}
		var sum time.Duration
		for _, place := range k.SMTP.Places() {
			sum += steps * (&config.Check{SMTP: place}).Timers(v, r).ConnectTimeout
		}
		return sum
	case k.Agent != nil:
		return 2 * t.ConnectTimeout
	case k.Misc != nil:
		return k.Misc.Timeout(v, r)
	case k.Lua != nil && k.Lua.Timeout != nil:
		return *k.Lua.Timeout
	}
	return t.ConnectTimeout
}

// Identity changes when what is checked changes: it sums up what and how, without
// when and for which weight. It is computed at every call.
func (p *Probe) Identity() string {
	// There may be tens of thousands: one text for all of a probe.
	var room [256]byte
	b := append(append(room[:0], p.Kind...), 0)
	if p.Lua != nil {
		b = append(strconv.AppendBool(b, p.Lua.Measures), 0)
	}
	b = append(strconv.AppendBool(b, p.Plugin), 0)
	b = append(p.Address.AppendTo(b), 0)
	b = append(p.BindTo.AppendTo(b), 0)
	for _, s := range [...]string{p.BindIf, p.NetNamespace, p.User, p.Group} {
		b = append(append(b, s...), 0)
	}
	b = append(strconv.AppendUint(b, uint64(p.BindPort), 10), ' ')
	b = append(strconv.AppendUint(b, uint64(p.Fwmark), 10), 0)
	b = append(b, p.Options...)
	h := fnv.New64a()
	_, _ = h.Write(b)
	return strconv.FormatUint(h.Sum64(), 16)
}

// checkOptions are what a check has beside its target and its timing, as a JSON
// object by the keys of package config. What it inherits is in it. fast_recovery is timing.
func checkOptions(c *config.Config, v *config.VirtualServer, r *config.RealServer, k *config.Check, last *texts) json.RawMessage {
	var x any
	switch {
	case k.TCP != nil, k.Ping != nil:
		return json.RawMessage("{}")
	case k.HTTP != nil:
		h := last.http.room()
		urls := append(h.URLs[:0], k.HTTP.URLs...)
		*h = *k.HTTP
		h.At, h.Written, h.Target, h.Timing, h.FastRecovery = config.Position{}, nil, config.Target{}, config.Timing{}, false
		if h.URLs = h.URLs[:0:0]; len(urls) > 0 { // without any it is nil or not, which differs
			h.URLs = urls
		}
		for i := range h.URLs {
			u := &h.URLs[i]
			u.VirtualHost, u.At, u.Written = h.Host(u, v, r), config.Position{}, nil
		}
		return last.http.of(func() map[string]any { return object(reflect.ValueOf(*h)) })
	case k.SSL != nil:
		h := last.ssl.room()
		urls := append(h.URLs[:0], k.SSL.URLs...)
		*h = *k.SSL
		h.At, h.Written, h.Target, h.Timing, h.FastRecovery = config.Position{}, nil, config.Target{}, config.Timing{}, false
		if h.URLs = h.URLs[:0:0]; len(urls) > 0 { // without any it is nil or not, which differs
			h.URLs = urls
		}
		for i := range h.URLs {
			u := &h.URLs[i]
			u.VirtualHost, u.At, u.Written = h.Host(&u.URL, v, r), config.Position{}, nil
		}
		return last.ssl.of(func() map[string]any {
			m := object(reflect.ValueOf(*h))
			trust(m, c.SSL)
			return m
		})
	case k.SMTP != nil:
		m := object(reflect.ValueOf(*k.SMTP))
		delete(m, "hosts")
		if len(k.SMTP.Hosts) > 0 {
			var hosts []any
			for _, place := range k.SMTP.Places() {
				hosts = append(hosts, host(place, v, r))
			}
			m["hosts"] = hosts
		}
		if k.SMTP.StartTLS {
			trust(m, c.SSL)
		}
		return text(m)
	case k.DNS != nil:
		x = *k.DNS
	case k.UDP != nil:
		x = *k.UDP
	case k.Misc != nil:
		m := object(reflect.ValueOf(*k.Misc))
		delete(m, "user") // the process has it
		delete(m, "group")
		return text(m)
	case k.Lua != nil:
		x = *k.Lua
	case k.GRPC != nil:
		g := *k.GRPC
		for _, name := range []string{g.Authority, r.VirtualHost, v.VirtualHost} {
			if g.Authority = name; name != "" {
				break
			}
		}
		m := object(reflect.ValueOf(g))
		if g.UseTLS {
			trust(m, c.SSL)
		}
		return text(m)
	case k.Agent != nil:
		return text(object(reflect.ValueOf(*k.Agent)))
	case k.Plugin != nil:
		m := map[string]any{}
		for name, value := range k.Plugin.Options {
			m[name] = value
		}
		return text(m)
	default:
		return json.RawMessage("{}")
	}
	return text(object(reflect.ValueOf(x)))
}

// trust adds what the block SSL says for all checks.
func trust(m map[string]any, ssl *config.SSL) {
	if ssl == nil {
		return
	}
	own := m["certificate"] != nil
	if m["ca"] == nil && ssl.CA != "" {
		m["ca"] = ssl.CA
	}
	if own {
		return // with a key of its own
	}
	for key, value := range map[string]string{"certificate": ssl.Certificate, "key": ssl.Key, "password": ssl.Password} {
		if value != "" && m[key] == nil {
			m[key] = value
		}
	}
}

// host is a place of an SMTP_CHECK that is a vrrp_script's, as its checker takes a host.
// The process is in the namespace of all of them.
func host(place *config.SMTPCheck, v *config.VirtualServer, r *config.RealServer) map[string]any {
	m := object(reflect.ValueOf(place.Target))
	e := place.Connect(v, r)
	delete(m, "net_namespace")
	m["connect_ip"], m["connect_port"] = e.Addr().String(), e.Port()
	m["connect_timeout"] = (&config.Check{SMTP: place}).Timers(v, r).ConnectTimeout.String()
	return m
}

// text renders an object; encoding/json orders the keys.
func text(m map[string]any) json.RawMessage {
	b, err := json.Marshal(m)
	if err != nil {
		panic("build: options cannot be written: " + err.Error()) // they are texts and numbers
	}
	return b
}

// object takes a struct's keys that are not zero, and numbers with another default that
// were written as zero. Target and Timing are left to others where they are embedded.
func object(v reflect.Value) map[string]any {
	m := map[string]any{}
	collect(v, m)
	return m
}

func collect(v reflect.Value, m map[string]any) {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("key")
		switch {
		case f.Anonymous && key == "":
			if f.Type != reflect.TypeFor[config.Target]() && f.Type != reflect.TypeFor[config.Timing]() {
				collect(v.Field(i), m)
			}
		case key == "-" || key == "":
		case v.Field(i).IsZero() && (f.Type.Kind() != reflect.Int || f.Tag.Get("default") == "" || !wrote(v, key)):
		default:
			m[key] = jsonValue(v.Field(i))
		}
	}
}

// wrote reports whether a struct that remembers its keys was given one.
func wrote(v reflect.Value, key string) bool {
	f := v.FieldByName("Written")
	if !f.IsValid() {
		return false
	}
	keys, ok := f.Interface().(config.Keys)
	return ok && keys.Has(key)
}

// jsonValue is one value as JSON has it.
func jsonValue(v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		return x.String()
	case config.Program:
		return x.Argv
	case encoding.TextMarshaler:
		b, err := x.MarshalText()
		if err != nil {
			panic("build: " + err.Error()) // they were read from texts
		}
		return string(b)
	}
	switch v.Kind() {
	case reflect.Struct:
		return object(v)
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = jsonValue(v.Index(i))
		}
		return list
	}
	return v.Interface()
}
