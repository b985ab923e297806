package load

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestIncludedFiles holds what may be included: regular files that are not
// executable; no other one is waited for or read.
func TestIncludedFiles(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, folder := range []string{"conf.d", "sub"} {
		if err := os.Mkdir(path(folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, path("conf.d/b.conf"), keepalivedText)
	write(t, path("conf.d/a.conf"), "global_defs {\n router_id ${_PWD}\n}\ninclude ../sub/c\n")
	write(t, path("sub/c"), "# nothing\n")
	write(t, path("exec"), keepalivedText)
	if err := os.Chmod(path("exec"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"include conf.d/*.conf":                          "",
		"include conf.d/*.conf\ninclude exec":            "warning: include: a file is left out, as by keepalived: " + path("exec") + ": an executable file, which keepalived does not read; chmod a-x " + path("exec") + " [include-unreadable]",
		"include conf.d/*.conf\nincluder exec":           "error: includer: a file is left out",
		"include conf.d/*.conf\ninclude fifo":            "not a regular file but a FIFO",
		"include conf.d/*.conf\ninclude sub":             "not a regular file but a directory",
		"include conf.d/*.conf\ninclude fifo/*":          "fifo: not a directory",
		"include conf.d/*.conf\ninclude main.conf":       "includes itself",
		"include conf.d/*.conf\ninclude /dev/null":       "not a regular file but a device",
		"include conf.d/*.conf\ninclude sub/c/../../non": "there is no file",
	} {
		write(t, path("main.conf"), text+"\n")
		type result struct {
			text  string
			files []string
			id    string
		}
		done := make(chan result, 1)
		go func() {
			c, findings, err := File(path("main.conf"))
			if err != nil {
				done <- result{text: err.Error()}
				return
			}
			r := result{files: c.Files, id: c.Global.RouterID}
			for _, f := range findings {
				r.text += f.String() + "\n"
			}
			done <- r
		}()
		select {
		case r := <-done:
			if want == "" && r.text != "" || !strings.Contains(r.text, want) {
				t.Errorf("%s: found %s, want %s", text, r.text, want)
			}
			if all := []string{path("main.conf"), path("conf.d/a.conf"), path("sub/c"), path("conf.d/b.conf")}; !slices.Equal(r.files, all) {
				t.Errorf("%s: files %v, want %v", text, r.files, all)
			}
			if r.id != path("conf.d") {
				t.Errorf("%s: ${_PWD} is %s, want %s", text, r.id, path("conf.d"))
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: reading does not end", text)
		}
	}
	if c, _, err := File(path("exec")); c != nil || !errors.Is(err, ErrExecutable) {
		t.Errorf("an executable main file: %v", err)
	}
	if c, _, err := File(path("conf.d/*.conf")); err != nil || len(c.Files) != 3 {
		t.Errorf("a pattern: %v, %v", c, err)
	}
}

// TestOptions holds what a configuration is told about this node.
func TestOptions(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ = strings.Cut(name, ".")
	if got := Options("").ConfigID; got != name {
		t.Errorf("the config id is %q, want %q", got, name)
	}
	path := filepath.Join(t.TempDir(), "a.conf")
	t.Setenv("MOONKEEP_TEST_VRID", "7")
	write(t, path, strings.NewReplacer("router_id 7", "router_id ${_ENV MOONKEEP_TEST_VRID}", " interface", " @lb-1 priority ${_RANDOM 20 29}\n interface").Replace(keepalivedText))
	c, findings, err := FileAs(path, "lb-1")
	if err != nil || len(findings) > 0 || c.Instances[0].VRID != 7 || c.Instances[0].Priority < 20 || c.Instances[0].Priority > 29 {
		t.Errorf("%+v, %v, %v", c, findings, err)
	}
	if c, _, err := FileAs(path, "lb-2"); err != nil || c.Instances[0].Priority != 100 {
		t.Errorf("%+v, %v", c, err)
	}
}
