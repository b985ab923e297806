package program

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestUnprotects: what is spared when memory is short is as anything else afterwards, and
// what is not stays as it is.
func TestUnprotects(t *testing.T) {
	path := filepath.Join(t.TempDir(), "oom_score_adj")
	for _, test := range [][2]string{{"-900\n", "0"}, {"0\n", "0\n"}, {"500\n", "500\n"}} {
		if err := os.WriteFile(path, []byte(test[0]), 0o600); err != nil {
			t.Fatal(err)
		}
		Unprotect(path)
		if got, err := os.ReadFile(path); err != nil || string(got) != test[1] {
			t.Errorf("%q became %q, %v; want %q", test[0], got, err, test[1])
		}
	}
}

// notYet waits until the shell is spared no more, which it is for a moment; at most 10 s.
const notYet = `i=0; until [ "$(cat /proc/$$/oom_score_adj)" = 0 ] || [ $((i+=1)) -gt 200 ]; do sleep 0.05; done; `

// protect makes the daemon one of the last that end, and has it run a program that tells
// what that one is.
func protect() {
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("-100"), 0); err != nil {
		fmt.Print("cannot")
		return
	}
	s, err := NewStarter(Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	o := s.Run(noContext, Spec{Argv: []string{"sh", "-c", notYet + "cat /proc/$$/oom_score_adj /proc/$PPID/oom_score_adj"}, User: "nobody"})
	fmt.Printf("%s", o.Output)
}

// TestProgramIsNotSpared: a program that takes all memory is ended before the daemon,
// which is not.
func TestProgramIsNotSpared(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: nobody else may protect itself")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), protectEnv+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if string(out) == "cannot" {
		t.Log("root may not here, either: it lacks CAP_SYS_RESOURCE")
		return
	}
	if string(out) != "0\n-100\n" {
		t.Errorf("the program and the daemon have %q", out)
	}
}
