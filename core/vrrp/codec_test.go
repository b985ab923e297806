package vrrp

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hexBytes decodes hex with spaces in it.
func hexBytes(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatalf("hex %q: %v", s, err)
	}
	return b
}

// parseAddrs parses addresses that are separated by spaces.
func parseAddrs(s string) []netip.Addr {
	var addrs []netip.Addr
	for _, f := range strings.Fields(s) {
		addrs = append(addrs, netip.MustParseAddr(f))
	}
	return addrs
}

// advertOf is what a receiver must read in a message that c sent, without the
// borrowed address list.
func advertOf(c *Config, priority uint8, v6 bool) Advert {
	a := Advert{
		Version: c.Version, VRID: c.VRID, Priority: priority, Interval: c.Interval,
		Count: len(c.Addresses),
	}
	switch {
	case c.Version == V2:
		a.Auth = c.Auth
	case v6:
		a.Checksum = ChecksumPseudo
	default:
		a.Checksum = c.Checksum
	}
	return a
}

// checkAdvert compares all of got with what c sent.
func checkAdvert(t *testing.T, got Advert, c *Config, priority uint8, v6 bool) {
	t.Helper()
	var list []netip.Addr
	for i := range got.Count {
		list = append(list, got.Address(i))
	}
	if !reflect.DeepEqual(list, c.Addresses) {
		t.Errorf("addresses %v, want %v", list, c.Addresses)
	}
	got.addresses = nil
	if want := advertOf(c, priority, v6); !reflect.DeepEqual(got, want) {
		t.Errorf("advert %+v, want %+v", got, want)
	}
}

// password pads s as the configuration does.
func password(s string) (p [8]byte) {
	copy(p[:], s)
	return p
}

const (
	cs  = 10 * time.Millisecond
	vip = "192.0.2.100"
)

// TestGolden holds the codec to packets that were computed independently.
func TestGolden(t *testing.T) {
	const src4, group4 = "198.51.100.10", "224.0.0.18"
	tests := []struct {
		name     string
		config   Config
		priority uint8
		src, dst string
		message  string
		rule     Rejection
	}{
		{"G-1 v3 message checksum", Config{Version: V3, VRID: 51, Interval: 100 * cs, Addresses: parseAddrs(vip)},
			200, src4, group4, "3133c801 00644402 c0000264", Accepted},
		{"G-2 v3 pseudo header", Config{Version: V3, VRID: 51, Interval: 100 * cs, Checksum: ChecksumPseudo, Addresses: parseAddrs(vip)},
			200, src4, group4, "3133c801 00643935 c0000264", Accepted},
		{"G-3 v3 pseudo header of a peer", Config{Version: V3, VRID: 51, Interval: 100 * cs, Checksum: ChecksumPseudo, Addresses: parseAddrs(vip)},
			200, src4, "192.0.2.10", "3133c801 0064573d c0000264", RejectMode},
		{"G-4 v3 two addresses", Config{Version: V3, VRID: 1, Interval: 10 * cs, Addresses: parseAddrs("10.0.0.1 10.0.0.2")},
			100, src4, group4, "31016402 000a56ef 0a000001 0a000002", Accepted},
		{"G-5 v3 priority 0", Config{Version: V3, VRID: 51, Interval: 100 * cs, Addresses: parseAddrs(vip)},
			0, src4, group4, "31330001 00640c03 c0000264", Accepted},
		{"G-6 v3 largest values", Config{Version: V3, VRID: 255, Interval: 4095 * cs, Addresses: parseAddrs(vip)},
			255, src4, group4, "31ffff01 0ffffc9a c0000264", Accepted},
		{"G-7 v3 IPv6", Config{Version: V3, VRID: 51, Interval: 100 * cs, Addresses: parseAddrs("fe80::100 2001:db8::100")},
			200, "fe80::10", "ff02::12",
			"3133c802 0064d9ed fe800000000000000000000000000100 20010db8000000000000000000000100", Accepted},
		{"G-8 v2", Config{Version: V2, VRID: 51, Interval: time.Second, Addresses: parseAddrs(vip)},
			200, src4, group4, "2133c801 00015465 c0000264 0000000000000000", Accepted},
		{"G-9 v2 password", Config{Version: V2, VRID: 51, Interval: time.Second, Auth: AuthPass, Password: password("1234"), Addresses: parseAddrs(vip)},
			200, src4, group4, "2133c801 0101eefe c0000264 3132333400000000", Accepted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := hexBytes(t, tt.message)
			src, dst := netip.MustParseAddr(tt.src), netip.MustParseAddr(tt.dst)
			if got := tt.config.Append(nil, tt.priority, src, dst); !bytes.Equal(got, want) {
				t.Errorf("Append = %x, want %x", got, want)
			}
			got, rule := tt.config.Verify(&Packet{Source: src, Destination: dst, TTL: 255, Payload: want})
			if rule != tt.rule {
				t.Fatalf("Verify = %v, want %v", rule, tt.rule)
			}
			if rule == Accepted {
				checkAdvert(t, got, &tt.config, tt.priority, src.Is6())
			}
		})
	}
}

