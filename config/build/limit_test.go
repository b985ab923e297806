package build

import (
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// TestLimitOfSteps: a run has the time of all of its steps, each of which has
// connect_timeout.
func TestLimitOfSteps(t *testing.T) {
	v := &config.VirtualServer{ConnectTimeout: time.Second, DelayLoop: time.Minute}
	r := &config.RealServer{}
	two := 2 * time.Second
	for name, test := range map[string]struct {
		k    config.Check
		want time.Duration
	}{
		"TCP_CHECK":              {config.Check{TCP: &config.TCPCheck{}}, time.Second},
		"HTTP_GET, two urls":     {config.Check{HTTP: &config.HTTPCheck{URLs: make([]config.URL, 2)}}, 4 * time.Second},
		"SSL_GET, two urls":      {config.Check{SSL: &config.SSLCheck{URLs: make([]config.TLSURL, 2)}}, 6 * time.Second},
		"SMTP_CHECK":             {config.Check{SMTP: &config.SMTPCheck{}}, 3 * time.Second},
		"SMTP_CHECK, two hosts":  {config.Check{SMTP: &config.SMTPCheck{Hosts: []config.SMTPHost{{}, {Target: config.Target{ConnectTimeout: &two}}}}}, 9 * time.Second},
		"SMTP_CHECK by STARTTLS": {config.Check{SMTP: &config.SMTPCheck{StartTLS: true}}, 6 * time.Second},
	} {
		if got := limit(&test.k, v, r, test.k.Timers(v, r)); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
