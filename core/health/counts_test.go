package health

import (
	"fmt"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/mono"
)

// TestCountsOfKeepalived holds after how many runs a server goes and returns. Each row
// was counted at servers that keepalived 2.2.7 checked: O is a run that is right, F one
// that is not, and down@4 says that the table of IPVS had no server after the fourth.
func TestCountsOfKeepalived(t *testing.T) {
	for _, test := range []struct {
		check      string // whose runs were counted
		retry      int
		alpha      bool
		rise       int
		first      First
		runs, want string
	}{
		{"TCP_CHECK", 1, false, 0, ByAlpha, "FFFOOO", "down@1 up@4"},
		{"TCP_CHECK", 3, false, 0, ByAlpha, "FOFFFFFOOO", "down@1 up@2 down@6 up@8"},
		{"TCP_CHECK", 0, false, 0, ByAlpha, "OOFOFO", "down@3 up@4 down@5 up@6"},
		{"TCP_CHECK", 2, false, 0, ByAlpha, "OFFFF", "down@4"},
		{"SMTP_CHECK", 1, false, 0, Counted, "OOFFFFFFOOOO", "down@4 up@9"},
		{"SMTP_CHECK", 3, false, 0, Counted, "OFFOFFFOFFFFFFOO", "down@12 up@15"},
		{"SMTP_CHECK", 0, false, 0, Counted, "OOFOFOOFFOO", "down@3 up@4 down@5 up@6 down@8 up@10"},
		{"SMTP_CHECK", 2, false, 0, Counted, "OFFFFOOO", "down@4 up@6"},
		{"SMTP_CHECK", 2, true, 0, ByAlpha, "FFFOOFFFFOO", "up@4 down@8 up@10"},
		{"SMTP_CHECK", 2, true, 0, ByAlpha, "OOFFFFOO", "up@1 down@5 up@7"},
		{"SMTP_CHECK", 1, false, 0, Counted, "OOFFFFOO", "down@4 up@7"},
		// An HTTP_GET of keepalived's takes two runs to return.
		{"HTTP_GET", 1, false, 2, ByAlpha, "OOFFFFFFOOOO", "down@4 up@10"},
		{"HTTP_GET", 1, false, 2, ByAlpha, "FFFOOOFFFFOO", "down@1 up@5 down@8 up@12"},
		{"HTTP_GET", 3, false, 2, ByAlpha, "OFFOFFFOFFFFFFOO", "down@12 up@16"},
		{"HTTP_GET", 2, false, 2, ByAlpha, "OFFFFOOO", "down@4 up@7"},
		// So it does with alpha after a failure.
		{"HTTP_GET", 1, true, 2, Alone, "FOOOO", "up@3"},
		{"HTTP_GET", 1, true, 2, Alone, "FFFOOO", "up@5"},
		// Not counted, but as its code has it.
		{"SMTP_CHECK", 1, false, 0, Counted, "FFOFOO", "down@2 up@3"},
		{"HTTP_GET", 1, true, 2, Alone, "OOFFOO", "up@1 down@4 up@6"},
	} {
		var c Check
		c.Begin(0, &Config{Interval: 2 * s, Doubt: s, Patience: s, Fall: test.retry + 1, Rise: test.rise, Alpha: test.alpha, First: test.first}, 0)
		var moves []string
		now := mono.Instant(0)
		for i, run := range test.runs {
			now = c.Deadline()
			if probe, changed := c.Tick(now); !probe || changed {
				t.Fatalf("run %d of %s is not due: %v, %v", i+1, test.runs, probe, changed)
			}
			v := Failed
			if run == 'O' {
				v = OK
			}
			if c.Answer(now, c.Seq(), v).Changed {
				moves = append(moves, fmt.Sprintf("%s@%d", map[bool]string{true: "up", false: "down"}[c.Up()], i+1))
			}
		}
		if got := strings.Join(moves, " "); got != test.want {
			t.Errorf("%s, retry %d, alpha %v, %s: %s, want %s", test.check, test.retry, test.alpha, test.runs, got, test.want)
		}
	}
}
