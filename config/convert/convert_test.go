package convert

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/document"
	"github.com/moonkeep/moonkeep/config/keepalived"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/config/schema"
	"github.com/moonkeep/moonkeep/config/source"
)

// corpus returns keepalived's configurations of the readers' tests that have
// no error.
func corpus(t *testing.T) map[string]*config.Config {
	t.Helper()
	var paths []string
	for _, pattern := range []string{"*.conf", "sites/*/keepalived.conf"} {
		found, err := filepath.Glob(filepath.Join("../keepalived/testdata", pattern))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	all := map[string]*config.Config{}
	for _, path := range paths {
		c, found, err := load.FileAs(path, "node-a")
		if err != nil {
			t.Fatal(err)
		}
		if !found.Errors() {
			all[path] = c
		}
	}
	if len(all) < 30 {
		t.Fatalf("only %d configurations are without errors", len(all))
	}
	return all
}

// again reads what was written.
func again(t *testing.T, language string, text []byte) *config.Config {
	t.Helper()
	var c *config.Config
	var found config.Findings
	if language == Keepalived {
		c, found = keepalived.Read("x.conf", text)
	} else {
		c, found = source.Read("x."+language, text)
	}
	for _, f := range found {
		if f.Severity == config.Error {
			t.Fatalf("%v\n%s", f, text)
		}
	}
	return c
}

// TestRoundTrip holds that every configuration means the same in every
// language, there and back.
func TestRoundTrip(t *testing.T) {
	s := schema.New()
	for path, c := range corpus(t) {
		for _, language := range Languages() {
			text, found, err := To(language, c, nil, true)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				if language == Keepalived && f.Name == "own-keyword" && f.At.Line() > 0 {
					continue // it has Lua files
				}
				t.Errorf("%s to %s: %v", path, language, f)
			}
			there := again(t, language, text)
			if d := s.Diff(c, there); len(d) > 0 {
				t.Errorf("%s to %s: %v", path, language, d)
				continue
			}
			back, _, err := To(Keepalived, there, nil, true)
			if err != nil {
				t.Fatal(err)
			}
			if d := s.Diff(c, again(t, Keepalived, back)); len(d) > 0 {
				t.Errorf("%s to %s and back: %v", path, language, d)
			}
		}
	}
}

const commented = `# the pair of the shop
global_defs {
    router_id a   ! who this is
}

# the shop's address
vrrp_instance SHOP {
    interface eth0
    virtual_router_id 51   # as on the other node
    # higher than the other node's
    priority 150
    authentication {
        auth_type PASS
        auth_pass geheim
    }
    virtual_ipaddress {
        # what customers see
        192.0.2.1/24 dev eth0
        192.0.2.2/24   # for the mail
    }
}
# the end
`

func TestComments(t *testing.T) {
	c, found := keepalived.Read("a.conf", []byte(commented))
	if found.Errors() {
		t.Fatal(found)
	}
	want := []string{"the pair of the shop", "who this is", "the shop's address", "as on the other node", "higher than the other node's", "what customers see", "for the mail", "the end"}
	for _, language := range []string{YAML, TOML, Keepalived} {
		text, found, err := To(language, c, document.Comments("a.conf", []byte(commented)), true)
		if err != nil || len(found) > 0 {
			t.Fatal(found, err)
		}
		var got []string
		for _, c := range document.Comments("x."+language, text) {
			got = append(got, c.Text)
		}
		slices.Sort(got)
		if sorted := slices.Sorted(slices.Values(want)); !slices.Equal(got, sorted) {
			t.Errorf("%s has the comments %q, want %q:\n%s", language, got, sorted, text)
		}
		for _, pair := range [][2]string{{"as on the other node", "virtual_router_id"}, {"for the mail", "192.0.2.2"}} {
			for line := range strings.SplitSeq(string(text), "\n") {
				if strings.Contains(line, pair[0]) && !strings.Contains(line, pair[1]) {
					t.Errorf("%s: the comment has left its line: %s", language, line)
				}
			}
		}
	}
	if _, found, _ := To(JSON, c, document.Comments("a.conf", []byte(commented)), true); len(found) != 1 || found[0].Name != "not-carried" {
		t.Errorf("JSON: got %v, want one not-carried", found)
	}
}

// TestCommentsOfEntries holds that what is one line in keepalived.conf, and some elsewhere,
// keeps the comments of all of them.
func TestCommentsOfEntries(t *testing.T) {
	text := []byte(`vrrp_instances:
  - name: SHOP
    interface: eth0
    virtual_router_id: 51
    virtual_ipaddresses:
      # above all
      - address: 192.0.2.1/24  # what customers see
        # a name for it
        label: eth0:vip
      - address: 192.0.2.2/24
        dev: eth0  # for the mail
`)
	c, found := source.Read("a.yaml", text)
	if found.Errors() {
		t.Fatal(found)
	}
	out, found, err := To(Keepalived, c, document.Comments("a.yaml", text), true)
	const want = `        # above all
        # a name for it
        192.0.2.1/24 label eth0:vip  # what customers see
        192.0.2.2/24 dev eth0  # for the mail
`
	if err != nil || len(found) > 0 || !strings.Contains(string(out), want) {
		t.Errorf("%v %v, want\n%s in\n%s", err, found, want, out)
	}
}

