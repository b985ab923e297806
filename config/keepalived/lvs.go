package keepalived

import (
	"encoding/binary"
	"math"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// endpoint reads ADDR [PORT].
func (r *reader) endpoint(words []token, what string) (config.Endpoint, bool) {
	a, err := netip.ParseAddr(words[0].text)
	if err != nil {
		r.out.error(words[0].at, "bad-address", "%s %s is not an address", what, quoted(words[0].text))
		return config.Endpoint{}, false
	}
	if a.Zone() != "" {
		r.out.error(words[0].at, "bad-address", "%s %s has a zone, and IPVS knows none: name an address that needs none", what, quoted(words[0].text))
		return config.Endpoint{}, false
	}
	if len(words) < 2 {
		return config.Endpoint{AddrPort: netip.AddrPortFrom(a, 0)}, true
	}
	if port, err := strconv.ParseUint(words[1].text, 10, 16); err == nil {
		return config.Endpoint{AddrPort: netip.AddrPortFrom(a, uint16(port))}, true
	}
	port, ok := r.integer(words[1], "the port of "+what, 0, math.MaxUint16)
	if !ok {
		return config.Endpoint{}, false
	}
	return config.Endpoint{AddrPort: netip.AddrPortFrom(a, uint16(port))}, true
}

// beginVirtualServer reads ADDR [PORT], fwmark N or group NAME.
func (r *reader) beginVirtualServer(s *statement) {
	if len(s.words) < 2 {
		return
	}
	v, w, key := top[config.VirtualServer](r), s.words[1], "address"
	switch w.text {
	case "fwmark", "group":
		if len(s.words) < 3 {
			r.damaged = true
			r.out.error(w.at, "missing-argument", "virtual_server %s takes one value, and there is none", w.text)
			return
		}
		if w.text == "group" {
			key, v.Group = "group", strings.Clone(s.words[2].text)
			break
		}
		key = "fwmark"
		n, ok := r.mark(s.words[2], "virtual_server fwmark", "it is left out; keepalived 2.2.7 makes a service of 255.255.255.255 with all ports of it")
		r.damaged = r.damaged || !ok
		v.Fwmark = n
	default:
		var ok bool
		v.Address, ok = r.endpoint(s.words[1:min(len(s.words), 3)], "virtual_server")
		r.damaged = r.damaged || !ok
	}
	r.wrote(key, w.at, false)
}

// mark reads a firewall mark. zero is what becomes of 0, for which keepalived makes
// something else.
func (r *reader) mark(w token, keyword, zero string) (mark uint32, ok bool) {
	n := 0
	number := func() { n, ok = r.integer(w, keyword, 1, math.MaxUint32) }
	if digits := leading(w.text, false); digits != "" && strings.Trim(digits, "+0") == "" {
		r.gently(zero, number)
	} else {
		number()
	}
	return uint32(n), ok
}

// endVirtualServer says what keepalived makes of a virtual server that lacks
// something, and leaves out what it leaves out. What several servers or
// numbers have to do with each other is for those who look at the whole
// configuration, in whatever language.
func (r *reader) endVirtualServer(*statement) {
	v := top[config.VirtualServer](r)
	if r.damaged {
		return
	}
	name := serviceName(v)
	if len(v.RealServers) == 0 {
		r.drop()
		if !r.meant["real_server"] {
			number := ""
			if v.Group != "" {
				number = "; the numbers by which FIFOs and mails tell those of a group apart are as without it, as by keepalived from 2.2.8 on, where 2.2.7 counts it"
			}
			r.out.addAt(v.At, config.Warning, "no-real-server", "virtual_server %s has no real_server: it is left out, as by keepalived%s", name, number)
		}
		return
	}
	if r.family(v, name); len(v.RealServers) == 0 {
		r.drop()
		r.out.addAt(v.At, config.Warning, "no-real-server", "virtual_server %s is left out, as by keepalived: no real_server is left of it", name)
		return
	}
	r.taken(v, name)
	r.ports(v, name)
	if g := v.PersistenceGranularity; g != (config.Granularity{}) && v.PersistenceTimeout == 0 && (!v.Address.IsValid() || v.Address.Port() != 0) {
		r.out.addAt(r.givenAt("persistence_granularity"), config.Warning, "as-keepalived", "persistence_granularity makes virtual_server %s persistent: persistence_timeout 360 is taken, as by keepalived", name)
	}
}

// granularity reads a mask or a length, for the family that has been told so far. Where
// nothing has, a word without a point is a length. For IPv4 it is an address as inet_aton
// reads it.
func (r *reader) granularity(s *statement) {
	v, w := top[config.VirtualServer](r), s.words[1]
	family := v.Address.Family()
	switch g := v.PersistenceGranularity; {
	case family != "":
	case v.IPFamily != "":
		family = v.IPFamily
	case g.Mask.IsValid():
		family = "inet"
	case g.Bits > 0:
		family = "inet6"
	default:
		i := slices.IndexFunc(v.RealServers, func(s config.RealServer) bool { return s.Method(v).Kind != config.TUN })
		if i >= 0 {
			family = v.RealServers[i].Address.Family()
		}
	}
	if family == "" && strings.Contains(w.text, ".") {
		family = "inet"
	}
	mask, is := inetAton(w.text)
	first := v.PersistenceGranularity == (config.Granularity{})
	switch {
	case family == "inet" && !is:
		r.damaged = true
		r.out.error(w.at, "bad-value", "persistence_granularity %s: it must be an IPv4 mask such as 255.255.255.0", printable(w.text))
	case family == "inet" && !(first && lengthOnly.MatchString(w.text)):
		// family says so of a length, when it stands alone.
		v.PersistenceGranularity = config.Granularity{Mask: mask}
		if mask.String() != w.text {
			r.out.warn(w.at, "as-keepalived", "persistence_granularity %s is taken for the mask %s, as by keepalived; write a mask such as 255.255.255.0", printable(w.text), mask)
		}
	case family == "" && w.text == "0":
		r.damaged = true
		r.out.error(w.at, "bad-value", "persistence_granularity 0: where no ip_family stands before it, a number is the length of an IPv6 prefix, from 1 to 128; write a mask such as 255.255.255.0")
	case family == "inet6" && !first && (w.text == "0" || strings.Contains(w.text, ".")):
		r.damaged = true
		r.out.error(w.at, "bad-value", "persistence_granularity %s: it must be the length of an IPv6 prefix, from 1 to 128", printable(w.text))
	default:
		setField(r, s)
	}
}

// lengthOnly is how a length is written, which no mask is.
var lengthOnly = regexp.MustCompile(`^(0|[1-9][0-9]?|1[01][0-9]|12[0-8])$`)

// inetAton reads an IPv4 address of one to four numbers, each decimal, octal or
// hexadecimal; the last one has what the others leave.
func inetAton(text string) (netip.Addr, bool) {
	parts := strings.Split(text, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var sum uint64
	for i, part := range parts {
		base := 10
		switch digits, hexadecimal := strings.CutPrefix(strings.ToLower(part), "0x"); {
		case hexadecimal:
			base, part = 16, digits
		case strings.HasPrefix(part, "0"):
			base = 8
		}
		n, err := strconv.ParseUint(part, base, 32)
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		if err != nil || n>>bits != 0 {
			return netip.Addr{}, false
		}
		sum = sum<<bits | n
	}
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(sum)))), true
}

