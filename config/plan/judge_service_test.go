package plan

import (
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config/schema"
	"github.com/moonkeep/moonkeep/config/source"
)

const balanced = `vrrp_instances: [{name: A, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1/24]}]
virtual_servers:
  - address: 192.0.2.1:80
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    delay_loop: 5s
    quorum: 2
    real_servers:
      - address: 192.0.2.11:80
        weight: 3
        notify_up: /bin/up
        checks: [{TCP_CHECK: {connect_port: 81, retry: 2}}]
      - address: 192.0.2.12:80
        checks: [{HTTP_GET: {urls: [{path: /a}]}}, {MISC_CHECK: {misc_path: /bin/m}}]
`

// TestServices: a reload of virtual servers is judged by what the node does
// about it.
func TestServices(t *testing.T) {
	s := schema.New()
	for name, test := range map[string]struct {
		replace []string
		effect  Effect
		why     string
	}{
		"an interval":      {[]string{"delay_loop: 5s", "delay_loop: 6s"}, Nothing, "stay spread"},
		"a retry":          {[]string{"retry: 2", "retry: 3"}, Nothing, "for good if only its timing differs"},
		"another port":     {[]string{"connect_port: 81", "connect_port: 82"}, Nothing, "takes over the state"},
		"another URL":      {[]string{"path: /a", "path: /b"}, Nothing, "takes over the state"},
		"a weight":         {[]string{"weight: 3", "weight: 4"}, Shifts, "worked out anew"},
		"the quorum":       {[]string{"quorum: 2", "quorum: 1"}, Shifts, "worked out anew"},
		"a program":        {[]string{"/bin/up", "/bin/other"}, Nothing, "told so"},
		"a scheduler":      {[]string{"lb_algo: rr", "lb_algo: wrr"}, Shifts, "states of real servers stay"},
		"persistence":      {[]string{"quorum: 2", "quorum: 2\n    persistence_timeout: 5m"}, Shifts, "new clients"},
		"a panic":          {[]string{"quorum: 2", "quorum: 2\n    panic_threshold: 50"}, Shifts, "new clients"},
		"a threshold":      {[]string{"weight: 3", "weight: 3\n        uthreshold: 9"}, Shifts, "new clients"},
		"a text":           {[]string{"quorum: 2", "quorum: 2\n    virtualhost: a.example"}, Nothing, "states of real servers stay"},
		"a server less":    {[]string{"      - address: 192.0.2.12:80\n        checks: [{HTTP_GET: {urls: [{path: /a}]}}, {MISC_CHECK: {misc_path: /bin/m}}]\n", ""}, Interrupts, "gets nothing any more, and is told to be down if it was up"},
		"a server more":    {[]string{"    real_servers:\n", "    real_servers:\n      - address: 192.0.2.13:80\n"}, Nothing, "on; with rs_init_notifies that is told"},
		"a service more":   {[]string{"192.0.2.1:80", "192.0.2.1:81"}, Nothing, "a quorum that it has from the start is told"},
		"a service less":   {[]string{"192.0.2.1:80", "192.0.2.1:81"}, Interrupts, "its checks end; its real servers and its quorum are told to be down if they were up"},
		"a check less":     {[]string{", {MISC_CHECK: {misc_path: /bin/m}}", ""}, Shifts, "not made any more"},
		"a check more":     {[]string{"{path: /a}]}}", "{path: /a}]}}, PING_CHECK"}, Nothing, "up until it fails"},
		"checks on demand": {[]string{"quorum: 2", "quorum: 2\n    ha_suspend: true"}, Nothing, "rest, or run"},
	} {
		before, found := source.Read("a.yaml", []byte(balanced))
		after, more := source.Read("a.yaml", []byte(strings.NewReplacer(test.replace...).Replace(balanced)))
		if found.Errors() || more.Errors() {
			t.Fatal(found, more)
		}
		var got []Item
		for _, c := range s.Diff(before, after) {
			out := Item{What: "changed", Path: c.Path}
			switch {
			case c.Field == nil && c.Kind == schema.Added:
				out.What = "added"
			case c.Field == nil && c.Kind == schema.Removed:
				out.What = "removed"
			}
			if strings.HasPrefix(c.Path, "virtual_servers") {
				judge(&out, &c, before, after)
				got = append(got, out)
			}
		}
		hit := false
		for _, i := range got {
			hit = hit || i.Effect == test.effect && strings.Contains(i.Why, test.why)
		}
		if !hit || len(got) > 2 {
			t.Errorf("%s: got %+v, want %v %q", name, got, test.effect, test.why)
		}
	}
}
