package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/core/node"
)

func TestMeant(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keepalived.conf")
	text := `
virtual_server 192.0.2.100 80 {
    protocol TCP
    real_server 10.0.0.1 80 { }
    real_server 10.0.0.2 80 { }
}
virtual_server fwmark 7 {
    protocol TCP
    real_server 10.0.0.1 81 { }
}
virtual_server fd00:9::1 80 {
    protocol TCP
    real_server fd00::1 80 { }
}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, found, err := load.FileAs(file, "")
	if err != nil || found.Errors() {
		t.Fatal(found, err)
	}
	tests := []struct{ service, server, want string }{
		{"", "10.0.0.1", "TCP 192.0.2.100:80 10.0.0.1:80, fwmark 7 10.0.0.1:81"},
		{"", "10.0.0.1:81", "fwmark 7 10.0.0.1:81"},
		{"192.0.2.100:80", "10.0.0.1", "TCP 192.0.2.100:80 10.0.0.1:80"},
		{"fwmark 7", "10.0.0.1", "fwmark 7 10.0.0.1:81"},
		{"", "[fd00::1]:80", "TCP [fd00:9::1]:80 [fd00::1]:80"},
		{"", "fd00::1", "TCP [fd00:9::1]:80 [fd00::1]:80"},
		{"", "10.0.0.3", "there is no real server 10.0.0.3"},
		{"192.0.2.100:81", "10.0.0.1", `there is no virtual server "192.0.2.100:81"`},
		{"", "web1", `"web1" is no real server: give its ADDRESS or ADDRESS:PORT`},
	}
	for _, tt := range tests {
		list, err := meant(c, tt.service, tt.server)
		var words []string
		for _, h := range list {
			words = append(words, h.Service+" "+h.Server)
		}
		slices.Sort(words)
		got := strings.Join(words, ", ")
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && (err == nil || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s of %s: %s, want %s", tt.server, tt.service, got, tt.want)
		}
	}
}

func TestHandsFile(t *testing.T) {
	f := newHandsFile(filepath.Join(t.TempDir(), "state"))
	if list, err := f.read(); len(list) > 0 || err != nil {
		t.Errorf("without a file: %v, %v", list, err)
	}
	want := []node.Hand{
		{Service: "a", Server: "b", Wish: node.WishDrain, Limit: 90 * time.Second, Weight: -1},
		{Service: "a", Server: "c", Wish: node.WishAuto, Weight: 0},
	}
	if err := f.write(want); err != nil {
		t.Fatal(err)
	}
	got, err := f.read()
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	if err := os.WriteFile(f.path, []byte(`[{"wish":"sleep"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.read(); err == nil {
		t.Error("a file that nobody understands is taken for an empty one")
	}
	for range 2 {
		if err := f.write(nil); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(f.path); !os.IsNotExist(err) {
		t.Errorf("a file is left: %v", err)
	}
}