// serviceName names a virtual server as the author did.
func serviceName(v *config.VirtualServer) string {
	switch {
	case v.Group != "":
		return "group " + printable(v.Group)
	case v.Fwmark != 0:
		return "fwmark " + strconv.FormatUint(uint64(v.Fwmark), 10)
	}
	return v.Address.String()
}

// family leaves out servers of another family than the service's, unless a
// tunnel leads to them.
func (r *reader) family(v *config.VirtualServer, name string) {
	family := v.Address.Family()
	if family != "" && v.IPFamily != "" && v.IPFamily != family {
		r.out.addAt(r.givenAt("ip_family"), config.Warning, "family-mismatch", "virtual_server %s: ip_family %s is not that of its address and is ignored, as by keepalived", name, v.IPFamily)
		v.IPFamily = family
	}
	if family == "" {
		family = v.Family()
	}
	r.strangers(v, name, family)
	switch g := v.PersistenceGranularity; {
	case family == "inet6" && g.Mask.IsValid():
		r.out.addAt(r.givenAt("persistence_granularity"), config.Warning, "family-mismatch",
			"virtual_server %s: persistence_granularity takes a mask for IPv4 and the length of a prefix for IPv6; it is ignored", name)
		v.PersistenceGranularity = config.Granularity{}
	case v.Group == "" && g.Mask == netip.IPv4Unspecified():
		r.out.addAt(r.givenAt("persistence_granularity"), config.Warning, "as-keepalived",
			"virtual_server %s: persistence_granularity 0.0.0.0 takes all clients for one, as by keepalived: all of them go to one real server at a time; write a mask such as 255.255.255.0", name)
	case family == "inet" && g.Bits > 0:
		mask := netip.AddrFrom4([4]byte{3: byte(g.Bits)})
		v.PersistenceGranularity = config.Granularity{Mask: mask}
		if v.Group != "" {
			break // which takes none
		}
		r.out.addAt(r.givenAt("persistence_granularity"), config.Warning, "as-keepalived",
			"virtual_server %s: persistence_granularity %d is taken for the mask %s, as by keepalived, which takes no length for IPv4: clients are one by these bits of their addresses; write a mask such as 255.255.255.0", name, g.Bits, mask)
	}
}

