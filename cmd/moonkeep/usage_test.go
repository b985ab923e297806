package main

import (
	"strings"
	"testing"
)

// TestWrongCommands: who mistypes a command is not told that all is well.
func TestWrongCommands(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ line, want string }{
		{"serve", `unknown command "serve" for "moonkeep"`},
		{"server drian 192.0.2.1", `unknown command "drian" for "moonkeep server", did you mean drain?`},
		{"plugin tst x", `unknown command "tst" for "moonkeep plugin", did you mean list or test?`},
		{"lua nothing-like-it", "`moonkeep lua --help` says which there are"},
		{"plugin info", "received 0; usage: moonkeep plugin info NAME|PATH"},
		{"run a.conf", `moonkeep run takes no argument, and "a.conf" is one; a file is named by -c: moonkeep run -c a.conf`},
		{"run -f a.conf", "unknown shorthand flag: 'f' in -f: a file is named by -c: moonkeep run -c FILE"},
		{"status VI_1", `moonkeep status takes no argument, and "VI_1" is one; usage: moonkeep status`},
		{"plan --config a.conf", "unknown flag: --config: the file stands by itself: moonkeep plan FILE"},
		{"doctor -f a.conf", "'f' in -f: the file stands by itself: moonkeep doctor FILE"},
		{"plan", "received 0; usage: moonkeep plan FILE"},
		{"weight 192.0.2.1 -5", `"-5" is no weight: a number from 0 (no new connections), or auto`},
		{"server weight 192.0.2.1 -x", "`moonkeep server weight --help` says which there are"},
		{"digest", "received 0; usage: moonkeep digest URL"},
	} {
		status, out, stderr := runLine(strings.Fields(test.line)...)
		if status != 2 || out != "" || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: status %d, %q, %q; want %q", test.line, status, out, stderr, test.want)
		}
	}
	if status, out, _ := runLine("plugin"); status != 0 || !strings.Contains(out, "Available Commands:") {
		t.Errorf("status %d: %s", status, out)
	}
}
