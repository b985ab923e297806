//go:build linux

package numfile

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watching is a watcher with what it told.
type watching struct {
	t    *testing.T
	told chan Reading
	slow int // how often it took so long that a tick may have done it
}

// watch follows one file.
func watch(t *testing.T, path string) *watching {
	t.Helper()
	x := &watching{t: t, told: make(chan Reading, 100)}
	w := New(map[string]string{"f": path})
	w.Start(func(name string, r Reading) {
		if name != "f" {
			t.Errorf("told of %q", name)
		}
		x.told <- r
	})
	t.Cleanup(func() { must(t, w.Close()) })
	return x
}

// want waits for a reading.
func (x *watching) want(what string, want Reading) {
	x.t.Helper()
	begin := time.Now()
	defer func() {
		if time.Since(begin) > tick/4 {
			x.slow++
		}
	}()
	select {
	case got := <-x.told:
		if got.Failure != "" && want.Failure != "" {
			got.Failure = want.Failure
		}
		if got != want {
			x.t.Errorf("%s: told %+v, want %+v", what, got, want)
		}
	case <-time.After(5 * time.Second):
		x.t.Errorf("%s: nothing was told, want %+v", what, want)
	}
}

// silence holds that nothing more is told.
func (x *watching) silence(what string) {
	x.t.Helper()
	select {
	case got := <-x.told:
		x.t.Errorf("%s: told %+v, want nothing", what, got)
	case <-time.After(5 * settle):
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

// TestWatch goes through all that can happen to a file.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "sub", "load")
	x := watch(t, file)
	x.want("no folder", Reading{Missing: true})
	must(t, os.Mkdir(filepath.Dir(file), 0o755))
	write(t, file, "1\n")
	x.want("folder and file appear", Reading{Value: 1})
	write(t, file, "2\n")
	x.want("it is written", Reading{Value: 2})
	write(t, file, "2\n")
	x.silence("the same again")
	other := filepath.Join(dir, "other")
	write(t, other, "3")
	x.silence("another file")
	must(t, os.Rename(other, file))
	x.want("it is replaced", Reading{Value: 3})
	write(t, file, "4")
	x.want("the one that replaced it is written", Reading{Value: 4})
	write(t, file, "rubbish")
	x.want("rubbish", Reading{Failure: "yes"})
	write(t, file, "5")
	x.want("a number again", Reading{Value: 5})
	must(t, os.Rename(filepath.Dir(file), filepath.Join(dir, "away")))
	x.want("its folder is gone", Reading{Missing: true})
	must(t, os.Rename(filepath.Join(dir, "away"), filepath.Dir(file)))
	x.want("its folder is back", Reading{Value: 5})
	must(t, os.Remove(file))
	x.want("it is removed", Reading{Missing: true})
	must(t, os.Mkdir(file, 0o755))
	x.want("a folder takes its place", Reading{Failure: "yes"})
	if x.slow > 3 { // the machine may be busy now and then
		t.Errorf("%d changes were noticed late: by ticks and not by events", x.slow)
	}
}

// TestWatchOpen: a writer that keeps the file open is noticed, and between its
// truncating and its writing nothing is read.
func TestWatchOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "load")
	write(t, path, "1")
	x := watch(t, path)
	x.want("first", Reading{Value: 1})
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	for i := 2; i < 12; i++ {
		must(t, f.Truncate(0))
		_, err = f.WriteAt([]byte(fmt.Sprint(i)), 0)
		must(t, err)
		x.want("written without closing", Reading{Value: int64(i)})
	}
}

// TestWatchLinks: a link anywhere on the way may be replaced, as those of a
// ConfigMap volume are.
func TestWatchLinks(t *testing.T) {
	dir := t.TempDir()
	for _, v := range []string{"1", "2"} {
		must(t, os.Mkdir(filepath.Join(dir, "version"+v), 0o755))
		write(t, filepath.Join(dir, "version"+v, "load"), v)
	}
	must(t, os.Mkdir(filepath.Join(dir, "volume"), 0o755))
	must(t, os.Symlink("../version1", filepath.Join(dir, "volume", "..data")))
	must(t, os.Symlink("..data/load", filepath.Join(dir, "volume", "load")))
	x := watch(t, filepath.Join(dir, "volume", "load"))
	x.want("first", Reading{Value: 1})
	must(t, os.Symlink(filepath.Join(dir, "version2"), filepath.Join(dir, "volume", "tmp")))
	must(t, os.Rename(filepath.Join(dir, "volume", "tmp"), filepath.Join(dir, "volume", "..data")))
	x.want("a link is replaced", Reading{Value: 2})
	write(t, filepath.Join(dir, "version1", "load"), "9")
	x.silence("where no link leads any more")
	write(t, filepath.Join(dir, "version2", "load"), "3")
	x.want("behind the links", Reading{Value: 3})
}