// strangers leaves out servers of another family by the methods that they have so far.
func (r *reader) strangers(v *config.VirtualServer, name, family string) {
	other := func(at config.Position, what string, e config.Endpoint, m config.LVSMethod) bool {
		if family == "" || e.Family() == family || m.Kind == config.TUN {
			return false
		}
		r.out.addAt(at, config.Warning, "family-mismatch", "%s %s is left out, as by keepalived: virtual_server %s is %s, and only a tunnel leads to another family", what, e, name, familyName(family))
		return true
	}
	v.RealServers = slices.DeleteFunc(v.RealServers, func(s config.RealServer) bool {
		return other(s.At, "real_server", s.Address, s.Method(v))
	})
	if s := v.SorryServer; s != nil && other(s.At, "sorry_server", s.Address, v.SorryMethod()) {
		v.SorryServer = nil
	}
}

func familyName(family string) string {
	if family == "inet6" {
		return "IPv6"
	}
	return "IPv4"
}

// taken says what keepalived takes for what was not written.
func (r *reader) taken(v *config.VirtualServer, name string) {
	var missing, values []string
	add := func(key, value string) {
		if !r.given(key) && !r.meant[key] {
			missing, values = append(missing, key), append(values, value)
		}
	}
	if v.Fwmark == 0 {
		add("protocol", v.Protocol)
	}
	add("lb_algo", v.LBAlgo)
	add("lb_kind", v.LBKind.String())
	if len(missing) > 0 {
		r.out.addAt(v.At, config.Warning, "lvs-default", "virtual_server %s has no %s: %s is taken, as by keepalived; write what is meant", name,
			strings.Join(missing, ", no "), strings.Join(values, ", "))
	}
}

// ports says what becomes of ports that are not written, or cannot be;
// Config.Persistence and RealServer.Endpoint know it.
func (r *reader) ports(v *config.VirtualServer, name string) {
	if !v.Address.IsValid() {
		return
	}
	port := v.Address.Port()
	if port == 0 {
		r.portZero(v, name)
	}
	forced := func(at config.Position, what string, e config.Endpoint, m config.LVSMethod) {
		if (m.Kind == config.DR || m.Kind == config.TUN) && e.Port() != 0 && e.Port() != port {
			r.out.addAt(at, config.Warning, "port-forced", "%s %s gets the port of virtual_server %s, as by keepalived: %s does not rewrite packets", what, e, name, m.Kind)
		}
	}
	for i := range v.RealServers {
		s := &v.RealServers[i]
		forced(s.At, "real_server", s.Address, s.Method(v))
	}
	if s := v.SorryServer; s != nil {
		forced(s.At, "sorry_server", s.Address, v.SorryMethod())
	}
}

