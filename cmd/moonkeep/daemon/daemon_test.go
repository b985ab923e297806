package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/control"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// TestMain lets the test binary be what the daemon starts of its own program: the
// launcher of plugins, and a checker.
func TestMain(m *testing.M) {
	if pluginhost.IsLaunch() {
		pluginhost.Launch()
	}
	ServeChecker(os.Args)
	os.Exit(m.Run())
}

// luaDir returns a folder with files.
func luaDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestSettle: what the node works with is not closed while a reload is under way,
// whoever asked for it, and no reload begins after that.
func TestSettle(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	close(ended)
	for asker, begin := range map[string]func(d *daemon) (heard <-chan struct{}, end func()){
		"SIGHUP": func(*daemon) (<-chan struct{}, func()) {
			heard := make(chan struct{})
			return heard, func() { close(heard) }
		},
		"the control socket": func(d *daemon) (<-chan struct{}, func()) {
			d.reloading.Lock()
			return ended, d.reloading.Unlock
		},
	} {
		d := &daemon{log: slog.New(slog.DiscardHandler)}
		heard, end := begin(d)
		settled := make(chan struct{})
		go func() {
			defer close(settled)
			d.settle(heard)
		}()
		select {
		case <-settled:
			t.Errorf("closed during a reload that %s asked for", asker)
		case <-time.After(50 * time.Millisecond):
		}
		end()
		<-settled
		if _, err := d.reload(t.Context(), false); !errors.Is(err, errOver) {
			t.Errorf("a reload after that: %v, want %v", err, errOver)
		}
	}
}

// TestReloadWhileStopping: one that is asked for on the control socket while the
// daemon stops is not taken for done, nor begun.
func TestReloadWhileStopping(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	garbage, begun := newCollection()
	begun(0)
	d := &daemon{log: slog.New(slog.DiscardHandler), garbage: garbage, opts: &Options{Configs: []string{filepath.Join(t.TempDir(), "absent.conf")}}, config: &config.Config{}, ctx: ctx}
	out, err := d.Reload(t.Context(), control.ReloadRequest{})
	if err != nil || out.Error != errOver.Error() || d.reloadError != "" {
		t.Errorf("%+v, %v, and it remembers %q; want %q", out, err, d.reloadError, errOver)
	}
}

// TestSettleInTime: a reload that does not end keeps nobody from stopping.
func TestSettleInTime(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	d := &daemon{log: slog.New(slog.NewTextHandler(&log, nil))}
	heard := make(chan struct{})
	defer close(heard)
	d.settle(heard)
	if !strings.Contains(log.String(), "a reload is still under way") {
		t.Errorf("the log says %q", log.String())
	}
}

// TestAnswer: that the control socket answers nobody any more is said when it
// happens, not at the stop.
func TestAnswer(t *testing.T) {
	t.Parallel()
	for _, err := range []error{errors.New("accept: too many open files"), nil} {
		var log strings.Builder
		<-answer(func() error { return err }, slog.New(slog.NewTextHandler(&log, nil)))
		if said := strings.Contains(log.String(), "level=ERROR") && strings.Contains(log.String(), "too many open files"); said != (err != nil) {
			t.Errorf("%v: the log says %q", err, log.String())
		}
	}
}
