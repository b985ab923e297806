package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/config"
)

// vi is an instance on an interface with addresses, each "PREFIX" or
// "PREFIX dev".
func vi(name, iface string, addresses ...string) config.Instance {
	in := config.Instance{Name: name, Interface: iface, AdvertInt: time.Second}
	for _, a := range addresses {
		prefix, dev, _ := strings.Cut(a, " ")
		if dev == "" {
			dev = iface
		}
		in.Addresses = append(in.Addresses, config.Address{Prefix: netip.MustParsePrefix(prefix), Device: dev})
	}
	return in
}

func file(path string, instances ...config.Instance) config.Config {
	return config.Config{Files: []string{path}, Instances: instances}
}

// layout renders who has which addresses of its own.
func layout(p *Plan) []string {
	var out []string
	one := func(name string, all []Interface) {
		for _, x := range all {
			out = append(out, fmt.Sprint(name, " ", x.Name, " ", x.Addresses))
		}
	}
	for _, n := range p.Nodes {
		one(n.Name, n.Interfaces)
	}
	one("client", p.Client)
	return out
}

func TestPlanAddresses(t *testing.T) {
	source := vi("V", "eth0", "192.0.2.100/24")
	source.Source = netip.MustParseAddr("192.0.2.7")
	tracked := vi("V", "eth0", "192.0.2.100/24")
	tracked.TrackInterfaces = []config.Track{{Name: "eth9"}, {Name: "lo"}}
	tests := []struct {
		name  string
		nodes []config.Config
		want  []string
	}{
		{"a /32 is in a /24", []config.Config{file("x", vi("V", "eth0", "192.168.1.100/32")), file("y", vi("V", "eth0", "192.168.1.100/32"))},
			[]string{"a eth0 [192.168.1.11/24]", "b eth0 [192.168.1.12/24]", "client eth0 [192.168.1.254/24]"}},
		{"virtual addresses are left alone", []config.Config{file("x", vi("V", "eth0", "192.0.2.11/24", "192.0.2.254/24")), file("y", vi("W", "eth0", "192.0.2.13/24"))},
			[]string{"a eth0 [192.0.2.12/24]", "b eth0 [192.0.2.14/24]", "client eth0 [192.0.2.253/24]"}},
		{"a small network", []config.Config{file("x", vi("V", "eth0", "192.0.2.9/29")), file("y", vi("V", "eth0", "192.0.2.9/29"))},
			[]string{"a eth0 [192.0.2.10/29]", "b eth0 [192.0.2.11/29]", "client eth0 [192.0.2.14/29]"}},
		{"a network inside another", []config.Config{file("x", vi("V", "eth0", "10.1.2.3/16", "10.1.2.4/24", "10.1.9.9/32")), file("y", vi("V", "eth0", "10.1.2.3/16"))},
			[]string{"a eth0 [10.1.0.11/16]", "b eth0 [10.1.0.12/16]", "client eth0 [10.1.255.254/16]"}},
		{"two networks on one interface", []config.Config{file("x", vi("V", "eth0", "192.0.2.1/24", "198.51.100.1/24")), file("y", vi("V", "eth0", "192.0.2.1/24"))},
			[]string{"a eth0 [192.0.2.11/24 198.51.100.11/24]", "b eth0 [192.0.2.12/24 198.51.100.12/24]", "client eth0 [192.0.2.254/24 198.51.100.254/24]"}},
		{"an interface without virtual addresses", []config.Config{file("x", vi("V", "eth0", "192.0.2.1/24 eth1")), file("y", vi("V", "eth0", "192.0.2.1/24 eth1"))},
			[]string{"a eth0 [10.77.0.11/24]", "a eth1 [192.0.2.11/24]", "b eth0 [10.77.0.12/24]", "b eth1 [192.0.2.12/24]", "client eth1 [192.0.2.254/24]"}},
		{"the network for it is not one that is used", []config.Config{file("x", vi("V", "eth0", "10.77.0.1/24 eth1")), file("y", vi("V", "eth0", "10.77.0.1/24 eth1"))},
			[]string{"a eth0 [10.78.0.11/24]", "a eth1 [10.77.0.11/24]", "b eth0 [10.78.0.12/24]", "b eth1 [10.77.0.12/24]", "client eth1 [10.77.0.254/24]"}},
		{"the source address of the file", []config.Config{file("x", source), file("y", vi("V", "eth0", "192.0.2.100/24"))},
			[]string{"a eth0 [192.0.2.7/24]", "b eth0 [192.0.2.11/24]", "client eth0 [192.0.2.254/24]"}},
		{"a source address that both claim", []config.Config{file("x", source), file("y", source)},
			[]string{"a eth0 [192.0.2.7/24]", "b eth0 [192.0.2.11/24]", "client eth0 [192.0.2.254/24]"}},
		{"a tracked interface of one node", []config.Config{file("x", tracked), file("y", vi("V", "eth0", "192.0.2.100/24"))},
			[]string{"a eth0 [192.0.2.11/24]", "a eth9 [10.77.1.11/24]", "b eth0 [192.0.2.12/24]", "client eth0 [192.0.2.254/24]"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := NewPlan(tt.nodes)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, layout(p)); d != "" {
				t.Errorf("layout (-want +got):\n%s", d)
			}
		})
	}
}