// TestPermission: nobody but root is kept out by a mode, so the watcher is
// asked as nobody.
func TestPermission(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: to become another user")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "load")
	write(t, path, "1")
	must(t, os.Chmod(path, 0o600))
	// A thread's own file system identity: the others keep theirs.
	var got Reading
	done := make(chan struct{})
	go func() {
		defer close(done)
		lockedAs(t, 65534, func() { got = Read(path) })
	}()
	<-done
	if got.Failure != unix.EACCES.Error() {
		t.Errorf("read %+v, want a failure: permission denied", got)
	}
}

// TestTicks: without inotify a file is read all the same.
func TestTicks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "load")
	write(t, path, "1")
	told := make(chan Reading, 10)
	w := New(map[string]string{"f": path})
	w.tell = func(_ string, r Reading) { told <- r }
	for _, f := range w.files { // as Start, without inotify
		w.wg.Go(f.follow)
	}
	defer w.Close()
	if r := <-told; r.Value != 1 {
		t.Errorf("at first %+v", r)
	}
	write(t, path, "2")
	select {
	case r := <-told:
		if r.Value != 2 {
			t.Errorf("then %+v", r)
		}
	case <-time.After(3 * tick):
		t.Error("nothing was told")
	}
}

// TestMany: each file is told by its name, and one watch serves all in a
// folder.
func TestMany(t *testing.T) {
	dir := t.TempDir()
	paths, want := map[string]string{}, map[string]int64{}
	for i := range 50 {
		name := fmt.Sprint("f", i)
		paths[name], want[name] = filepath.Join(dir, name), int64(i+1)
		write(t, paths[name], "0")
	}
	type one struct {
		name string
		r    Reading
	}
	told := make(chan one, 1000)
	w := New(paths)
	w.Start(func(name string, r Reading) { told <- one{name, r} })
	defer w.Close()
	for range paths {
		<-told
	}
	w.mu.Lock()
	folders := 0
	for _, names := range w.spots {
		if len(names) == len(paths) {
			folders++
		}
	}
	w.mu.Unlock()
	if folders != 1 {
		t.Errorf("%d folders with all names are watched, want 1", folders)
	}
	for name, value := range want {
		write(t, paths[name], fmt.Sprint(value))
	}
	got := map[string]int64{}
	for deadline := time.After(5 * time.Second); !reflect.DeepEqual(got, want); {
		select {
		case o := <-told:
			got[o.name] = o.r.Value
		case <-deadline:
			t.Fatalf("told %v, want %v", got, want)
		}
	}
}

// TestClosed: nothing is told after Close, which may be called twice and
// without Start.
func TestClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "load")
	told := make(chan Reading, 10)
	w := New(map[string]string{"f": path})
	w.Start(func(_ string, r Reading) { told <- r })
	<-told
	must(t, w.Close())
	must(t, w.Close())
	write(t, path, "1")
	w.files[0].report(Reading{Value: 1}, false)
	select {
	case r := <-told:
		t.Errorf("told %+v after Close", r)
	case <-time.After(3 * settle):
	}
	must(t, New(map[string]string{"f": path}).Close())
}

// TestHung: a read that does not end makes the file of no use, until it ends.
func TestHung(t *testing.T) {
	var told []Reading
	w := New(map[string]string{"f": "/x"})
	w.tell = func(_ string, r Reading) { told = append(told, r) }
	f := w.files[0]
	late := Reading{Failure: "late"}
	f.report(late, true)
	if told != nil {
		t.Errorf("told %+v though nothing is read", told)
	}
	f.reading = true
	f.report(late, true)
	f.reading = false
	f.report(Reading{Value: 1}, false)
	f.report(late, true)
	if want := []Reading{late, {Value: 1}}; !reflect.DeepEqual(told, want) {
		t.Errorf("told %+v, want %+v", told, want)
	}
}

func TestWay(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "a"), 0o755))
	write(t, filepath.Join(dir, "a", "f"), "")
	must(t, os.Symlink("../a/./f", filepath.Join(dir, "a", "l")))
	base := way(dir) // it ends with the folder itself, as if it were the file
	base = append(base[:len(base)-1:len(base)-1], step{dir, "a"})
	real := append(base[:len(base):len(base)], step{dir + "/a", "l"}, step{dir, "a"}, step{dir + "/a", "f"}, step{dir + "/a/f", ""})
	if got := way(dir + "/a/l"); !reflect.DeepEqual(got, real) {
		t.Errorf("way to the link is %v, want %v", got, real)
	}
	if got, want := way(dir+"/a/no/where"), append(base[:len(base):len(base)], step{dir + "/a", "no"}); !reflect.DeepEqual(got, want) {
		t.Errorf("way to nowhere is %v, want %v", got, want)
	}
	must(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	if got := way(dir + "/loop"); len(got) > mostLinks+20 {
		t.Errorf("a loop has %d steps", len(got))
	}
}