// TestCaptured holds the codec to what keepalived sends: it reads its packets,
// and sends the same from the same configuration.
func TestCaptured(t *testing.T) {
	const list10 = "10.0.0.100 10.0.0.101 10.0.0.102 10.0.0.103 10.0.0.104 10.0.0.105 10.0.0.106 10.0.0.107 10.0.0.108 10.0.0.109"
	v2 := Config{Version: V2, VRID: 51, Interval: time.Second, Addresses: parseAddrs("10.0.0.100")}
	v2pass := v2
	v2pass.Auth, v2pass.Password = AuthPass, password("1234")
	v3 := Config{Version: V3, VRID: 51, Interval: 100 * cs, Checksum: ChecksumPseudo, Addresses: parseAddrs("10.0.0.100")}
	v3of := func(change func(*Config)) Config { c := v3; change(&c); return c }
	sent := map[string]struct {
		config     Config
		priorities []uint8 // of the packets in their order
	}{
		"v2-noauth":          {v2, []uint8{150}},
		"v2-pass":            {v2pass, []uint8{150}},
		"v2-prio0":           {v2, []uint8{150, 0}},
		"v2-unicast":         {v2, []uint8{150}},
		"v2-vmac":            {v2, []uint8{150}},
		"v3-ipv4":            {v3, []uint8{150}},
		"v3-ipv4-10cs":       {v3of(func(c *Config) { c.Interval = 10 * cs }), []uint8{150}},
		"v3-ipv4-1cs":        {v3of(func(c *Config) { c.Interval = cs }), []uint8{150}},
		"v3-prio0":           {v3, []uint8{150, 0}},
		"v3-ipv4-multi":      {v3of(func(c *Config) { c.Addresses = parseAddrs(list10) }), []uint8{255}},
		"v3-ipv4-csum-as-v2": {v3of(func(c *Config) { c.Checksum = ChecksumMessage }), []uint8{150}},
		"v3-excluded":        {v3, []uint8{150}},
		"v3-unicast4":        {v3, []uint8{150}},
		"v3-vmac":            {v3, []uint8{150}},
		"v3-ipv6":            {v3of(func(c *Config) { c.Addresses = parseAddrs("fe80::5e:100 fd00::100") }), []uint8{150}},
		"v3-ipv6-prio0":      {v3of(func(c *Config) { c.Addresses = parseAddrs("fe80::5e:100") }), []uint8{150, 0}},
		"v3-election":        {v3, []uint8{100, 200}},
	}
	seen := map[string]int{}
	for _, row := range readCaptured(t) {
		i := seen[row.name]
		seen[row.name]++
		t.Run(fmt.Sprintf("%s/%d", row.name, i), func(t *testing.T) {
			want, ok := sent[row.name[:strings.LastIndexByte(row.name, '-')]]
			if !ok || i >= len(want.priorities) {
				t.Fatal("no expectation for this packet")
			}
			priority := want.priorities[i]
			if got := want.config.Append(nil, priority, row.Source, row.Destination); !bytes.Equal(got, row.Payload) {
				t.Errorf("Append = %x, want %x", got, row.Payload)
			}
			got, rule := want.config.Verify(&row.Packet)
			if strings.Contains(row.name, "unicast") {
				if rule != RejectMode {
					t.Errorf("Verify of unicast = %v, want %v", rule, RejectMode)
				}
				return
			}
			if rule != Accepted {
				t.Fatalf("Verify = %v", rule)
			}
			checkAdvert(t, got, &want.config, priority, row.Source.Is6())
		})
	}
	for name, want := range sent {
		for _, release := range []string{"2.2.7", "2.4.3"} {
			if release == "2.2.7" && (name == "v3-election" || name == "v3-ipv4-csum-as-v2") {
				continue // captured from 2.4.3 only
			}
			if got := seen[name+"-"+release]; got != len(want.priorities) {
				t.Errorf("%d packets of %s-%s, want %d", got, name, release, len(want.priorities))
			}
		}
	}
}

