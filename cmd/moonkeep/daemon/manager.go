package daemon

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"
)

// manager is the service manager that started the daemon, if it wants to be told how
// far that is: systemd for a unit of Type=notify (sd_notify(3)). Nothing waits for it,
// and the daemon runs without it all the same. Programs and plugins do not get to know
// its socket: their environment is made of what they need.
type manager struct {
	socket string // empty when nobody wants to be told
	log    *slog.Logger
}

// newManager finds the manager by the environment.
func newManager(log *slog.Logger) manager { return manager{os.Getenv("NOTIFY_SOCKET"), log} }

// managerLimit is how long a manager that does not read may keep the daemon waiting.
const managerLimit = time.Second

// tell sends one message, of lines NAME=VALUE.
func (m manager) tell(message ...string) {
	if m.socket == "" {
		return
	}
	if err := m.send(strings.Join(message, "\n")); err != nil {
		m.log.Warn("the service manager does not hear of "+message[0]+": it may stop the daemon, or not start what waits for it", "err", err)
	}
}

func (m manager) send(message string) error {
	c, err := net.DialTimeout("unixgram", m.socket, managerLimit) // one that begins with @ is abstract
	if err != nil {
		return fmt.Errorf("tell $NOTIFY_SOCKET: %w", err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(managerLimit)); err != nil {
		return fmt.Errorf("tell $NOTIFY_SOCKET: %w", err)
	}
	if _, err := c.Write([]byte(message)); err != nil {
		return fmt.Errorf("tell $NOTIFY_SOCKET: %w", err)
	}
	return nil
}

// patience asks for that much time from now on, however much the manager gives a start
// or a stop.
func (m manager) patience(d time.Duration) {
	m.tell(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds()))
}
