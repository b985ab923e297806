package main

import (
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/control"
)

// TestStatusOfNotifications holds what status says of what was told, and that
// it says nothing where there is nothing to tell.
func TestStatusOfNotifications(t *testing.T) {
	for name, tt := range map[string]struct {
		n    control.Notifications
		want string
	}{
		"nothing": {control.Notifications{}, ""},
		"programs": {control.Notifications{Told: 3, Failed: 1, Waiting: 2, Dropped: 4},
			"\nnotifications\n  programs   3 run, 1 failed, 2 waiting, 4 dropped\n"},
		"all": {control.Notifications{FIFOs: []control.FIFO{{Path: "/run/f", Written: 5, Dropped: 6}}, Mail: &control.Mail{Waiting: 1, Sent: 2, Failed: 3, Dropped: 4}},
			"\nnotifications\n  programs   0 run, 0 failed, 0 waiting, 0 dropped\n  FIFO       /run/f: 5 lines, 6 dropped\n  mail       2 sent, 3 failed, 1 waiting, 4 dropped\n"},
	} {
		var b strings.Builder
		if printNotifications(&b, &tt.n); b.String() != tt.want {
			t.Errorf("%s: got %q, want %q", name, b.String(), tt.want)
		}
	}
}
