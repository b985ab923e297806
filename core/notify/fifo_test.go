package notify

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/program"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// readLines reads what is in a FIFO and no more.
func readLines(t *testing.T, path string) (lines []string) {
	t.Helper()
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	var all []byte
	buf := make([]byte, 1<<16)
	for {
		n, err := syscall.Read(fd, buf)
		if n <= 0 || err != nil {
			break
		}
		all = append(all, buf[:n]...)
	}
	for line := range strings.Lines(string(all)) {
		lines = append(lines, line)
	}
	return lines
}

// written waits until the FIFOs have settled so many lines.
func written(t *testing.T, n *Notifier, lines uint64) []FIFOCounts {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		var sum uint64
		c := n.Counts().FIFOs
		for _, f := range c {
			sum += f.Written + f.Dropped
		}
		if sum >= lines {
			return c
		}
		if time.Now().After(end) {
			t.Fatalf("%+v, want %d lines", c, lines)
		}
	}
}

// TestFIFOLines holds keepalived's forms, in the order in which things
// happened, whatever programs take their time meanwhile.
func TestFIFOLines(t *testing.T) {
	dir := t.TempDir()
	vrrpOnly, all, servers := filepath.Join(dir, "v"), filepath.Join(dir, "a"), filepath.Join(dir, "s")
	r := &recorder{hold: make(chan struct{})}
	defer close(r.hold)
	n, _ := newNotifier(t, Options{Run: r.run, Plan: Plan{
		Targets: map[Key]*Target{instance("A"): {Any: prog("any")}, instance("B"): {TellDeleted: true}, {Group: true, Name: "G 1"}: {}},
		FIFOs:   []FIFO{{Path: vrrpOnly, Routers: true}, {Path: all, Routers: true}, {Path: servers}},
	}})
	same := func(name string, of node.Occasion, role vrrp.Role) node.Change {
		return node.Change{Occasion: of, Name: name, From: role, To: role, Priority: 97}
	}
	for _, c := range []node.Change{
		{Name: "A", To: vrrp.Backup, Priority: 100},
		{Name: "B", From: vrrp.Backup, To: vrrp.Master, Priority: 255},
		{Group: true, Name: "G 1", To: vrrp.Master, Priority: 9},
		same("A", node.PriorityChanged, vrrp.Backup),
		same("A", node.PriorityChanged, vrrp.Master),
		same("A", node.LowerHeard, vrrp.Master),
		same("A", node.Standing, vrrp.Fault),
		{Group: true, Occasion: node.Standing, Name: "G 1", From: vrrp.Fault, To: vrrp.Fault},
		{Name: "A", From: vrrp.Backup, To: vrrp.Fault, Priority: 97},
		{Name: "A", From: vrrp.Fault, To: vrrp.Init, Priority: 97},
		{Name: "nobody", To: vrrp.Master},
		{Name: "A", From: vrrp.Master, To: vrrp.Init, Stop: true, Priority: 97},
		{Name: "B", From: vrrp.Master, To: vrrp.Init, Deleted: true, Priority: 5},
		{Name: "A", From: vrrp.Master, To: vrrp.Init, Deleted: true, Priority: 5},
	} {
		n.Notify(c)
	}
	want := []string{
		"INSTANCE \"A\" BACKUP 100\n", "INSTANCE \"B\" MASTER 255\n", "GROUP \"G 1\" MASTER 0\n",
		"INSTANCE \"A\" BACKUP_PRIORITY 97\n", "INSTANCE \"A\" MASTER_PRIORITY 97\n", "INSTANCE \"A\" MASTER_RX_LOWER_PRI 97\n",
		"INSTANCE \"A\" FAULT 97\n", "GROUP \"G 1\" FAULT 0\n", "INSTANCE \"A\" FAULT 97\n",
		"INSTANCE \"A\" STOP 97\n", "INSTANCE \"B\" DELETED 5\n", "INSTANCE \"A\" FAULT 5\n",
	}
	written(t, n, 2*uint64(len(want)))
	for path, want := range map[string][]string{vrrpOnly: want, all: want, servers: nil} {
		if got := readLines(t, path); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", filepath.Base(path), got, want)
		}
	}
}

