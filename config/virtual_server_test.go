package config

import (
	"encoding"
	"net/netip"
	"testing"
	"time"
	"unsafe"
)

func ptr[T any](v T) *T { return &v }

// TestTimers holds the inheritance virtual server, real server, check, and the
// defaults of the kinds.
func TestTimers(t *testing.T) {
	const s = time.Second
	base := VirtualServer{DelayLoop: 60 * s, ConnectTimeout: 5 * s}
	all := VirtualServer{DelayLoop: 10 * s, ConnectTimeout: 2 * s, Retry: ptr(7), DelayBeforeRetry: ptr(8 * s), Warmup: ptr(9 * s), Alpha: true}
	mine := Timing{Retry: ptr(0), DelayBeforeRetry: ptr(1 * s), Warmup: ptr(0 * s), DelayLoop: ptr(3 * s), Alpha: ptr(false)}
	tests := []struct {
		name  string
		vs    VirtualServer
		rs    RealServer
		check Check
		want  rhythm
	}{
		{"TCP", base, RealServer{}, Check{TCP: &TCPCheck{}}, rhythm{60 * s, 1, s, 60 * s, 5 * s, false}},
		{"MISC", base, RealServer{}, Check{Misc: &MiscCheck{}}, rhythm{60 * s, 0, s, 60 * s, 5 * s, false}},
		{"DNS", base, RealServer{}, Check{DNS: &DNSCheck{}}, rhythm{60 * s, 3, 60 * s, 60 * s, 5 * s, false}},
		{"DNS waits its own delay_loop", base, RealServer{}, Check{DNS: &DNSCheck{Timing: Timing{DelayLoop: ptr(2 * s)}}}, rhythm{2 * s, 3, 2 * s, 2 * s, 5 * s, false}},
		{"HTTP", base, RealServer{}, Check{HTTP: &HTTPCheck{}}, rhythm{60 * s, 1, 3 * s, 60 * s, 5 * s, false}},
		{"SSL", base, RealServer{}, Check{SSL: &SSLCheck{}}, rhythm{60 * s, 1, 3 * s, 60 * s, 5 * s, false}},
		{"the virtual server's", all, RealServer{}, Check{Misc: &MiscCheck{}}, rhythm{10 * s, 7, 8 * s, 9 * s, 2 * s, true}},
		{"the real server's", all, RealServer{Retry: ptr(2), DelayLoop: ptr(4 * s), ConnectTimeout: ptr(s), Alpha: ptr(false)}, Check{TCP: &TCPCheck{}}, rhythm{4 * s, 2, 8 * s, 9 * s, s, false}},
		{"its own", all, RealServer{Retry: ptr(2), ConnectTimeout: ptr(s)}, Check{TCP: &TCPCheck{Target: Target{ConnectTimeout: ptr(6 * s)}, Timing: mine}}, rhythm{3 * s, 0, s, 0, 6 * s, false}},
		{"BFD's alpha", all, RealServer{}, Check{BFD: &BFDCheck{Alpha: ptr(false)}}, rhythm{10 * s, 7, 8 * s, 9 * s, 2 * s, false}},
	}
	for _, test := range tests {
		if got := rhythmOf(test.check.Timers(&test.vs, &test.rs)); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
	mail := &SMTPCheck{Timing: Timing{Retry: ptr(4)}}
	host := &SMTPHost{Timing: Timing{DelayLoop: ptr(s)}}
	if got, want := rhythmOf(host.Timers(mail, &base, &RealServer{})), (rhythm{s, 4, s, s, 5 * s, false}); got != want {
		t.Errorf("host of SMTP_CHECK: got %+v, want %+v", got, want)
	}
}

// rhythm is what of Timers keepalived has, too.
type rhythm struct {
	loop   time.Duration
	retry  int
	delay  time.Duration
	warmup time.Duration
	wait   time.Duration
	alpha  bool
}

func rhythmOf(t Timers) rhythm {
	return rhythm{t.DelayLoop, t.Retry, t.DelayBeforeRetry, t.Warmup, t.ConnectTimeout, t.Alpha}
}

// TestPatience holds where a check has from what keepalived does not know.
func TestPatience(t *testing.T) {
	const s = time.Second
	type patience struct {
		rise, fall int
		fast       time.Duration
		unknown    string
		grace      time.Duration
	}
	around := VirtualServer{DelayLoop: 10 * s, Retry: ptr(7), Patience: Patience{Rise: ptr(2), Fall: ptr(3), FastInterval: ptr(s / 2), OnUnknown: "ok", UnknownGrace: ptr(4 * s)}}
	tests := []struct {
		name  string
		vs    VirtualServer
		rs    RealServer
		check Check
		want  patience
	}{
		{"nothing written", VirtualServer{DelayLoop: 6 * s}, RealServer{}, Check{TCP: &TCPCheck{}}, patience{1, 2, s, "keep", 18 * s}},
		{"MISC_CHECK fails at once", VirtualServer{DelayLoop: 6 * s}, RealServer{}, Check{Misc: &MiscCheck{}}, patience{1, 1, s, "keep", 18 * s}},
		{"HTTP_GET works again after two", VirtualServer{DelayLoop: 6 * s}, RealServer{}, Check{HTTP: &HTTPCheck{}}, patience{2, 2, 3 * s, "keep", 18 * s}},
		{"with fast_recovery after one", VirtualServer{DelayLoop: 6 * s}, RealServer{}, Check{SSL: &SSLCheck{Web: Web{FastRecovery: true}}}, patience{1, 2, 3 * s, "keep", 18 * s}},
		{"with rise after as many", VirtualServer{DelayLoop: 6 * s, Patience: Patience{Rise: ptr(1)}}, RealServer{}, Check{SSL: &SSLCheck{}}, patience{1, 2, 3 * s, "keep", 18 * s}},
		{"the virtual server's, fall before retry", around, RealServer{}, Check{TCP: &TCPCheck{}}, patience{2, 3, s / 2, "ok", 4 * s}},
		{"a nearer retry", around, RealServer{Retry: ptr(1)}, Check{TCP: &TCPCheck{}}, patience{2, 2, s / 2, "ok", 4 * s}},
		{"a nearer fall", around, RealServer{Retry: ptr(1), Patience: Patience{Fall: ptr(9)}}, Check{TCP: &TCPCheck{}}, patience{2, 9, s / 2, "ok", 4 * s}},
		{"its own", around, RealServer{Patience: Patience{Rise: ptr(5)}}, Check{Lua: &LuaCheck{Timing: Timing{
			Retry: ptr(0), Patience: Patience{Rise: ptr(1), FastInterval: ptr(3 * s), OnUnknown: "fail", UnknownGrace: ptr(0 * s)}}}}, patience{1, 1, 3 * s, "fail", 0}},
	}
	for _, test := range tests {
		got := test.check.Timers(&test.vs, &test.rs)
		if got := (patience{got.Rise, got.Fall, got.FastInterval, got.OnUnknown, got.UnknownGrace}); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

// TestEndpoints holds where packets and checks go.
func TestEndpoints(t *testing.T) {
	at := func(text string) (e Endpoint) {
		if err := e.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return e
	}
	tests := []struct {
		vs, rs string
		kind   string
		want   string
	}{
		{"10.0.0.1:80", "10.0.0.2:8080", NAT, "10.0.0.2:8080"},
		{"10.0.0.1:80", "10.0.0.2", NAT, "10.0.0.2:80"},
		{"10.0.0.1:80", "10.0.0.2:8080", DR, "10.0.0.2:80"},
		{"10.0.0.1:80", "10.0.0.2:8080", TUN, "10.0.0.2:80"},
		{"[2001:db8::1]:80", "2001:db8::2", "", "[2001:db8::2]:80"},
	}
	for _, test := range tests {
		v := &VirtualServer{Address: at(test.vs), LBKind: LVSMethod{Kind: test.kind}}
		r := &RealServer{Address: at(test.rs)}
		if got := r.Endpoint(v).String(); got != test.want {
			t.Errorf("%s %s %s: got %s, want %s", test.vs, test.kind, test.rs, got, test.want)
		}
	}
	v, r := &VirtualServer{Address: at("10.0.0.1:80"), Protocol: "TCP"}, &RealServer{Address: at("10.0.0.2:81")}
	target := Target{ConnectPort: 99, ConnectIP: at("10.0.0.9").Addr()}
	if got, want := target.Connect(v, r).String(), "10.0.0.9:99"; got != want {
		t.Errorf("Connect: got %s, want %s", got, want)
	}
	for want, v := range map[string]*VirtualServer{
		"TCP 10.0.0.1:80": v,
		"group web":       {Group: "web"},
		"fwmark 5":        {Fwmark: 5, RealServers: []RealServer{*r}},
		"fwmark 6 inet6":  {Fwmark: 6, IPFamily: "inet6"},
		"fwmark 7 inet6":  {Fwmark: 7, RealServers: []RealServer{{Address: at("2001:db8::1")}}},
		// All by tunnels: the granularity tells, or else the servers do, but not
		// those of a group.
		"fwmark 8 inet6":   {Fwmark: 8, LBKind: LVSMethod{Kind: TUN}, RealServers: []RealServer{{Address: at("2001:db8::1")}}},
		"fwmark 9":         {Fwmark: 9, LBKind: LVSMethod{Kind: TUN}, RealServers: []RealServer{{Address: at("2001:db8::1")}, *r}},
		"fwmark 10":        {Fwmark: 10, LBKind: LVSMethod{Kind: TUN}, RealServers: []RealServer{{Address: at("2001:db8::1")}}, PersistenceGranularity: Granularity{Mask: at("255.0.0.0").Addr()}},
		"fwmark 11 inet6":  {Fwmark: 11, LBKind: LVSMethod{Kind: TUN}, RealServers: []RealServer{*r}, PersistenceGranularity: Granularity{Bits: 64}},
		"fwmark 12":        {Fwmark: 12, RealServers: []RealServer{{Address: at("2001:db8::1")}, *r}, PersistenceGranularity: Granularity{Mask: at("255.0.0.0").Addr()}},
		"UDP 2001:db8::1":  {Protocol: "UDP", Address: at("[2001:db8::1]")},
		"SCTP 10.0.0.3:20": {Protocol: "SCTP", Address: at("10.0.0.3:20")},
	} {
		if got := v.Identity(); got != want {
			t.Errorf("Identity: got %s, want %s", got, want)
		}
	}
}

// TestTexts holds the values that have a notation of their own: what they are
// written as, and what is refused.
func TestTexts(t *testing.T) {
	type value interface {
		encoding.TextMarshaler
		encoding.TextUnmarshaler
	}
	tests := []struct {
		make func() value
		// good is a text and what it is rendered as.
		good [][2]string
		bad  []string
	}{
		{func() value { return new(Endpoint) },
			[][2]string{{"10.0.0.1:80", "10.0.0.1:80"}, {"10.0.0.1", "10.0.0.1"}, {"::1", "::1"}, {"[::1]", "::1"}, {"[::1]:80", "[::1]:80"}},
			[]string{"", "10.0.0", "10.0.0.1:", "10.0.0.1:70000", "host:80"}},
		{func() value { return new(LVSMethod) },
			[][2]string{{"NAT", "NAT"}, {"DR", "DR"}, {"TUN", "TUN"}, {"TUN type ipip", "TUN type ipip"}, {"TUN type gre csum", "TUN type gre csum"},
				{"TUN type gue port 5 remcsum", "TUN type gue port 5 remcsum"}, {"TUN type gre nocsum", "TUN type gre"}},
			[]string{"", "nat", "DR csum", "TUN type", "TUN type x", "TUN type gue", "TUN type gre port 5", "TUN type gue port 0", "TUN csum", "TUN type gre remcsum", "TUN x"}},
		{func() value { return new(Granularity) },
			[][2]string{{"255.255.255.0", "255.255.255.0"}, {"64", "64"}, {"0", "0.0.0.0"}}, []string{"", "-0", "129", "::1", "x"}},
		{func() value { return new(Hex) }, [][2]string{{"0aFF", "0aff"}, {"Ab12f 3 456", "ab120f034506"}}, []string{"", "0x", "zz"}},
		{func() value { return new(Reply) },
			[][2]string{{"true", "true"}, {"false", "false"}, {"0aXx", "0aXX"}, {"1X x2", "1XX2"}}, []string{"", "yes", "0g"}},
		{func() value { return new(Digest) },
			[][2]string{{"9b3a0c85a887a256d6939da88aabd8cd", "9b3a0c85a887a256d6939da88aabd8cd"}}, []string{"", "9b", "zb3a0c85a887a256d6939da88aabd8cd"}},
		{func() value { return new(StatusCodes) },
			[][2]string{{"200", "200"}, {"404 200-202 201-210", "200-210 404"}, {"100-599", "100-599"}}, []string{"", "99", "600", "300-200", "200,201", "x"}},
		{func() value { return new(RegexStack) }, [][2]string{{"1 2", "1 2"}}, []string{"", "1", "2 1", "0 1", "x y"}},
	}
	for _, test := range tests {
		for _, pair := range test.good {
			v := test.make()
			if err := v.UnmarshalText([]byte(pair[0])); err != nil {
				t.Errorf("%T %q: %v", v, pair[0], err)
				continue
			}
			if got, _ := v.MarshalText(); string(got) != pair[1] {
				t.Errorf("%T %q: got %q, want %q", v, pair[0], got, pair[1])
			}
		}
		for _, text := range test.bad {
			if v := test.make(); v.UnmarshalText([]byte(text)) == nil {
				t.Errorf("%T %q: no error, got %v", v, text, v)
			}
		}
	}
	codes := StatusCodes{}
	for code, want := range map[int]bool{199: false, 200: true, 299: true, 300: false, 99: false, 600: false} {
		if codes.Contains(code) != want {
			t.Errorf("no status_code, %d: got %v, want %v", code, !want, want)
		}
	}
}

// TestRealServersAreSmall: there may be tens of thousands.
func TestRealServersAreSmall(t *testing.T) {
	for what, size := range map[string][2]uintptr{
		"RealServer": {unsafe.Sizeof(RealServer{}), 400},
		"Check":      {unsafe.Sizeof(Check{}), 112},
		"TCPCheck":   {unsafe.Sizeof(TCPCheck{}), 264},
	} {
		if size[0] > size[1] {
			t.Errorf("%s: %d bytes, want at most %d", what, size[0], size[1])
		}
	}
}

// TestMarkFamily holds that a firewall mark whose real servers are all reached by
// tunnels is of the family of a sorry server that is not, as with keepalived.
func TestMarkFamily(t *testing.T) {
	tunnel := &LVSMethod{Kind: TUN}
	server := func(text string, m *LVSMethod) RealServer {
		return RealServer{Address: Endpoint{netip.MustParseAddrPort(text)}, LVSMethod: m}
	}
	v := VirtualServer{Fwmark: 5, RealServers: []RealServer{server("[2001:db8::2]:80", tunnel), server("10.1.1.1:80", tunnel)}}
	if got := v.Family(); got != "" {
		t.Errorf("without a sorry server it is %q", got)
	}
	v.SorryServer = &SorryServer{Address: Endpoint{netip.MustParseAddrPort("[2001:db8::1]:80")}}
	if got := v.Family(); got != "inet6" {
		t.Errorf("with one of IPv6 it is %q", got)
	}
	if v.SorryServer.LVSMethod = tunnel; v.Family() != "" {
		t.Errorf("with one behind a tunnel it is %q", v.Family())
	}
}

// TestGroupMarkFamily holds that a mark without a family in a group has that of all
// else in it, of addresses and of other marks, and else that of the virtual server.
func TestGroupMarkFamily(t *testing.T) {
	four, six := GroupEntry{Address: netip.MustParseAddr("192.0.2.1")}, GroupEntry{Address: netip.MustParseAddr("2001:db8::1")}
	mark, mark4, mark6 := GroupEntry{Fwmark: 3}, GroupEntry{Fwmark: 4, Family: "inet"}, GroupEntry{Fwmark: 6, Family: "inet6"}
	for want, groups := range map[string][][]GroupEntry{
		"inet":  {{mark, four}, {mark4, mark}, {mark, four, mark4}},
		"inet6": {{mark, six}, {mark, mark6}, {mark6, six, mark}},
		"":      {{mark}, {mark, four, six}, {mark, four, mark6}, {mark, mark4, mark6}},
	} {
		for _, entries := range groups {
			g := VirtualServerGroup{Entries: entries}
			if got := g.MarkFamily(&mark, &VirtualServer{}); got != want {
				t.Errorf("%+v: %q, want %q", entries, got, want)
			}
			if got := g.Undecided(); (got != nil) != (want == "" && len(entries) > 1) {
				t.Errorf("%+v: undecided is %+v", entries, got)
			}
		}
	}
}