// captured is one line of testdata/captured.txt or testdata/hmac.txt.
type captured struct {
	name string
	Packet
}

// readFields returns the fields of each line that is no comment.
func readFields(t testing.TB, name string, count int) (rows [][]string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		fields := strings.Fields(lines.Text())
		if len(fields) != count {
			t.Fatalf("line %q: %d fields, want %d", lines.Text(), len(fields), count)
		}
		rows = append(rows, fields)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

func readCaptured(t testing.TB) []captured {
	t.Helper()
	return readPackets(t, "testdata/captured.txt")
}

func readPackets(t testing.TB, name string) []captured {
	t.Helper()
	var rows []captured
	for _, fields := range readFields(t, name, 5) {
		ttl, err := strconv.Atoi(fields[3])
		if err != nil {
			t.Fatalf("TTL of %v: %v", fields, err)
		}
		rows = append(rows, captured{fields[0], Packet{
			Source: netip.MustParseAddr(fields[1]), Destination: netip.MustParseAddr(fields[2]),
			TTL: ttl, Payload: hexBytes(t, fields[4]),
		}})
	}
	return rows
}

// randomRouter returns a valid configuration, a priority to send and the source.
func randomRouter(r *rand.Rand) (c Config, priority uint8, src netip.Addr) {
	address := func(v6 bool) netip.Addr {
		var a [16]byte
		for i := range a {
			a[i] = uint8(r.Uint32())
		}
		if v6 {
			a[0] = 0x20
			return netip.AddrFrom16(a)
		}
		return netip.AddrFrom4([4]byte(a[:4]))
	}
	c.Version = V2 + Version(r.IntN(2))
	c.VRID = uint8(1 + r.IntN(255))
	v6 := c.Version == V3 && r.IntN(2) == 0
	if c.Version == V2 {
		c.Interval = time.Duration(1+r.IntN(255)) * time.Second
		if r.IntN(2) == 0 {
			c.Auth = AuthPass
		}
		for i := range r.IntN(9) { // random lengths, set without AuthPass too
			c.Password[i] = uint8(r.Uint32())
		}
	} else {
		c.Interval = time.Duration(1+r.IntN(4095)) * cs
		c.Checksum = ChecksumForm(r.IntN(2))
	}
	n := 1 + r.IntN(8)
	if r.IntN(20) == 0 {
		n = 1 + r.IntN(255)
	}
	if v6 {
		c.Addresses = append(c.Addresses, netip.MustParseAddr("fe80::1"))
	}
	for len(c.Addresses) < n {
		c.Addresses = append(c.Addresses, address(v6))
	}
	return c, uint8(r.IntN(256)), address(v6)
}

// TestRoundTrip verifies what Append made of random configurations.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]int{}
	for range 4000 {
		c, priority, src := randomRouter(r)
		v6 := src.Is6()
		message := c.Append([]byte("kept"), priority, src, Group(v6))
		if string(message[:4]) != "kept" {
			t.Fatalf("Append changed what was there: %x", message[:4])
		}
		message = message[4:]
		if v, vrid, ok := Peek(message); v != c.Version || vrid != c.VRID || !ok {
			t.Fatalf("Peek = %d %d %v, want %d %d true", v, vrid, ok, c.Version, c.VRID)
		}
		got, rule := c.Verify(&Packet{Source: src, Destination: Group(v6), TTL: 255, Payload: message})
		if rule != Accepted {
			t.Fatalf("Verify(%x) of %+v from %v = %v", message, c, src, rule)
		}
		checkAdvert(t, got, &c, priority, v6)
		if !got.SameAddresses(c.Addresses) {
			t.Errorf("SameAddresses(%v) = false", c.Addresses)
		}
		if t.Failed() {
			t.Fatalf("of %+v from %v", c, src)
		}
		kinds[fmt.Sprint(c.Version, v6, c.Auth, c.Checksum)]++
	}
	if len(kinds) != 6 { // v2 none, v2 pass, v3 IPv4 and IPv6 of either setting
		t.Errorf("random routers are of %d kinds, want 6: %v", len(kinds), kinds)
	}
}

