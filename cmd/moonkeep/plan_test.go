package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestPlanStaged: a copy of a configuration in another folder has the files of its
// own folder where the original has those of its.
func TestPlanStaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const router = "vrrp_instance V {\n\tinterface eth0\n\tvirtual_router_id 1\n\tvirtual_ipaddress {\n\t\t192.0.2.9\n\t}\n}\n"
	both := router + "include conf.d/*.conf\ninclude later.d/*.conf\ninclude " + dir + "/shared/*.conf\n"
	empty := func(folder string) {
		if err := os.MkdirAll(filepath.Join(dir, folder, "later.d"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("shared/a.conf", "# nothing\n")
	write("live/conf.d/a.conf", "# nothing\n")
	write("staged/conf.d/a.conf", "# nothing\n")
	for _, folder := range []string{"live", "staged", "alone"} {
		empty(folder)
	}
	live := write("live/keepalived.conf", both)
	for _, tt := range []struct{ what, path, refused string }{
		{"the same", live, ""},
		{"a whole copy", write("staged/keepalived.conf", both), ""},
		{"a copy without its files", write("alone/keepalived.conf", both), "alone/conf.d/*.conf"},
		{"another shared folder", write("staged/other.conf", strings.Replace(both, "shared", "shred", 1)), "shred/*.conf"},
	} {
		var out bytes.Buffer
		if err := planFile(t.Context(), tt.path, planOptions{from: live}, &out, io.Discard); err != nil {
			t.Errorf("%s: %v", tt.what, err)
		}
		text := out.String()
		if refused := strings.Contains(text, "REFUSED"); refused != (tt.refused != "") || !strings.Contains(text, "no file matches "+filepath.Join(dir, tt.refused)) && refused {
			t.Errorf("%s: %s", tt.what, text)
		}
	}
}

// TestPlanStrict: what strict mode excludes is an error of the file, for plan as for a
// reload.
func TestPlanStrict(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var paths []string
	for name, more := range map[string]string{"plain.yaml": "", "strict.yaml": "global: {vrrp_strict: true}\n"} {
		text := more + "vrrp_instances:\n  - {name: V, interface: eth0, virtual_router_id: 1, unicast_peers: [192.0.2.7], virtual_ipaddresses: [192.0.2.1]}\n"
		netnstest.Must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
		paths = append(paths, filepath.Join(dir, name))
	}
	slices.Sort(paths)
	var said bytes.Buffer
	if err := planFile(t.Context(), paths[1], planOptions{from: paths[0]}, io.Discard, &said); err != exitNo || !strings.Contains(said.String(), "strict.yaml:3:") {
		t.Errorf("%v: %s", err, said.String())
	}
}

// TestPlanStagedBlank: the folder of the file that the daemon runs may have a blank in
// its name.
func TestPlanStagedBlank(t *testing.T) {
	t.Parallel()
	h, _ := hosts(t)
	for _, folder := range []string{"a live one", "staged"} {
		netnstest.Must(t, os.MkdirAll(filepath.Join(h.dir, folder, "conf.d"), 0o755))
		netnstest.Must(t, os.MkdirAll(filepath.Join(h.dir, folder, "later.d"), 0o755))
		h.write(t, folder+"/conf.d/a.conf", "# nothing\n", 0o644)
		h.write(t, folder+"/keepalived.conf", conf(150, vip.String(), "")+"include conf.d/*.conf\ninclude later.d/*.conf\n", 0o644)
	}
	p := h.start(t, "run", filepath.Join(h.dir, "a live one", "keepalived.conf"))
	p.awaitRole(t, "MASTER")
	staged := filepath.Join(h.dir, "staged")
	if text := p.asks(t, 0, "plan", filepath.Join(staged, "keepalived.conf")); strings.Contains(text, "REFUSED") {
		t.Errorf("a whole copy: %s", text)
	}
	netnstest.Must(t, os.Remove(filepath.Join(staged, "conf.d", "a.conf")))
	mentions(t, "a copy without its files", p.asks(t, 0, "plan", filepath.Join(staged, "keepalived.conf")), "REFUSED", "no file matches "+filepath.Join(staged, "conf.d"))
	p.stop(t)
}
