package notify

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/program"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Real programs, the first of them slow, one that never ends, one missing:
// the file they write to ends with the final state.
func TestRealPrograms(t *testing.T) {
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
	write := func(name, text string) *Program {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
		return prog(path)
	}
	out := filepath.Join(dir, "out")
	n, log := newNotifier(t, Options{
		Run:     s.Run,
		Timeout: 500 * time.Millisecond,
		Plan: Plan{Targets: map[Key]*Target{instance("A"): {
			Backup: write("slow", "sleep 0.2; echo slow >>"+out),
			Master: write("endless", "echo endless >>"+out+"; sleep 60"),
			Fault:  prog(filepath.Join(dir, "none")),
			Any:    write("any", `echo "$@" $MOONKEEP_FROM $MOONKEEP_SEQ >>`+out),
		}}},
	})
	begin := time.Now()
	n.Notify(change(vrrp.Backup, 1))
	n.Notify(change(vrrp.Master, 2))
	n.Notify(change(vrrp.Fault, 3))
	if took := time.Since(begin); took > 50*time.Millisecond {
		t.Errorf("Notify took %s", took)
	}
	idle(t, n)
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want := "slow\nINSTANCE A BACKUP 97 INIT 1\nendless\nINSTANCE A MASTER 97 INIT 2\nINSTANCE A FAULT 97 INIT 3\n"
	if string(got) != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, line := range []string{
		fmt.Sprintf(`state=MASTER seq=2 program=%s/endless result="timed out after `, dir),
		fmt.Sprintf(`state=FAULT seq=3 program=%[1]s/none result="could not run: program %[1]s/none does not exist;`, dir),
	} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("%q is not in the log:\n%s", line, log)
		}
	}
}