// TestSecrets holds that a secret is written when asked for only, and that
// what lacks it does not load.
func TestSecrets(t *testing.T) {
	c, _ := keepalived.Read("a.conf", []byte(commented))
	for _, language := range Languages() {
		text, found, err := To(language, c, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "geheim") {
			t.Errorf("%s shows the password:\n%s", language, text)
		}
		if len(found) != 1 || found[0].Name != "secret-left-out" {
			t.Errorf("%s: got %v, want one secret-left-out", language, found)
		}
		var errs config.Findings
		if language == Keepalived {
			_, errs = keepalived.Read("x.conf", text)
		} else {
			_, errs = source.Read("x."+language, text)
		}
		if !errs.Errors() {
			t.Errorf("%s loads without its password:\n%s", language, text)
		}
	}
}

func TestNotCarried(t *testing.T) {
	c, found := source.Read("a.yaml", []byte(`
vrrp_instances:
  - {name: A, interface: eth0, virtual_router_id: 1, notify: {lua: {path: x.lua, args: {allow: all}}}, virtual_ipaddresses: [192.0.2.1]}
`))
	if found.Errors() {
		t.Fatal(found)
	}
	_, lost, err := To(Keepalived, c, nil, true)
	if err != nil || len(lost) != 1 || lost[0].Name != "not-carried" || !strings.Contains(lost[0].Text, "lua") {
		t.Errorf("got %v and error %v, want lua not-carried", lost, err)
	}
	if _, _, err := To("xml", c, nil, true); err == nil || !strings.Contains(err.Error(), "yaml") {
		t.Errorf("error %v, want one that names the languages", err)
	}
}

// TestRefusedThere: what keepalived runs and moonkeep's own languages refuse is
// written whole, and said to load only when it has been put right.
func TestRefusedThere(t *testing.T) {
	t.Parallel()
	instance := "vrrp_instance A {\n\tinterface eth0\n\tvirtual_router_id 1\n\tvirtual_ipaddress {\n\t\t192.0.2.9\n\t}\n}\n"
	other := strings.NewReplacer("instance A", "instance B", "router_id 1", "router_id 2").Replace(instance)
	group := "vrrp_sync_group G {\n\tgroup {\n\t\tA\n\t\tB\n\t}\n}\n"
	for _, tt := range []struct{ text, says string }{
		{instance + other, "192.0.2.9 is an address of vrrp_instance A already"},
		{strings.Replace(instance, "router_id 1", "router_id 1\n\tpriority 255", 1) + strings.Replace(other, "2.9", "2.8", 1) + group, "vrrp_sync_group G mixes instances of priority 255"},
	} {
		c, found := keepalived.Read("a.conf", []byte(tt.text))
		if found.Errors() {
			t.Fatal(found)
		}
		for _, language := range []string{YAML, TOML, JSON} {
			text, lost, err := To(language, c, nil, true)
			if err != nil || len(lost) != 1 || lost[0].Name != "refused-there" || lost[0].Severity != config.Error || !strings.Contains(lost[0].Text, tt.says) {
				t.Errorf("%s: %v, %v, want that %q", language, lost, err, tt.says)
			}
			if _, found := source.Read("a."+language, text); !found.Errors() {
				t.Errorf("%s loads: %s", language, text)
			}
		}
		if _, lost, err := To(Keepalived, c, nil, true); err != nil || len(lost) > 0 {
			t.Errorf("keepalived: %v, %v", lost, err)
		}
		// From a language of our own it would be a fault of ours, and keepalived has
		// nothing to do with it.
		c.Files = []string{"a.yaml"}
		if _, lost, err := To(JSON, c, nil, true); err != nil || len(lost) != 1 || lost[0].Name != "not-the-same" || strings.Contains(lost[0].Text, "keepalived") || !strings.Contains(lost[0].Text, tt.says) {
			t.Errorf("of YAML: %v, %v", lost, err)
		}
	}
}

// TestEarlierMethod holds that what a second lb_kind leaves to the servers before it is
// written with them.
func TestEarlierMethod(t *testing.T) {
	t.Parallel()
	c, found := keepalived.Read("a.conf", []byte(`virtual_server 192.0.2.1 80 {
	protocol TCP
	lb_algo rr
	lb_kind DR
	sorry_server 192.0.2.9 80
	real_server 192.0.2.11 80 {
		weight 2
	}
	lb_kind NAT
	real_server 192.0.2.12 80 {
	}
}
`))
	if found.Errors() {
		t.Fatal(found)
	}
	s := schema.New()
	for _, language := range Languages() {
		text, found, err := To(language, c, nil, true)
		if err != nil || len(found) > 0 {
			t.Errorf("%s: %v, %v\n%s", language, found, err, text)
		}
		if d := s.Diff(c, again(t, language, text)); len(d) > 0 {
			t.Errorf("%s: %v\n%s", language, d, text)
		}
	}
}

