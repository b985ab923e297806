//go:build linux

package processes

import (
	"strings"
	"testing"
)

// FuzzMessage reads what the process connector may send.
func FuzzMessage(f *testing.F) {
	f.Add(message(eventFork, 5, 5, 7, 7))
	f.Add(message(eventExec, 5, 5))
	f.Add(message(eventExit, 5, 5, 0, 9, 1, 1))
	f.Add(message(eventFork, 5, 5, 7))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		pid, alive, ok := parseChange(b)
		what, data := parseEvent(b)
		if ok && (what == eventNone || len(data) < 8 || alive == (what == eventExit)) {
			t.Errorf("process %d, alive %t, out of event %#x with %x", pid, alive, what, data)
		}
	})
}

// FuzzStat reads what a process can make its own lines in /proc.
func FuzzStat(f *testing.F) {
	f.Add("7 (sleep) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5", "sleep\x0060\x00")
	f.Add("7 (a) b) Z (x) S 1) Z 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 2 0 5", "\x00\x00")
	f.Add("7 )(", "x")
	f.Fuzz(func(t *testing.T, stat, command string) {
		if comm, runs := parseStat(stat); runs && !strings.Contains(stat, "("+comm+")") {
			t.Errorf("%q: the name is %q", stat, comm)
		}
		if words := parseCommand(command); command != "" && strings.Join(words, "\x00") != strings.TrimSuffix(command, "\x00") {
			t.Errorf("%q: the words are %q", command, words)
		}
	})
}