func TestPlanRefusals(t *testing.T) {
	full := vi("V", "eth0", "192.0.2.1/30")
	tests := []struct {
		name, want string
		nodes      []config.Config
	}{
		{"no instance", "x.conf: there is no vrrp_instance", []config.Config{file("x.conf")}},
		{"a long interface", `"abcdefghijklmnop" cannot be the name of an interface`, []config.Config{file("x", vi("V", "abcdefghijklmnop", "192.0.2.1/24"))}},
		{"a full network", "no address is left in 192.0.2.0/30 on eth0", []config.Config{file("x", full), file("y", full)}},
		{"no room for the client", "no address is left in 192.0.2.0/30 on eth0 for the client", []config.Config{file("x", full)}},
	}
	for _, tt := range tests {
		if _, err := NewPlan(tt.nodes); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestPlanNames(t *testing.T) {
	tests := []struct {
		files []string
		want  string
	}{
		{[]string{"/etc/lb-one.conf", "/etc/lb-two.yaml"}, "a (lb-one), b (lb-two)"},
		{[]string{"one/keepalived.conf", "two/keepalived.conf"}, "a, b"},
		{[]string{"a.yaml", "b.yaml"}, "a, b"},
		{[]string{"b.yaml", "a.yaml"}, "b, a"},
		{[]string{"b.yaml", "node.yaml"}, "b, node"},
		{[]string{"my node.conf", "x#;y.conf"}, "a (my_node), b (x__y)"},
	}
	for _, tt := range tests {
		var configs []config.Config
		for _, f := range tt.files {
			configs = append(configs, file(f, vi("V", "eth0", "192.0.2.1/24")))
		}
		p, err := NewPlan(configs)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.describe(); got != tt.want {
			t.Errorf("%v: nodes are %s, want %s", tt.files, got, tt.want)
		}
	}
}

func TestFindAndResolve(t *testing.T) {
	one := file("/etc/one.conf", vi("VI_1", "eth0", "192.0.2.1/24", "192.0.2.2/24"), vi("VI_2", "eth1", "198.51.100.1/24"))
	one.Scripts = []config.Script{{Name: "chk"}}
	two := file("/etc/two.conf", vi("VI_1", "eth0", "192.0.2.2/24", "2001:db8::1/64"))
	p, err := NewPlan([]config.Config{one, two})
	if err != nil {
		t.Fatal(err)
	}
	for subject, want := range map[string]string{"VI_1": "[0 1]", "VI_2": "[2]", "192.0.2.2": "[1]", "192.0.2.9": "[]", "2001:db8::1": "[]"} {
		if got := fmt.Sprint(p.Find(subject)); got != want {
			t.Errorf("%s means targets %s, want %s", subject, got, want)
		}
	}
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "1 virtual addresses are not probed") {
		t.Errorf("notes: %q", p.Notes)
	}
	steps, _ := Parse("f", "kill a; kill one; heal; kill c\nlink down two eth1; fail b chk; fail a chk; fail a chk2\nexpect a VI_1 VI_3")
	got := p.Resolve(steps)
	want := []string{
		`f:1:25: error: kill: there is no node "c"; the nodes are a (one), b (two) [unknown-name]`,
		`f:2:1: error: link down: node b has no interface "eth1"; it has eth0 [unknown-name]`,
		`f:2:21: error: fail: node b has no vrrp_script "chk"; it has none [unknown-name]`,
		`f:2:45: error: fail: node a has no vrrp_script "chk2"; it has chk [unknown-name]`,
		`f:3:1: error: expect: "VI_3" is neither a probed virtual address nor an instance that has one [unknown-name]`,
	}
	var lines []string
	for _, f := range got {
		lines = append(lines, f.String())
	}
	if d := cmp.Diff(want, lines); d != "" {
		t.Errorf("findings (-want +got):\n%s", d)
	}
}

func TestReaction(t *testing.T) {
	slow := vi("V", "eth0", "192.0.2.1/24")
	slow.PreemptDelay = 10 * time.Second
	c := file("x", slow)
	c.Scripts = []config.Script{{Name: "s", Interval: 2 * time.Second, Timeout: time.Second, Rise: 1, Fall: 3}}
	p, err := NewPlan([]config.Config{c, file("y", vi("V", "eth0", "192.0.2.1/24"))})
	if err != nil {
		t.Fatal(err)
	}
	for v, want := range map[Verb]time.Duration{
		Kill: 4 * time.Second, Partition: 4 * time.Second,
		Fail: 10 * time.Second, ServiceDown: 10 * time.Second,
		Pass: 20 * time.Second, Start: 20 * time.Second, Heal: 20 * time.Second,
		Wait: 0, Expect: 0,
	} {
		if got := p.Reaction(v); got != want {
			t.Errorf("%s may take %s, want %s", v, got, want)
		}
	}
}
