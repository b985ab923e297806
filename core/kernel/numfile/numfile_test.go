//go:build linux

package numfile

import (
	"bytes"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		content string
		want    Reading
	}{
		{"", Reading{}},
		{" \n\t", Reading{}},
		{"5", Reading{Value: 5}},
		{"  -7\n", Reading{Value: -7}},
		{"+3 of 4\n", Reading{Value: 3}},
		{"007", Reading{Value: 7}},
		{"99999999999999999999", Reading{Value: math.MaxInt64}},
		{"-99999999999999999999", Reading{Value: math.MinInt64}},
		{"12abc", Reading{Failure: "it begins with"}},
		{"up", Reading{Failure: `"up"`}},
		{"0x10", Reading{Failure: "not with a number"}},
		{"1.5", Reading{Failure: "not with a number"}},
		{"\x00\x00", Reading{Failure: `"\x00\x00"`}},
		{strings.Repeat("x", 100), Reading{Failure: strings.Repeat("x", 20) + "..."}},
		{strings.Repeat(" ", most-1) + "1", Reading{Value: 1}},
		{strings.Repeat(" ", most) + "1", Reading{Failure: "more than 4096 bytes"}},
		{strings.Repeat("1", 1<<20), Reading{Failure: "more than 4096 bytes"}},
	}
	for _, tt := range tests {
		path := filepath.Join(dir, "number")
		must(t, os.WriteFile(path, []byte(tt.content), 0o644))
		got := Read(path)
		if got.Value != tt.want.Value || got.Missing || !strings.Contains(got.Failure, tt.want.Failure) || (got.Failure == "") != (tt.want.Failure == "") {
			t.Errorf("%.30q reads %+v, want %+v", tt.content, got, tt.want)
		}
	}
}

func TestReadAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "number")
	must(t, os.WriteFile(path, []byte("5"), 0o644))
	got := ReadAll(map[string]string{"a": path, "b": path + "s", "c": path}, time.Minute)
	want := map[string]Reading{"a": {Value: 5}, "b": {Missing: true}, "c": {Value: 5}}
	if !maps.Equal(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
}

func TestReadWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	must(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	must(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	must(t, os.Symlink("nothing", filepath.Join(dir, "dangling")))
	tests := []struct {
		path string
		want Reading
	}{
		{"absent", Reading{Missing: true}},
		{"absent/below", Reading{Missing: true}},
		{"file/below", Reading{Missing: true}},
		{"dangling", Reading{Missing: true}},
		{"pipe", Reading{Failure: "it is not a regular file"}},
		{".", Reading{Failure: "it is not a regular file"}},
		{"loop", Reading{Failure: unix.ELOOP.Error()}},
	}
	for _, tt := range tests {
		if got := Read(filepath.Join(dir, tt.path)); got != tt.want {
			t.Errorf("%s reads %+v, want %+v", tt.path, got, tt.want)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(in("there"), []byte("1234567\n"), 0o600))
	must(t, os.WriteFile(in("long"), []byte("1234567\n"), 0o600))
	must(t, os.Symlink(in("there"), in("link")))
	must(t, os.Symlink("nothing", in("dangling")))
	must(t, unix.Mkfifo(in("pipe"), 0o644))
	tests := []struct {
		name      string
		overwrite bool
		content   string // afterwards; "" for an error
		err       string
	}{
		{"new", false, "-5\n", ""},
		{"new2", true, "-5\n", ""},
		{"there", false, "1234567\n", ""},
		{"link", false, "1234567\n", ""},
		{"long", true, "-5\n", ""},
		{"link", true, "", "symbolic link"},
		{"dangling", false, "", "symbolic link to nothing"},
		{"dangling", true, "", "symbolic link"},
		{"pipe", true, "", "pipe"},
		{"no/folder", false, "", "no such file or directory"},
	}
	for _, tt := range tests {
		var before []byte
		_, had := os.Lstat(in(tt.name))
		if tt.name != "pipe" {
			before, _ = os.ReadFile(in(tt.name))
		}
		undo, err := Write(in(tt.name), -5, tt.overwrite)
		if tt.err != "" {
			must(t, undo())
			if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), in(tt.name)) {
				t.Errorf("%s, overwrite %v: error %v, want one about %q", tt.name, tt.overwrite, err, tt.err)
			}
			continue
		}
		must(t, err)
		if b, err := os.ReadFile(in(tt.name)); err != nil || string(b) != tt.content {
			t.Errorf("%s, overwrite %v: has %q (%v), want %q", tt.name, tt.overwrite, b, err, tt.content)
		}
		must(t, undo())
		b, err := os.ReadFile(in(tt.name))
		if errors.Is(had, os.ErrNotExist) != errors.Is(err, os.ErrNotExist) || !bytes.Equal(b, before) {
			t.Errorf("%s, overwrite %v: has %q (%v) after it was put back, want %q (%v)", tt.name, tt.overwrite, b, err, before, had)
		}
	}
	undo, err := Write(in("long"), 7, true)
	must(t, err)
	must(t, os.WriteFile(in("long"), []byte("8\n"), 0o600))
	must(t, undo())
	if b, _ := os.ReadFile(in("long")); string(b) != "8\n" {
		t.Errorf("what somebody else wrote since was put back to %q", b)
	}
	if b, _ := os.ReadFile(in("there")); string(b) != "1234567\n" {
		t.Errorf("what the link leads to has %q", b)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
