package daemon

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// TestProgramByHand: a program that is run by hand has misc_timeout, as with the daemon.
func TestProgramByHand(t *testing.T) {
	for options, want := range map[string]time.Duration{
		`{"misc_path": ["/bin/sleep", "50"], "misc_timeout": "1m30s"}`: 90 * time.Second,
		`{"misc_path": ["/bin/true"]}`:                                 5 * time.Second,
	} {
		c := pluginhost.Subject{Kind: "MISC_CHECK", Options: json.RawMessage(options), Target: checker.Target{Timeout: 5 * time.Second}}
		if err := FinishCheck(&c, ""); err != nil || c.Target.Timeout != want {
			t.Errorf("%s: %v, has %v, want %v", options, err, c.Target.Timeout, want)
		}
	}
}
