package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sharedFiles writes a configuration of two nodes, which takes its addresses
// from another file, and returns its path.
func sharedFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"keepalived.conf": "@a $NUMBER=51\n@b $NUMBER=x\ninclude conf.d/*.conf\n",
		"conf.d/vi.conf":  "vrrp_instance V {\n  interface eth0\n  virtual_router_id $NUMBER\n  priority 150\n  virtual_ipaddress {\n    192.0.2.1/24\n  }\n}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "keepalived.conf")
}

// TestConfigID holds that -i and MOONKEEP_CONFIG_ID choose the lines of a
// file, and that findings in an included file name that file.
func TestConfigID(t *testing.T) {
	path := sharedFiles(t)
	bad := filepath.Join(filepath.Dir(path), "conf.d/vi.conf") + `:3:21: error: virtual_router_id takes a number, 1..255, not "x" (in the expansion of $NUMBER of line 2 of ` + path + ") [not-a-number]"
	for _, c := range []struct {
		args []string
		env  string
		want string // the error, or "" for none
	}{
		{args: []string{"check", "-i", "a", path}},
		{args: []string{"check", "--config-id", "b", path}, want: bad},
		{args: []string{"check", "-i", "a", "-i", "b", path, path}, want: bad},
		{args: []string{"check", path}, env: "b", want: bad},
		{args: []string{"check", "-i", "a", path}, env: "b"},
		{args: []string{"convert", path}, env: "b", want: "virtual_router_id takes a number"},
		{args: []string{"plan", "--from", path, path}, env: "b", want: "virtual_router_id takes a number"},
		{args: []string{"doctor", path}, env: "b", want: "has errors"},
		{args: []string{"realserver", "check", "--run-dir", t.TempDir(), path}, env: "b", want: "has errors"},
		{args: []string{"check", "-i", "a", "-i", "b", path}, want: "--config-id was given 2 times for 1 files"},
		{args: []string{"lab", "-i", "a", "-i", "b", "-i", "c", path, path}, want: "--config-id was given 3 times for 2 files"},
	} {
		t.Run(strings.Join(c.args[:len(c.args)-1], " ")+c.env, func(t *testing.T) {
			t.Setenv("MOONKEEP_CONFIG_ID", c.env)
			var out strings.Builder
			cmd := newRootCommand()
			cmd.SetArgs(c.args)
			cmd.SetOut(&out)
			cmd.SetErr(&out)
			err := cmd.Execute()
			text := out.String()
			if err != nil {
				text += err.Error()
			}
			if c.want == "" && err != nil || !strings.Contains(text, c.want) {
				t.Errorf("%v: %s, want %s", err, text, c.want)
			}
		})
	}
}

// TestRewriter holds that what the lab gives keepalived needs no other file
// and is for the node that was named.
func TestRewriter(t *testing.T) {
	path := sharedFiles(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := string(rewriter(path, "a")(text, func(string, string) (string, bool) { return "", false }))
	want := "vrrp_instance V {\n  interface eth0\nvirtual_router_id 51\n  priority 150\n  virtual_ipaddress {\n    192.0.2.1/24\n  }\n}\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
