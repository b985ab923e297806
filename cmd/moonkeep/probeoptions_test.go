package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/standard"
	"github.com/moonkeep/moonkeep/plugins/tlsclient/tlstest"
)

// everyOption is a configuration with every option of every check that a
// plugin makes.
const everyOption = `
virtual_servers:
  - address: 192.0.2.1:80
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    real_servers:
      - address: 192.0.2.11:80
        weight: 7
        checks:
          - HTTP_GET:
              virtualhost: www.example.org
              http_protocol: "1.1C"
              fast_recovery: true
              http2: true
              urls:
                - {path: /a, digest: 9b3a0c85a887a256d6939da88aabd8cd, status_code: [200-299, 404], virtualhost: b.example.org}
                - {path: /b, regex: "ok$", regex_no_match: true, regex_options: [caseless, multiline], regex_min_offset: 5, regex_max_offset: 9, regex_stack: [1024, 2048]}
                - {path: /c, method: POST, headers: ["X-A: 1", "X-B: 2"], body: "hello", json_path: a.b, json_value: up}
          - SSL_GET:
              enable_sni: true
              sni_name: www.example.org
              tls_compliant: true
              verify: true
              ca: CERT
              certificate: CERT
              key: KEY
              expiry_warning: 30d
              urls: [{path: /, tls_compliant: false}]
          - TCP_CHECK: {connect_ip: 192.0.2.12, connect_port: 81, bindto: 192.0.2.5, bind_port: 9, bind_if: lo, fwmark: 6}
          - SMTP_CHECK:
              helo_name: lb.example.org
              starttls: true
              sni_name: mail.example.org
              verify: true
              ca: CERT
              hosts: [{connect_ip: 192.0.2.13, connect_port: 26, bindto: 192.0.2.6, bind_port: 9, bind_if: lo, fwmark: 2, connect_timeout: 2s}, {}]
          - DNS_CHECK: {type: A, name: www.example.org, answer: [192.0.2.1, 192.0.2.2]}
          - UDP_CHECK: {payload: "0102", require_reply: "01 0X", min_reply_length: 2, max_reply_length: 9}
          - PING_CHECK: {bindto: 192.0.2.5}
          - MISC_CHECK: {misc_path: "/bin/true a b", misc_timeout: 3s, misc_dynamic: true, user: nobody}
          - GRPC_HEALTH: {service: shop.Cart, authority: shop.example.org, tls: true, verify: true, ca: CERT, expiry_warning: 240h}
          - AGENT_CHECK: {send: hello}
`