func TestFlattened(t *testing.T) {
	text := "include x.conf\n$A=1\n~SEQ(i, 3) x\n@host x\n  include y\n"
	var lines []int
	for _, f := range Flattened("a.conf", []byte(text)) {
		lines = append(lines, f.At.Line())
	}
	if !slices.Equal(lines, []int{1, 2, 3, 4}) {
		t.Errorf("got lines %v, want one for each kind", lines)
	}
}

// TestAwkwardTexts holds that texts which a language would take for something
// else arrive as they are.
func TestAwkwardTexts(t *testing.T) {
	for _, text := range []string{"0111", "true", "null", "1e3", "a # b", "a: b", "${HOME}", "$$x", "it's", `b\s`, `\\`, "- a", "{x}", "é", "~", "!a", "@a", "1s"} {
		c, found := keepalived.Read("a.conf", []byte(commented))
		if found.Errors() {
			t.Fatal(found)
		}
		c.Instances[0].AuthPass = text
		c.Global.RouterID = text
		for _, language := range Languages() {
			out, found, err := To(language, c, nil, true)
			if err != nil || len(found) > 0 {
				t.Errorf("%q to %s: %v %v\n%s", text, language, found, err, out)
			}
		}
	}
}

// TestOnceAndAll holds that what is said by a keyword alone is written, and
// what is said once is written once.
func TestOnceAndAll(t *testing.T) {
	c, found := keepalived.Read("a.conf", []byte(`global_defs {
    vrrp_iptables
}
vrrp_instance A {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.1/24
    }
}
virtual_server 192.0.2.1 80 {
    lb_algo rr
    real_server 192.0.2.2 80 {
        MISC_CHECK {
            misc_path /bin/true
            user nobody nogroup
        }
    }
}
`))
	if found.Errors() {
		t.Fatal(found)
	}
	for _, language := range []string{YAML, TOML, JSON} {
		text, _, err := To(language, c, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		back, lost, err := To(Keepalived, again(t, language, text), nil, true)
		if err != nil || len(lost) > 0 {
			t.Fatal(lost, err)
		}
		for _, word := range []string{"vrrp_iptables\n", "nobody", "misc_path /bin/true\n", "user nobody nogroup\n"} {
			if n := strings.Count(string(back), word); n != 1 {
				t.Errorf("by %s and back: %q stands %d times, want 1:\n%s", language, word, n, back)
			}
		}
	}
	own, found := source.Read("a.yaml", []byte(`
vrrp_instances: [{name: A, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1]}]
virtual_servers: [{fwmark: 1, lb_algo: rr, real_servers: [{address: "192.0.2.2", checks: [{MISC_CHECK: {misc_path: {script: /bin/true, user: nobody}}}]}]}]
`))
	if found.Errors() {
		t.Fatal(found)
	}
	if text, lost, err := To(Keepalived, own, nil, true); err != nil || len(lost) > 0 || !strings.Contains(string(text), "user nobody\n") {
		t.Errorf("the account of misc_path: got %v, %v, want user nobody in\n%s", lost, err, text)
	}
}

// TestUnread holds that what the reader passes over is told of, not dropped.
func TestUnread(t *testing.T) {
	_, found := keepalived.Read("a.conf", []byte("vrrp_instance A {\ninterface eth0\nlvs_sync_daemon_inteface eth0\nvirtual_router_id 5\nnb_get_retry 3\npriority 90\nvirtual_ipaddress {\n192.0.2.1/24\n}\n}\n"))
	var lines []int
	for _, f := range Unread(found) {
		lines = append(lines, f.At.Line())
	}
	if !slices.Equal(lines, []int{3, 5}) {
		t.Errorf("got lines %v of %v, want 3 and 5", lines, found)
	}
	const router = "vrrp_instance A {\ninterface eth0\nvirtual_router_id 5\npriority 90\nvirtual_ipaddress {\n192.0.2.1/24\n%s\n}\n%s\n}\n%s"
	const service = "virtual_server 192.0.2.1 80 {\nprotocol TCP\nreal_server 192.0.2.9 80 {\n%s\n}\n%s\n}\n"
	for name, text := range map[string]string{
		"bad-address":       fmt.Sprintf(router, "192.0.2.300/24", "", ""),
		"unused-script":     fmt.Sprintf(router, "", "", "vrrp_script S {\nscript /bin/true\n}\n"),
		"track_script":      fmt.Sprintf(router, "", "track_script {\nmisspelt\n}", ""),
		"second block":      fmt.Sprintf(router, "", "", fmt.Sprintf(router, "", "", "")),
		"another family":    fmt.Sprintf(service, "", "real_server 2001:db8::1 80 {\n}"),
		"no-bind-if":        fmt.Sprintf(service, "TCP_CHECK {\nconnect_ip fe80::1\n}", ""),
		"nothing is passed": fmt.Sprintf(router, "", "", "") + fmt.Sprintf(service, "TCP_CHECK {\n}", ""),
	} {
		_, found := keepalived.Read("a.conf", []byte(text))
		if got := len(Unread(found)) > 0; got != (name != "nothing is passed") {
			t.Errorf("%s: passed over %v of %v", name, Unread(found), found)
		}
	}
}