// TestFIFOFiles holds who makes, owns and removes the files.
func TestFIFOFiles(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(path("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path("file"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("theirs", path("link")); err != nil {
		t.Fatal(err)
	}
	mine := FIFO{Path: path("mine")}
	uid := uint32(os.Geteuid())
	if u, err := user.Lookup("nobody"); err == nil && uid == 0 {
		mine.User = "nobody"
		id, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		uid = uint32(id)
	}
	r := new(recorder)
	n, _ := newNotifier(t, Options{Run: r.run, Plan: Plan{FIFOs: []FIFO{mine, {Path: path("theirs"), User: mine.User}}}})
	for name, want := range map[string]struct {
		mode fs.FileMode
		uid  uint32
	}{"mine": {0o644, uid}, "theirs": {0o600, uint32(os.Geteuid())}} {
		info, err := os.Lstat(path(name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Sys().(*syscall.Stat_t).Uid; info.Mode() != fs.ModeNamedPipe|want.mode || got != want.uid {
			t.Errorf("%s: mode %v of %d, want %04o of %d", name, info.Mode(), got, want.mode, want.uid)
		}
	}
	for what, bad := range map[string]FIFO{
		"it is there and no FIFO":         {Path: path("file")},
		"no FIFO (mode L":                 {Path: path("link")},
		"no such file or directory":       {Path: path("no/where")},
		`there is no such user; create`:   {Path: path("new"), User: "nosuchuser"},
		`there is no group "nosuchgroup"`: {Path: path("new"), Group: "nosuchgroup"},
	} {
		if err := n.Adopt(Plan{FIFOs: []FIFO{mine, {Path: path("other")}, bad}}); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%+v: got %v, want %s", bad, err, what)
		}
	}
	n.Notify(node.Change{Name: "A", To: vrrp.Master}) // the plan without A is there still
	there := func() (names []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	if got, want := there(), []string{"file", "link", "mine", "theirs"}; !slices.Equal(got, want) {
		t.Errorf("after refused plans there are %q, want %q", got, want)
	}
	n.Close()
	if got, want := there(), []string{"file", "link", "theirs"}; !slices.Equal(got, want) {
		t.Errorf("in the end there are %q, want %q", got, want)
	}
	if err := n.Adopt(Plan{}); err == nil {
		t.Error("a plan is adopted after Close")
	}
}

// TestAFullFIFO holds that what nobody reads is dropped, told once, and costs
// who notifies nothing.
func TestAFullFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	n, log := newNotifier(t, Options{Run: new(recorder).run, Plan: Plan{Targets: map[Key]*Target{instance("A"): {}}, FIFOs: []FIFO{{Path: path, Routers: true}}}})
	const many = 5000
	var worst time.Duration
	for i := range uint64(many) {
		begin := time.Now()
		n.Notify(change(vrrp.Master, i))
		worst = max(worst, time.Since(begin))
		if i%500 == 0 {
			written(t, n, i) // or the queue before it would be full
		}
	}
	got := written(t, n, many)[0]
	if got.Dropped == 0 || got.Written == 0 {
		t.Errorf("got %+v of a FIFO that nobody reads", got)
	}
	if worst > 100*time.Millisecond {
		t.Errorf("Notify took %s", worst)
	}
	if lines := readLines(t, path); uint64(len(lines)) != got.Written {
		t.Errorf("%d lines are there, want the %d that were written", len(lines), got.Written)
	}
	n.Notify(change(vrrp.Backup, many))
	written(t, n, many+1)
	if lines := readLines(t, path); len(lines) != 1 || lines[0] != "INSTANCE \"A\" BACKUP 97\n" {
		t.Errorf("then %q is read", lines)
	}
	if s := log.String(); strings.Count(s, "lines to a FIFO are dropped") != 1 || strings.Count(s, fmt.Sprintf("a FIFO has a reader again\" fifo=%s dropped=%d", path, got.Dropped)) != 1 {
		t.Errorf("got log\n%s", s)
	}
}

// TestAFIFOStaysOpenOverAReload holds that who reads it sees no end, and that
// one which is no longer named goes.
func TestAFIFOStaysOpenOverAReload(t *testing.T) {
	dir := t.TempDir()
	stays, goes := FIFO{Path: filepath.Join(dir, "stays"), Routers: true}, FIFO{Path: filepath.Join(dir, "goes"), Routers: true}
	targets := map[Key]*Target{instance("A"): {}}
	n, _ := newNotifier(t, Options{Run: new(recorder).run, Plan: Plan{Targets: targets, FIFOs: []FIFO{goes, stays}}})
	f, err := os.Open(stays.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewReader(f)
	next := func(want string) {
		t.Helper()
		if line, err := in.ReadString('\n'); line != want+"\n" {
			t.Errorf("got %q, %v, want %q", line, err, want)
		}
	}
	n.Notify(change(vrrp.Backup, 1))
	next(`INSTANCE "A" BACKUP 97`)
	if err := n.Adopt(Plan{Targets: targets, FIFOs: []FIFO{stays}}); err != nil {
		t.Fatal(err)
	}
	n.Notify(change(vrrp.Master, 2))
	next(`INSTANCE "A" MASTER 97`)
	if _, err := os.Lstat(goes.Path); !os.IsNotExist(err) {
		t.Errorf("%s is there still: %v", goes.Path, err)
	}
	if c := written(t, n, 2); len(c) != 1 || c[0].Written != 2 {
		t.Errorf("got %+v, want 2 lines to the one that stayed", c)
	}
}

// TestReaders holds that a reader is started with the path, that it gets the
// last line before it ends, and that a reload starts it anew.
func TestReaders(t *testing.T) {
	s, err := program.NewStarter(program.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	dir := t.TempDir()
	out, script := filepath.Join(dir, "out"), filepath.Join(dir, "read.sh")
	text := `#!/bin/sh
[ -e ` + dir + `/failed ] || { : >` + dir + `/failed; echo broken; exit 7; }
echo "start $*" >>` + out + `
trap 'echo told to end >>` + out + `; exit 0' TERM
exec 3<"$2"
while read -r line <&3; do sleep 0.05; echo "$line" >>` + out + `; done
echo end >>` + out + "\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "f")
	plan := Plan{Targets: map[Key]*Target{instance("A"): {}}, FIFOs: []FIFO{{Path: path, Routers: true, Script: prog(script, "arg")}}}
	n, log := newNotifier(t, Options{Run: s.Run, Plan: plan})
	read := func() string {
		b, _ := os.ReadFile(out) // is not there at first
		return string(b)
	}
	await := func(want string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); read() != want; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("got\n%swant\n%sthe log:\n%s", read(), want, log)
			}
		}
	}
	n.Notify(change(vrrp.Backup, 1))
	want := "start arg " + path + "\nINSTANCE \"A\" BACKUP 97\n"
	await(want)
	if !strings.Contains(log.String(), `result="exit status 7: broken" after=1s`) {
		t.Errorf("the failure of the first is not in the log:\n%s", log)
	}
	if err := n.Adopt(plan); err != nil {
		t.Fatal(err)
	}
	want += "told to end\nstart arg " + path + "\n"
	await(want)
	for seq := uint64(2); seq < 12; seq++ {
		n.Notify(change(vrrp.Master, seq))
		want += "INSTANCE \"A\" MASTER 97\n"
	}
	n.Notify(node.Change{Name: "A", From: vrrp.Master, To: vrrp.Init, Stop: true, Priority: 97})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := n.Drain(ctx); err != nil {
		t.Error(err)
	}
	n.Close()
	want += "INSTANCE \"A\" STOP 97\nend\n"
	if got := read(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
