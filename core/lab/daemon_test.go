//go:build linux

package lab

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config/keepalived"
)

func TestKeepalivedPrepare(t *testing.T) {
	const text = `vrrp_script chk {
	script "/nowhere/chk.sh -v"   # kept
	interval 2
}
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	virtual_ipaddress {
		192.0.2.100/24
	}
	track_script {
		chk
	}
	notify_master "/nowhere/notify.sh master"
	notify_backup "/bin/true backup"
}
`
	plan := planOf(t, text)
	dir := t.TempDir()
	site := Site{Node: plan.Nodes[0], Dir: dir, RunDir: dir, CheckDir: "/checks"}
	k := Keepalived{Binary: "/sbin/kd", Rewrite: keepalived.Rewrite}
	notes, err := k.Prepare(site)
	if err != nil {
		t.Fatal(err)
	}
	wantNotes := []string{
		"a: programs to notify that are not on this machine are left out: /nowhere/notify.sh",
		`a: keepalived's checks pass until "fail a SCRIPT"; their programs are not run`,
	}
	if !slices.Equal(notes, wantNotes) {
		t.Errorf("notes %q, want %q", notes, wantNotes)
	}
	got, err := os.ReadFile(filepath.Join(dir, "keepalived.conf"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(
		`"/nowhere/chk.sh -v"`, `"/usr/bin/test ! -e /checks/chk.fail"`,
		`"/nowhere/notify.sh master"`, `"/bin/true"`,
	).Replace(text)
	if string(got) != want {
		t.Errorf("the copy is\n%s\nwant\n%s", got, want)
	}
	if err := touch(filepath.Join(dir, "vrrp.pid")); err != nil {
		t.Fatal(err)
	}
	if args := k.Command(site).Args; args[0] != "/sbin/kd" || !slices.Contains(args, "-n") || !slices.Contains(args, filepath.Join(dir, "keepalived.conf")) {
		t.Errorf("command %q", args)
	}
	if _, err := os.Stat(filepath.Join(dir, "vrrp.pid")); err == nil {
		t.Error("the pid file of a killed keepalived is still there")
	}
}