// portZero says that a service which has all ports is persistent.
func (r *reader) portZero(v *config.VirtualServer, name string) {
	if v.PersistenceTimeout == 0 {
		r.out.addAt(v.At, config.Warning, "port-zero", "virtual_server %s has no port, which only a persistent service can do: persistence_timeout 360 is taken, as by keepalived", name)
	}
}

// beginRealServer reads ADDR [PORT].
func (r *reader) beginRealServer(s *statement) {
	if len(s.words) < 2 {
		return
	}
	e, ok := r.endpoint(s.words[1:min(len(s.words), 3)], "real_server")
	top[config.RealServer](r).Address = e
	r.damaged = r.damaged || !ok
	r.wrote("address", s.words[1].at, false)
}

func (r *reader) endRealServer(*statement) {
	s := top[config.RealServer](r)
	s.Checks = slices.Clip(s.Checks)
	if at, text := s.SmoothingFault(); text != "" {
		r.out.addAt(at, config.Error, "bad-smoothing", "real_server %s: smoothing %s", s.Address, text)
	}
}

// sorryServer reads ADDR [PORT].
func (r *reader) sorryServer(s *statement) {
	e, ok := r.endpoint(s.words[1:min(len(s.words), 3)], "sorry_server")
	if !ok {
		r.damaged = true
		return
	}
	v := top[config.VirtualServer](r)
	if v.SorryServer == nil {
		v.SorryServer = &config.SorryServer{}
	}
	v.SorryServer.At, v.SorryServer.Address = r.position(s.words[1].at), e
}

// sorryServerOption reads what counts behind sorry_server only.
func (r *reader) sorryServerOption(s *statement) {
	if top[config.VirtualServer](r).SorryServer == nil {
		r.out.warn(s.at(), "no-effect", "%s has no effect before sorry_server, in keepalived either; move it below", s.words[0].text)
		return
	}
	if s.words[0].text == "sorry_server_lvs_method" {
		r.method(s)
		return
	}
	setField(r, s)
}

// balanceMethod reads the method of a virtual server. What stands before it was made with
// the one that was said before that, or looked at as if it were NAT when none was.
func (r *reader) balanceMethod(s *statement) {
	v := top[config.VirtualServer](r)
	before, at := v.LBKind, r.givenAt("lb_kind")
	if !r.given("lb_kind") {
		r.strangers(v, serviceName(v), v.Family())
		r.method(s)
		return
	}
	if r.method(s); before == v.LBKind {
		return
	}
	for i := range v.RealServers {
		if server := &v.RealServers[i]; server.LVSMethod == nil {
			server.LVSMethod = &before
			server.Written = append(server.Written, config.Key{Name: "lvs_method", At: at})
		}
	}
	if v.SorryServer != nil && v.SorryServer.LVSMethod == nil {
		v.SorryServer.LVSMethod = &before
		r.keys = append(r.keys, config.Key{Name: "sorry_server.lvs_method", At: at})
	}
}

// method reads a way of forwarding. keepalived has taken the kind when it finds that the
// options are no good: then they are as they were before.
func (r *reader) method(s *statement) {
	kind := s.words[1].text
	if kind != config.NAT && kind != config.DR && kind != config.TUN {
		setField(r, s)
		return
	}
	if r.gently("it is "+kind+" without them, as by keepalived", func() { setField(r, s) }) {
		return
	}
	m := around[config.VirtualServer](r).LBKind
	place := r.row.bound.field.In(r.frames[len(r.frames)-1].value)
	to, pointed := place.Interface().(*config.LVSMethod)
	if pointed && to != nil {
		m = *to
	}
	if m.Kind = kind; kind != config.TUN {
		m = config.LVSMethod{Kind: kind}
	}
	if pointed {
		place.Set(reflect.ValueOf(&m))
		return
	}
	place.Set(reflect.ValueOf(m))
}

// schedulerFlag reads a flag that counts behind lb_algo only.
func schedulerFlag(algo string) handler {
	return func(r *reader, s *statement) {
		if v := top[config.VirtualServer](r); v.LBAlgo != algo {
			r.out.warn(s.at(), "no-effect", "%s has no effect unless lb_algo %s stands before it, in keepalived either", s.words[0].text, algo)
			return
		}
		setField(r, s)
	}
}
