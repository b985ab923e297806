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
		c.Global.ScriptSecurity, c.Global.ScriptUser = secure, "root"
		severity := config.Warning
		if secure {
			severity = config.Error
		}
		found := on(eth0, c, nil)
		if len(found) != 2 {
			t.Fatalf("got %v, want two findings", found)
		}
		for i, of := range []string{"vrrp_script a: ", "vrrp_script c: "} {
			want := "gets the rights of root"
			if secure {
				want = "enable_script_security does not let it run"
			}
			f := found[i]
			if f.Name != "unsafe-program" || f.Severity != severity || !strings.HasPrefix(f.Text, of) || !strings.Contains(f.Text, script+" ") || !strings.Contains(f.Text, "ch") || !strings.Contains(f.Text, want) {
				t.Errorf("got %v, want unsafe-program of %sthat says %s", f, of, want)
			}
		}
	}
}

// TestScriptSecurity holds what enable_script_security refuses, and that it
// takes no offence at links of the system such as /bin.
func TestScriptSecurity(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // others shall come here
		t.Fatal(err)
	}
	write := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, open := write("good/x.sh", 0o755), write("open/x.sh", 0o755)
	lua := write("open/x.lua", 0o644)
	if err := os.Chmod(filepath.Dir(open), 0o777); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(open, link); err != nil {
		t.Fatal(err)
	}
	compile := func(path string) ([]string, error) {
		if path == good {
			return []string{good, open}, nil // as if it required the other
		}
		return []string{path}, nil
	}
	first := func(path string) func(*config.Config) {
		return func(c *config.Config) { c.Scripts[0].Argv = []string{path} }
	}
	none := &config.Program{Argv: []string{"/nowhere"}}
	for name, test := range map[string]struct {
		change func(*config.Config)
		want   string // of the finding, severity and name first; empty for none
	}{
		"good":           {first(good), ""},
		"merged /usr":    {first("/bin/true"), ""},
		"a folder":       {first(open), "error unsafe-program: " + filepath.Dir(open) + " can be written by everyone"},
		"through a link": {first(link), "error unsafe-program: " + filepath.Dir(open) + " can be written by everyone"},
		"as another": {func(c *config.Config) {
			c.Scripts[0].Argv, c.Global.ScriptUser = []string{open}, "nobody"
		}, "warning unsafe-program: " + filepath.Dir(open)},
		"nobody to run it":  {func(c *config.Config) { c.Global.ScriptUser = "" }, "error no-user: useradd -r keepalived_script"},
		"Lua":               {func(c *config.Config) { c.Scripts[0].Lua = lua }, "error unsafe-program: " + filepath.Dir(lua)},
		"what Lua requires": {func(c *config.Config) { c.Scripts[0].Lua = good }, "error unsafe-program: vrrp_script s: program " + open + " is not safe to run as root: " + filepath.Dir(open) + " can be written by everyone"},
		"FIFO reader": {func(c *config.Config) {
			c.Global.NotifyFIFOScript = &config.Program{Argv: []string{open, "x"}}
		}, "error unsafe-program: notify_fifo_script: program " + open},
		"startup":  {func(c *config.Config) { c.Global.StartupScript = none }, "error no-program: startup_script: "},
		"shutdown": {func(c *config.Config) { c.Global.ShutdownScript = none }, "error no-program: shutdown_script: "},
		"deleted":  {func(c *config.Config) { c.Instances[0].NotifyDeletedProgram = none }, "error no-program: vrrp_instance V: notify: "},
		"lower":    {func(c *config.Config) { c.Instances[0].NotifyLowerPrio = none }, "error no-program: vrrp_instance V: notify: "},
	} {
		c := &config.Config{Scripts: []config.Script{{Name: "s", Argv: []string{"/bin/true"}}}, Instances: []config.Instance{{Name: "V"}}}
		c.Global.ScriptSecurity, c.Global.ScriptUser = true, "root"
		test.change(c)
		var got string
		for _, f := range on(pretended{addresses: map[string][]string{}}, c, compile) {
			got += f.Severity.String() + " " + f.Name + ": " + f.Text
		}
		head, text, _ := strings.Cut(test.want, ": ")
		if test.want == "" && got != "" || !strings.HasPrefix(got, head) || !strings.Contains(got, text) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
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
