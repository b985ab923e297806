package lua

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The check of examples/nginx-ha says yes while the server answers, and no
// with a reason when it does not; the restart is asked for once an outage, and
// only when it is granted and named.
func TestNginxExampleCheck(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer server.Close()
	bin := write(t, map[string]string{"systemctl": "#!/bin/sh\necho \"$@\" >> \"${0%/*}/calls\"\n"})
	if err := os.Chmod(filepath.Join(bin, "systemctl"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	script, err := Compile("../examples/nginx-ha/checks/nginx.lua")
	if err != nil {
		t.Fatal(err)
	}
	start := func(o Options) *Runner {
		r, err := script.NewRunner(o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	plain := start(Options{Args: map[string]any{"url": server.URL}})
	restarting := start(Options{Allow: []string{GrantExec}, Args: map[string]any{"url": server.URL, "restart": "nginx"}})
	forbidden := start(Options{Args: map[string]any{"url": server.URL, "restart": "nginx"}})
	down := start(Options{Args: map[string]any{"url": "http://" + closedAddress(t)}})
	steps := []struct {
		status  int
		r       *Runner
		ok      bool
		message string
		err     string
	}{
		{200, plain, true, "^$", ""},
		{404, plain, true, "^$", ""},
		{502, plain, false, "^http://.* answers 502$", ""},
		{200, down, false, "^n.*nginx.*http://.*connection refused$", ""},
		{200, restarting, true, "^$", ""},
		{502, restarting, false, "answers 502; nginx was restarted$", ""},
		{502, restarting, false, "answers 502$", ""},
		{200, restarting, true, "^$", ""},
		{502, restarting, false, "answers 502; nginx was restarted$", ""},
		{502, forbidden, false, "^$", "allow: [exec]"},
	}
	for i, step := range steps {
		status = step.status
		ok, message, err := step.r.Check(within(t, 2*time.Second))
		if ok != step.ok || !regexp.MustCompile(step.message).MatchString(message) {
			t.Errorf("step %d: %v %q", i, ok, message)
		}
		if step.err == "" && err != nil || step.err != "" && (err == nil || !strings.Contains(err.Error(), step.err)) {
			t.Errorf("step %d: error %v, want %q", i, err, step.err)
		}
	}
	calls, err := os.ReadFile(filepath.Join(bin, "calls"))
	if want := strings.Repeat("--no-block restart nginx\n", 2); err != nil || string(calls) != want {
		t.Errorf("systemctl was called with %q, %v; want %q", calls, err, want)
	}
}

func TestNginxExampleNotify(t *testing.T) {
	script, err := Compile("../examples/nginx-ha/notify.lua")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "changes.log")
	r, err := script.NewRunner(Options{Allow: []string{GrantWrite}, Args: map[string]any{"file": path}})
	if err != nil {
		t.Fatal(err)
	}
	event := Event{Instance: "VI_1", From: "BACKUP", To: "MASTER", Why: "no advert for 3.6s", Priority: 90, Addresses: []string{"192.168.1.100/24"}, Node: "lb-b"}
	for range 2 {
		if err := r.Notify(within(t, time.Second), event); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	line := `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d lb-b: VI_1 BACKUP -> MASTER, priority 90, 192\.168\.1\.100/24 \(no advert for 3\.6s\)` + "\n"
	if err != nil || !regexp.MustCompile("^"+line+line+"$").Match(text) {
		t.Errorf("wrote %q, %v", text, err)
	}
	for name, o := range map[string]Options{
		"args.file is missing": {Allow: []string{GrantWrite}},
		"allow: [write]":       {Args: map[string]any{"file": path}},
		"not a directory":      {Allow: []string{GrantWrite}, Args: map[string]any{"file": fmt.Sprint(path, "/none/x")}},
	} {
		r, err := script.NewRunner(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Notify(within(t, time.Second), event); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %q", err, name)
		}
	}
}
