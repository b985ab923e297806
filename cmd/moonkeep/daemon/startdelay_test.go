package daemon

import (
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

func TestStartDelay(t *testing.T) {
	for name, test := range map[string]struct {
		startup, boot  time.Duration
		atLeast, below time.Duration
	}{
		"none":            {0, 0, 0, 1},
		"from the start":  {3 * time.Second, 0, 3 * time.Second, 3*time.Second + 1},
		"long after boot": {3 * time.Second, time.Nanosecond, 3 * time.Second, 3*time.Second + 1},
		// The host has been up for some time, and for less than a century.
		"after boot": {3 * time.Second, 100 * 365 * 24 * time.Hour, time.Hour, 100 * 365 * 24 * time.Hour},
	} {
		got, err := startDelay(&config.Global{StartupDelay: test.startup, DelayAfterBoot: test.boot})
		if err != nil || got < test.atLeast || got >= test.below {
			t.Errorf("%s: %v, %v, want from %v to below %v", name, got, err, test.atLeast, test.below)
		}
	}
}
