package daemon

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/config"
)

// startDelay is how long instances wait after the daemon's start: the later of
// vrrp_startup_delay and what is left of vrrp_delay_after_boot.
func startDelay(g *config.Global) (time.Duration, error) {
	delay := g.StartupDelay
	if g.DelayAfterBoot > 0 {
		var up unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
			return 0, fmt.Errorf("ask how long the host runs, for vrrp_delay_after_boot: %w", err)
		}
		delay = max(delay, g.DelayAfterBoot-time.Duration(up.Nano()))
	}
	return delay, nil
}
