package load

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/source"
)

const keepalivedText = "vrrp_instance A {\n interface eth0\n virtual_router_id 7\n virtual_ipaddress {\n 192.0.2.1/24\n }\n}\n"
const yamlText = "vrrp_instances: [{name: A, interface: eth0, virtual_router_id: 7, virtual_ipaddresses: [192.0.2.1/24]}]\n"

func TestFileChoosesTheLanguage(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.conf": keepalivedText, "keepalived": keepalivedText, "a.cfg": keepalivedText,
		"a.yaml": yamlText, "a.YML": yamlText,
		"a.json": `{"vrrp_instances": [{"name": "A", "interface": "eth0", "virtual_router_id": 7, "virtual_ipaddresses": ["192.0.2.1/24"]}]}`,
		"a.toml": "[[vrrp_instances]]\nname = \"A\"\ninterface = \"eth0\"\nvirtual_router_id = 7\nvirtual_ipaddresses = [\"192.0.2.1/24\"]\n",
	} {
		path := filepath.Join(dir, name)
		write(t, path, text)
		c, findings, err := File(path)
		if err != nil || findings.Errors() || len(c.Instances) != 1 || c.Instances[0].VRID != 7 || c.Files[0] != path {
			t.Errorf("%s: %+v, %v, %v", name, c, findings, err)
		}
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(path("fifo.conf"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", path("socket.conf"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	write(t, path("large.conf"), "")
	if err := os.Truncate(path("large.conf"), MaxSize+1); err != nil { // which has nothing to be written
		t.Fatal(err)
	}
	write(t, path("utf16.conf"), "\xff\xfeg\x00l\x00")
	write(t, path("utf16.yaml"), "\xfe\xff\x00a\x00:")
	write(t, path("file"), "")
	for name, want := range map[string]struct {
		is   error
		text string
	}{
		path("none.conf"):   {fs.ErrNotExist, "none.conf: file does not exist; create it or name another"},
		path("file/a.conf"): {syscall.ENOTDIR, "file/a.conf: not a directory"},
		dir:                 {ErrNotUTF8, "utf16.yaml: not in UTF-8 but in UTF-16 or UTF-32; convert it, as by iconv -f UTF-16 -t UTF-8"}, // as part of a folder
		path("fifo.conf"):   {ErrNotRegular, "fifo.conf: not a regular file but a FIFO; name the configuration file itself"},
		path("socket.conf"): {ErrNotRegular, "socket.conf: not a regular file but a socket; name the configuration file itself"},
		"/dev/null":         {ErrNotRegular, "/dev/null: not a regular file but a device; name the configuration file itself"},
		path("large.conf"):  {ErrTooLarge, "large.conf: too large: a configuration file has 64 MiB at most; divide it and include the parts, or name another"},
		path("utf16.conf"):  {ErrNotUTF8, "utf16.conf: not in UTF-8 but in UTF-16 or UTF-32; convert it, as by iconv -f UTF-16 -t UTF-8"},
		path("utf16.yaml"):  {ErrNotUTF8, "utf16.yaml: not in UTF-8 but in UTF-16 or UTF-32; convert it, as by iconv -f UTF-16 -t UTF-8"},
	} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, _, err := File(name)
			if c != nil || !errors.Is(err, want.is) || !strings.HasPrefix(err.Error(), "read configuration: ") || !strings.HasSuffix(err.Error(), want.text) {
				t.Errorf("%s: %v, want ...%s", name, err, want.text)
			}
		}()
		select {
		case <-done:
		case <-time.After(2 * time.Minute): // what never ends takes longer than any machine is busy
			t.Fatalf("%s: reading does not end", name)
		}
	}
}

func TestUnreadableFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.conf")
	write(t, path, keepalivedText)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		// Root may read everything; a thread that opens files as nobody not.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := syscall.Setfsuid(0); err != nil {
				t.Fatal(err)
			}
		}()
	}
	want := fmt.Sprintf("read configuration: %s: permission denied; run as root, or let user %d read the file", path, os.Geteuid())
	if _, _, err := File(path); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestEmptyFileAndGarbage(t *testing.T) {
	dir := t.TempDir()
	for _, ending := range append(source.Extensions(), ".conf") {
		path := filepath.Join(dir, "a"+ending)
		for text, want := range map[string]string{
			"":                    path + ":1:1: error: the file is empty: it needs a vrrp_instance or a virtual_server [empty-file]",
			" \n\t\n":             path + ":1:1: error: the file is empty: it needs a vrrp_instance or a virtual_server [empty-file]",
			"\x7fELF\x00\x01\xff": "",
		} {
			write(t, path, text)
			c, findings, err := File(path)
			if err != nil || c == nil || !findings.Errors() || want != "" && findings[0].String() != want {
				t.Errorf("%s with %q: %v, %v", ending, text, findings, err)
			}
			for _, f := range findings {
				if strings.ContainsAny(f.Text, "\x00\x7f\n") {
					t.Errorf("%s with %q: unprintable %q", ending, text, f.Text)
				}
			}
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestHost(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write(t, path("plain"), "#!/bin/sh\n")
	write(t, path("good.lua"), "")
	write(t, path("bad.lua"), "")
	if err := os.Mkdir(path("folder.lua"), 0o755); err != nil {
		t.Fatal(err)
	}
	compile := func(p string) ([]string, error) {
		if strings.HasSuffix(p, "bad.lua") {
			return nil, errors.New("bad.lua:1: first\nsecond")
		}
		return []string{p}, nil
	}
	for name, test := range map[string]struct {
		text string // of a YAML file a.yaml in dir
		want []string
	}{
		"all there": {"vrrp_scripts: [{name: s, script: \"true\"}, {name: l, lua: good.lua}]\n" + whole("lo2lo", "track_scripts: [s, l]"), nil},
		"interfaces": {whole("lo3", "track_interfaces: [missing7]", "virtual_ipaddresses: [192.0.2.1 dev lo3, 192.0.2.2 dev missing8]"), []string{
			`a.yaml:1:18: error: vrrp_instance A: this host has no interface "lo3"; is lo meant? There are IFS [no-interface]`,
			`a.yaml:1:100: error: vrrp_instance A: this host has no interface "missing7"; there are IFS [no-interface]`,
			`a.yaml:1:152: error: vrrp_instance A: this host has no interface "missing8"; there are IFS [no-interface]`,
		}},
		"interfaces that come later": {"global: {dynamic_interfaces: yes}\n" + whole("lo3", "track_interfaces: [missing7]"), []string{
			`a.yaml:2:18: warning: vrrp_instance A: this host has no interface "lo3", and waits for it, as dynamic_interfaces says; is lo meant? There are IFS [no-interface]`,
			`a.yaml:2:100: warning: vrrp_instance A: this host has no interface "missing7", and waits for it, as dynamic_interfaces says; there are IFS [no-interface]`,
		}},
		"programs": {"vrrp_scripts: [{name: a, script: ./none}, {name: b, script: ./plain}, {name: c, script: ./plain, user: nosuchuser}, {name: d, script: nosuchprogram}, {name: e, script: ./none}]\n" +
			whole("lo2lo", "track_scripts: [a, b, c, d, e]", "notify: {any: ./folder.lua}"), []string{
			`a.yaml:1:16: error: vrrp_script a: program DIR/none does not exist; create it or correct the path [no-program]`,
			`a.yaml:1:43: error: vrrp_script b: program DIR/plain is not executable (mode 0644); chmod +x DIR/plain [no-program]`,
			`a.yaml:1:71: error: vrrp_script c: program DIR/plain: … "nosuchuser": … [no-user]`,
			`a.yaml:1:117: error: vrrp_script d: program "nosuchprogram" … [no-program]`,
			`a.yaml:2:129: error: vrrp_instance A: notify: program DIR/folder.lua is not a file but a directory [no-program]`,
		}},
		"scripts of interpreters": {"vrrp_scripts: [{name: a, script: /bin/sh DIR/none.sh}, {name: b, script: /bin/sh -x DIR/plain}, {name: c, script: /bin/sh DIR/other.sh}]\n" +
			whole("lo2lo", "track_scripts: [a, b, c]", "notify: {any: [/bin/sh, DIR/none.sh]}"), []string{
			`a.yaml:1:16: error: vrrp_script a: program DIR/none.sh does not exist; create it or correct the path [no-program]`,
			`a.yaml:1:…: error: vrrp_script c: program DIR/other.sh does not exist; create it or correct the path [no-program]`,
		}},
		"Lua files": {"vrrp_scripts: [{name: a, lua: god.lua}, {name: b, lua: bad.lua}, {name: c, lua: folder.lua}, {name: d, lua: plain/a.lua}, {name: e, lua: bad.lua}]\n" +
			whole("lo2lo", "track_scripts: [a, b, c, d, e]", "notify: {lua: god.lua}"), []string{
			`a.yaml:1:16: error: vrrp_script a: there is no Lua file DIR/god.lua; create it or correct the path; is good.lua meant? [no-lua-file]`,
			`a.yaml:1:41: error: vrrp_script b: bad.lua:1: first; second [bad-lua-file]`,
			`a.yaml:1:66: error: vrrp_script c: DIR/folder.lua is no regular file, so no Lua file [no-lua-file]`,
			`a.yaml:1:94: error: vrrp_script d: Lua file: stat DIR/plain/a.lua: not a directory [no-lua-file]`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c, findings := source.Read(path("a.yaml"), []byte(strings.ReplaceAll(test.text, "DIR", dir)))
			if findings.Errors() {
				t.Fatal(findings)
			}
			// The reader refuses lo, the one interface that is everywhere.
			if c.Instances[0].Interface == "lo2lo" {
				c.Instances[0].Interface = "lo"
				for i := range c.Instances[0].Addresses {
					c.Instances[0].Addresses[i].Device = "lo"
				}
			}
			var got []string
			for _, f := range Host(c, compile) {
				if f.Name == "unsafe-program" {
					continue // if somebody but root runs the tests, all that is his
				}
				got = append(got, neutral(t, f.String(), dir))
			}
			if !alike(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// alike compares lines; an ellipsis in what is wanted stands for words of
// core/program, whose own tests hold them.
func alike(got, want []string) bool {
	return slices.EqualFunc(got, want, func(g, w string) bool {
		for i, part := range strings.Split(w, "…") {
			before, after, found := strings.Cut(g, part)
			if !found || i == 0 && before != "" {
				return false
			}
			g = after
		}
		return g == ""
	})
}

// neutral replaces what differs from machine to machine.
func neutral(t *testing.T, s, dir string) string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
	}
	s = strings.ReplaceAll(s, dir+"/a.yaml", "a.yaml")
	s = strings.ReplaceAll(s, dir, "DIR")
	return strings.ReplaceAll(s, strings.Join(names, ", "), "IFS")
}

// whole is an instance on one line of YAML.
func whole(device string, keys ...string) string {
	text := "vrrp_instances: [{name: A, interface: " + device + ", virtual_router_id: 1, priority: 100, "
	if !strings.Contains(strings.Join(keys, ""), "virtual_ipaddresses") {
		keys = append(keys, "virtual_ipaddresses: [192.0.2.1/24]")
	}
	return text + strings.Join(keys, ", ") + "}]\n"
}

func TestDefaults(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	c := config.Config{}
	Defaults(&c)
	if c.Global.RouterID != name {
		t.Errorf("router_id %q, want the host's name %q", c.Global.RouterID, name)
	}
	said := config.Config{Global: config.Global{RouterID: "a", ScriptUser: "b", ScriptGroup: "c"}}
	want := said.Global
	if Defaults(&said); !reflect.DeepEqual(said.Global, want) {
		t.Errorf("%+v became of %+v", said.Global, want)
	}
}

// TestContentDoesNotWait holds that a file from which nothing comes, as the
// kernel has some that are regular by their mode, is given up.
func TestContentDoesNotWait(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	begin := time.Now()
	if data, err := content(r, 50*time.Millisecond); data != "" || !errors.Is(err, ErrNotRegular) {
		t.Errorf("got %q, %v, want %v", data, err, ErrNotRegular)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("took %v, want 50ms", d)
	}
}

// TestByteOrderMark holds that the mark some editors write in front of UTF-8
// changes nothing, and moves no column.
func TestByteOrderMark(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.conf": "vrrp_instance A {\n}\n", "a.yaml": "nothing: 1\n", "a.toml": "nothing = 1\n", "a.json": `{"nothing": 1}`,
	} {
		path := filepath.Join(dir, name)
		write(t, path, text)
		_, want, err := File(path)
		if err != nil || len(want) == 0 {
			t.Fatalf("%s: %v, %v", name, want, err)
		}
		write(t, path, "\ufeff"+text)
		if _, got, err := File(path); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s with a mark: %v, %v, want %v", name, got, err, want)
		}
	}
}
