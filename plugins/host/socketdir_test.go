//go:build linux

package host

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-plugin"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/plugins/checker"
)

// fill makes files in the directory of the socket, as many as it can, and returns how many.
func fill(most int) (n int) {
	for n < most {
		f, err := os.Create(filepath.Join(os.Getenv(plugin.EnvUnixSocketDir), fmt.Sprint("f", n)))
		if err != nil {
			return n
		}
		f.Close()
		n++
	}
	return n
}

func init() {
	actions["fill"] = func(context.Context, checker.Target) checker.Result {
		return checker.Result{Verdict: checker.OK, Message: fmt.Sprint(fill(1000))}
	}
}

// TestFillsDirectory: a plugin that makes files without an end, of which each takes
// memory of a file system that others need, is ended; one that serves can make none.
func TestFillsDirectory(t *testing.T) {
	o := quick(t)
	o.Retry = time.Minute
	s := newSite(t, o)
	most := 0
	c := check(0, "FILLS", "ok")
	c.Limit, c.Patience = time.Second, 2*time.Second
	s.open(Plan{Checks: []Check{c}})
	s.eventually("it is ended for what it made", func() bool {
		names, _ := filepath.Glob(filepath.Join(o.Dir, "plugin-dir*", "*"))
		most = max(most, len(names))
		return strings.Contains(s.status().Reason, errFiles.Error())
	})
	t.Logf("%d files were seen", most)
	if a := s.probe(0); a.Verdict != health.Unknown {
		t.Errorf("%+v", a)
	}
	s.eventually("nothing is left", func() bool {
		names, err := os.ReadDir(o.Dir)
		return err == nil && len(names) == 0
	})
}

func TestServesWithoutDirectory(t *testing.T) {
	o := quick(t)
	s := newSite(t, o)
	s.open(Plan{Checks: []Check{check(0, "GOOD", "fill"), check(1, "HOSTILE", "ok")}})
	if a := s.probe(0); a.Message != "0" {
		t.Errorf("a plugin that serves made %s files", a.Message)
	}
	if a := s.probe(1); a.Verdict != health.OK {
		t.Errorf("%+v", a)
	}
	if names, err := os.ReadDir(o.Dir); err != nil || len(names) != 0 {
		t.Errorf("there are %v, %v", names, err)
	}
}
