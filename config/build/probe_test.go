package build

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/node"
)

// webs is a service whose servers are checked by these.
func webs(checks ...*config.HTTPCheck) *config.Config {
	v := config.VirtualServer{Address: config.Endpoint{AddrPort: netip.MustParseAddrPort("192.0.2.1:80")}}
	for i, k := range checks {
		e := config.Endpoint{AddrPort: netip.MustParseAddrPort(fmt.Sprintf("192.0.%d.%d:80", 2+i/250, i%250+1))}
		v.RealServers = append(v.RealServers, config.RealServer{Address: e, Checks: []config.Check{{HTTP: k}}})
	}
	return &config.Config{VirtualServers: []config.VirtualServer{v}}
}

// web is an HTTP_GET of paths; without any its list is empty, with room.
func web(paths ...string) *config.HTTPCheck {
	k := &config.HTTPCheck{}
	k.URLs = make([]config.URL, 0, 3)
	for _, p := range paths {
		k.URLs = append(k.URLs, config.URL{Path: p})
	}
	return k
}

// optionsOf are the options of all probes, in order.
func optionsOf(c *config.Config) (all []string) {
	EachProbe(c, func(p *Probe) { all = append(all, string(p.Options)) })
	return all
}

// TestOptionsAreOfTheirCheck: a check has the options that it has alone, whichever
// come before it, and nothing of it is changed.
func TestOptionsAreOfTheirCheck(t *testing.T) {
	kinds := []*config.HTTPCheck{web("/a"), web("/b", "/c"), web(), {}, web("/a", "/c")}
	var checks []*config.HTTPCheck
	var want []string
	for i := range 60 {
		k := kinds[i*i%7%len(kinds)]
		checks, want = append(checks, k), append(want, optionsOf(webs(k))...)
	}
	c := webs(checks...)
	for range 2 {
		if got := optionsOf(c); !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
	}
	for i, k := range kinds {
		for _, u := range k.URLs[:cap(k.URLs)][len(k.URLs):] {
			if u.Path != "" {
				t.Errorf("check %d has %q behind its URLs", i, u.Path)
			}
		}
	}
}

// TestProbesShareTheirOptions: of thousands that are checked in one way, each costs a
// start next to nothing.
func TestProbesShareTheirOptions(t *testing.T) {
	checks := make([]*config.HTTPCheck, 1000)
	for i := range checks {
		checks[i] = web("/a")
	}
	c := webs(checks...)
	got := testing.AllocsPerRun(3, func() { EachProbe(c, func(*Probe) {}) })
	if got > 200 {
		t.Errorf("%v allocations for 1000 probes", got)
	}
}

// TestZeroIsNoDefault: a number that is written as 0 reaches the checker where it would
// have another when left out.
func TestZeroIsNoDefault(t *testing.T) {
	c := read(t, `
virtual_servers:
  - address: 192.0.2.1:53
    protocol: UDP
    real_servers:
      - {address: '192.0.2.11:53', checks: [{UDP_CHECK: {require_reply: "00", min_reply_length: 0, max_reply_length: 0}}, {UDP_CHECK: {require_reply: "00"}}]}
`)
	want := []string{`{"max_reply_length":0,"require_reply":"00"}`, `{"max_reply_length":255,"require_reply":"00"}`}
	if got := optionsOf(c); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestNamesOfProbes: a check is called what the node calls it.
func TestNamesOfProbes(t *testing.T) {
	c := read(t, `
track_files: [{name: f, file: /f}]
virtual_servers:
  - address: 192.0.2.1:80
    protocol: TCP
    real_servers:
      - {address: '192.0.2.11:80', weight_by: {lua: w.lua}, checks: [{LUA_CHECK: {path: a.lua}}, {FILE_CHECK: {track_file: f}}, {TCP_CHECK: {}}, {LUA_CHECK: {path: a.lua}}, {plugin: {name: x}}, {plugin: {name: x}}, {plugin: {name: y}}]}
      - {address: '192.0.2.12:80', checks: [PING_CHECK]}
`)
	var names []string
	EachProbe(c, func(p *Probe) { names = append(names, p.Name()) })
	want := []string{"LUA_CHECK 1", "TCP_CHECK", "LUA_CHECK 4", "x 5", "x 6", "y", "weight_by", "PING_CHECK"}
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	var of []string
	for _, server := range node.New(0, Node(c)).Servers(nil, 0, 2) {
		for i := range server.Checks {
			if server.Checks[i].Follows == "" {
				of = append(of, node.CheckName(server.Checks[i].Kind, server.Checks[i].Number, server.Checks[i].Place))
			}
		}
	}
	if !slices.Equal(of, want) {
		t.Errorf("the node says %q, want %q", of, want)
	}
}

// TestFirstResult holds what the first result of a check decides, as with keepalived's.
func TestFirstResult(t *testing.T) {
	c := read(t, `
virtual_servers:
  - address: 192.0.2.1:80
    protocol: TCP
    real_servers:
      - {address: '192.0.2.11:80', checks: [TCP_CHECK, SMTP_CHECK, {HTTP_GET: {urls: [{path: /}]}}]}
      - {address: '192.0.2.12:80', alpha: true, checks: [TCP_CHECK, SMTP_CHECK, {HTTP_GET: {urls: [{path: /}]}}, {HTTP_GET: {rise: 2, urls: [{path: /}]}}]}
`)
	var got []health.First
	for _, s := range Node(c).Services[0].Servers {
		for i := range s.Checks {
			got = append(got, s.Checks[i].Life.First)
		}
	}
	want := []health.First{health.ByAlpha, health.Counted, health.ByAlpha, health.ByAlpha, health.ByAlpha, health.Alone, health.ByAlpha}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
