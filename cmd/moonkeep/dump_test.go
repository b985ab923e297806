package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDumps holds that the signals that make keepalived dump its state make
// the daemon write it down, to files that only root can read.
func TestDumps(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	stats := filepath.Join(t.TempDir(), "counters")
	p := a.run(t, "global_defs {\n    stats_dump_file "+stats+"\n}\n"+conf(150, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	for _, test := range []struct {
		signal     syscall.Signal
		file, want string
	}{
		{syscall.SIGUSR1, filepath.Join(p.dir, "moonkeep.data"), "MASTER for"},
		{syscall.SIGUSR2, stats, "adverts_sent"},
		{syscall.Signal(36), filepath.Join(p.dir, "moonkeep.json"), `"vrid":`},
	} {
		p.signal(t, test.signal)
		var text []byte
		eventually(t, test.file, func() bool {
			var err error
			text, err = os.ReadFile(test.file)
			return err == nil
		}, p.log.String)
		if !strings.Contains(string(text), test.want) {
			t.Errorf("%s has no %q:\n%s", test.file, test.want, text)
		}
		if info, err := os.Stat(test.file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", test.file, info.Mode(), err)
		}
	}
	var instances []struct {
		Data struct {
			State int `json:"state"`
		} `json:"data"`
	}
	text, err := os.ReadFile(filepath.Join(p.dir, "moonkeep.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &instances); err != nil || len(instances) != 1 || instances[0].Data.State != 2 {
		t.Errorf("got %+v, %v", instances, err)
	}
	p.stop(t)
}