// TestEveryOption holds that a check takes what a configuration can say: the
// two describe the same options apart from each other.
func TestEveryOption(t *testing.T) {
	dir := t.TempDir()
	cert, key := tlstest.Texts(t, tlstest.New(t).Issue(t, tlstest.Name, time.Hour))
	for name, text := range map[string]string{"cert": cert, "key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.NewReplacer("CERT", filepath.Join(dir, "cert"), "KEY", filepath.Join(dir, "key")).Replace(everyOption)
	file := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, found, err := load.File(file)
	if err != nil || c == nil || found.Errors() {
		t.Fatal(err, found)
	}
	seen := map[string]bool{}
	for _, p := range build.Probes(c) {
		seen[p.Kind] = true
		if p.Kind == "SSL_GET" && !strings.Contains(string(p.Options), `"expiry_warning":"720h0m0s"`) {
			t.Errorf("30d came as %s", p.Options)
		}
		o, err := checker.NewOptions(p.Options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := standard.New(p.Kind).Prepare(checker.Target{Address: p.Address, Timeout: p.ConnectTimeout}, o); err != nil {
			t.Errorf("%s does not take %s: %v", p.Kind, p.Options, err)
		}
	}
	for _, name := range standard.Names() {
		if !seen[name] {
			t.Errorf("no %s in the configuration", name)
		}
	}
}

// TestEveryOptionIsKept is the other direction: what a check takes, a configuration can say.
func TestEveryOptionIsKept(t *testing.T) {
	elsewhere := map[string]string{
		"password": "the block SSL says it", "secure": "enable_script_security says it", "weight": "it is the real server's",
	}
	version := regexp.MustCompile(`\d\.\d\w?`)
	kinds := reflect.TypeFor[config.Check]()
	for i := range kinds.NumField() {
		kind := kinds.Field(i).Tag.Get("key")
		own := standard.New(kind)
		if own == nil {
			continue
		}
		says := map[string]reflect.StructTag{}
		sayable(kinds.Field(i).Type.Elem(), "", says)
		for _, o := range own.Info().Options {
			tag, ok := says[o.Name]
			if _, other := elsewhere[o.Name]; ok == other {
				t.Errorf("%s takes %s; a configuration can say it: %v, and elsewhere: %v", kind, o.Name, ok, other)
			}
			for _, v := range version.FindAllString(o.Doc, -1) {
				if o.Name == "http_protocol" && !slices.Contains(strings.Split(tag.Get("enum"), ","), v) {
					t.Errorf("%s takes the %s %s, which no configuration can say", kind, o.Name, v)
				}
			}
		}
	}
}

// sayable adds the keys of a block, those of a block in it with its name before them.
func sayable(block reflect.Type, within string, to map[string]reflect.StructTag) {
	for _, f := range reflect.VisibleFields(block) {
		key := f.Tag.Get("key")
		if key == "" || key == "-" {
			continue
		}
		to[within+key] = f.Tag
		if f.Type.Kind() == reflect.Slice && f.Tag.Get("form") == "block" {
			sayable(f.Type.Elem(), within+key+".", to)
		}
	}
}

// TestPluginExample holds that the configurations in the README of the example
// are right.
func TestPluginExample(t *testing.T) {
	text, err := os.ReadFile("../../examples/plugin-redis-role/README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	if len(blocks) != 3 {
		t.Fatalf("%d configurations", len(blocks))
	}
	for i, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		if i > 0 { // it is beside the one before
			first, _, _ := strings.Cut(blocks[0], "```")
			block = first + block
		}
		file := filepath.Join(t.TempDir(), "a.yaml")
		if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
		c, found, err := load.File(file)
		if err != nil || found.Errors() {
			t.Fatal(err, found)
		}
		probes := build.Probes(c)
		want := 2
		if len(c.Scripts) > 0 {
			want++
		}
		if len(probes) != want || slices.ContainsFunc(probes, func(p build.Probe) bool { return p.Kind != "redis-role" || string(p.Options) != `{"role":"master"}` }) {
			t.Errorf("the probes are %+v", probes)
		}
	}
}

// TestCheckPlugins holds that check asks third parties' checkers about their
// options when it is told to, and says where an option is wrong.
func TestCheckPlugins(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: plugins run as another user")
	}
	t.Parallel()
	path := rootsFile(t, "asked", fmt.Sprintf(linesPlugin, strict, "", ""))
	file := filepath.Join(t.TempDir(), "a.yaml")
	text := `plugins: [{name: asked, path: PATH}, {name: dies, path: /bin/false}]
virtual_servers:
  - address: "192.0.2.1:80"
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    real_servers:
      - address: "192.0.2.11:80"
        checks:
          - plugin: {name: asked, options: {n: 1}}
          - plugin: {name: asked, options: {n: "no such value"}}
      - address: "192.0.2.12:80"
        checks: [plugin: {name: dies}]
vrrp_scripts:
  - name: s
    plugin: {plugin: {name: asked, connect_ip: 192.0.2.3, connect_port: 80}}
vrrp_instances: [{name: V, interface: eth0, virtual_router_id: 7, virtual_ipaddresses: [192.0.2.9/32], track_scripts: [{name: s}]}]
`
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "PATH", path)), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, stderr := runLine("check", file); status != 0 {
		t.Errorf("without --plugins: status %d, %s%s", status, out, stderr)
	}
	status, out, stderr := runLine("check", "--plugins", file)
	for _, want := range []string{
		file + ":11:21: error: plugin asked of 192.0.2.11:80: n is no number [bad-plugin]",
		file + ":15:5: error: plugin asked of vrrp_script s: n is missing [bad-plugin]",
		file + ":1:35: error: plugin dies (/bin/false): it ended with status 1 before it greeted",
	} {
		if want = strings.ReplaceAll(want, ":1:35:", fmt.Sprintf(":1:%d:", 34+len(path))); status != 1 || !strings.Contains(out, want) {
			t.Errorf("status %d, no %s in\n%s%s", status, want, out, stderr)
		}
	}
	if n := strings.Count(out, "error:"); n != 3 {
		t.Errorf("%d errors in\n%s", n, out)
	}
}

// TestCheckOptions holds that check tells of what a checker would refuse.
func TestCheckOptions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.yaml")
	text := `virtual_servers: [{address: "192.0.2.1:80", protocol: TCP, lb_algo: rr, lb_kind: NAT, real_servers: [{address: "192.0.2.11:80", checks: [{HTTP_GET: {urls: [{path: /, regex: "a(?R)"}]}}]}]}]`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, stderr := runLine("check", file)
	if want := "HTTP_GET of 192.0.2.11:80: url 1: the pattern \"a(?R)\" needs recursion"; status != 1 || !strings.Contains(out+stderr, want) {
		t.Errorf("status %d, %s%s; want %s", status, out, stderr, want)
	}
}