// TestAppendIgnoresUnusedPassword: a password must not leave the host unless
// authentication is on.
func TestAppendIgnoresUnusedPassword(t *testing.T) {
	c := Config{Version: V2, VRID: 51, Interval: time.Second, Password: password("secret"), Addresses: parseAddrs(vip)}
	got := c.Append(nil, 200, netip.MustParseAddr("198.51.100.10"), Group(false))
	if want := hexBytes(t, "2133c801 00015465 c0000264 0000000000000000"); !bytes.Equal(got, want) {
		t.Errorf("Append = %x, want %x", got, want)
	}
}

// TestAppendFitsMaxLen: a buffer of MaxLen octets holds the longest messages.
func TestAppendFitsMaxLen(t *testing.T) {
	for _, v := range []Version{V2, V3} {
		c, p := longest(v)
		buffer := make([]byte, 0, MaxLen)
		message := c.Append(buffer, 1, p.Source, p.Destination)
		if &message[0] != &buffer[:1][0] {
			t.Errorf("version %d: %d octets did not fit %d", v, len(message), MaxLen)
		}
	}
}

// TestAppendFamilies: mixed families are a bug of the caller, never a message.
func TestAppendFamilies(t *testing.T) {
	for _, tt := range []struct{ src, list string }{
		{"10.0.0.1", "fe80::1"}, {"fe80::1", "10.0.0.1"},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Append of %s from %s did not panic", tt.list, tt.src)
				}
			}()
			c := Config{Version: V3, VRID: 1, Interval: cs, Addresses: parseAddrs(tt.list)}
			src := netip.MustParseAddr(tt.src)
			c.Append(nil, 1, src, Group(src.Is6()))
		}()
	}
}

func TestPeek(t *testing.T) {
	tests := []struct {
		payload string
		version Version
		vrid    uint8
		ok      bool
	}{
		{"", 0, 0, false},
		{"31", 0, 0, false},
		{"3133", 3, 51, true},
		{"21ff", 2, 255, true},
		{"4f00c801", 4, 0, true}, // judging is up to Verify
	}
	for _, tt := range tests {
		version, vrid, ok := Peek(hexBytes(t, tt.payload))
		if version != tt.version || vrid != tt.vrid || ok != tt.ok {
			t.Errorf("Peek(%s) = %d %d %v, want %d %d %v", tt.payload, version, vrid, ok, tt.version, tt.vrid, tt.ok)
		}
	}
}

func TestGroup(t *testing.T) {
	if got := Group(false).String(); got != "224.0.0.18" {
		t.Errorf("IPv4 group %s", got)
	}
	if got := Group(true).String(); got != "ff02::12" {
		t.Errorf("IPv6 group %s", got)
	}
}
