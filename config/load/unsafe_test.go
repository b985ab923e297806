package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/source"
)

// TestUnsafePrograms holds that a program which others can change is told
// once, with who they are and what it would give them.
func TestUnsafePrograms(t *testing.T) {
	script := filepath.Join(t.TempDir(), "x.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(script, 0o777); err != nil {
		t.Fatal(err)
	}
	c, findings := source.Read("a.yaml", []byte("vrrp_scripts: [{name: a, script: "+script+"}, {name: b, script: "+script+" x}, {name: c, script: /bin/sh "+script+"}]\n"+
		whole("eth0", "track_scripts: [a, b, c]")))
	if findings.Errors() {
		t.Fatal(findings)
	}
	eth0 := pretended{addresses: map[string][]string{"eth0": nil}}
	for _, secure := range []bool{false, true} {
		c.Global.ScriptSecurity = secure
		found := on(eth0, c, nil)
		if len(found) != 2 {
			t.Fatalf("got %v, want two findings", found)
		}
		for i, of := range []string{"vrrp_script a: ", "vrrp_script c: "} {
			want := "gets the rights of root"
			if secure {
				want = "keepalived would not run it"
			}
			f := found[i]
			if f.Name != "unsafe-program" || f.Severity != config.Warning || !strings.HasPrefix(f.Text, of) || !strings.Contains(f.Text, "ch") || !strings.Contains(f.Text, want) {
				t.Errorf("got %v, want unsafe-program of %sthat says %s", f, of, want)
			}
		}
	}
}

// TestServicePrograms holds that the programs of virtual servers are looked
// for, and that the node runs without them.
func TestServicePrograms(t *testing.T) {
	none := func(name string) *config.Program {
		return &config.Program{Argv: []string{"/nonexistent/" + name}}
	}
	c := &config.Config{VirtualServers: []config.VirtualServer{{
		QuorumUp: none("a"), QuorumDown: none("b"),
		RealServers: []config.RealServer{
			{NotifyUp: none("c"), NotifyDown: none("d"), Checks: []config.Check{{Misc: &config.MiscCheck{MiscPath: none("e")}}}},
			{NotifyUp: none("c"), Checks: []config.Check{{Misc: &config.MiscCheck{MiscPath: none("f"), User: "nosuchuser"}}}},
		},
	}}}
	var got []string
	for _, f := range on(pretended{addresses: map[string][]string{}}, c, nil) {
		if f.Severity != config.Warning {
			t.Errorf("%v is no warning", f)
		}
		what, _, _ := strings.Cut(f.Text, ": program")
		got = append(got, f.Name+" "+what)
	}
	want := "no-program virtual_server: quorum_up, no-program virtual_server: quorum_down, no-program real_server: notify_up, no-program real_server: notify_down, no-program MISC_CHECK, no-user MISC_CHECK"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
}
