//go:build linux

// Package dialtest gives tests of checks a network whose firewall refuses what they
// send. It is for tests only.
package dialtest

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Refusing calls f on a thread in a network namespace of its own, whose loopback
// interface is up, after lines were run there: commands with blanks between their words.
// rules are what its firewall does with what comes in, as nft has them. It returns when
// f has, and skips the test where that cannot be.
func Refusing(t *testing.T, lines, rules []string, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: a network namespace of its own")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("needs nft: it makes the kernel say that a way is prohibited")
	}
	all := slices.Concat([]string{"ip link set lo up"}, lines, []string{"nft add table inet f", "nft add chain inet f in { type filter hook input priority 0; }"})
	for _, rule := range rules {
		all = append(all, "nft add rule inet f in "+rule)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			t.Errorf("make a network namespace: %v", err)
			return
		}
		for _, line := range all {
			words := strings.Fields(line)
			if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", line, err, out)
				return
			}
		}
		f()
	}()
	<-done
}
