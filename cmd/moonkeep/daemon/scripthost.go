package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/processes"
	"github.com/moonkeep/moonkeep/core/notify/mail"
	"github.com/moonkeep/moonkeep/lua"
)

// statusAge is how old the status may be that scripts are told: any number of
// scripts that ask cost the loop five questions a second.
const statusAge = 200 * time.Millisecond

// scriptHost is the daemon as its Lua scripts reach it. It implements
// lua.Control.
type scriptHost struct {
	d *daemon

	mu     sync.Mutex
	status []byte
	at     time.Time
}

// host returns what all scripts of the daemon share.
func (d *daemon) host() *lua.Host {
	h := &scriptHost{d: d}
	return &lua.Host{
		Processes: &lua.Processes{Follow: followProcesses(&d.processes, d.log)}, Store: new(lua.Store), Metrics: new(lua.Metrics),
		Status: h.describe, Mail: h.mail, Control: h, Cell: d.cell,
	}
}

// followProcesses has a feed tell a table of changes of processes. Where the
// kernel does not tell, the log says so once.
func followProcesses(feed *processes.Feed, log *slog.Logger) func(func(map[int]bool, bool, bool) bool) {
	var once sync.Once
	return func(tell func(changed map[int]bool, missed, ended bool) bool) {
		first := true
		feed.Follow(func(changed map[int]bool, err error) bool {
			missed := first || err != nil
			first = false
			ended := err != nil && !errors.Is(err, processes.ErrMissed)
			if ended && !errors.Is(err, os.ErrClosed) {
				once.Do(func() {
					log.Info("Lua scripts look at processes five times a second at most: " + processes.Reason(err))
				})
			}
			return tell(changed, missed, ended)
		})
	}
}

// ready reports, as an error, that the node does not run yet: scripts are
// loaded before it does.
func (h *scriptHost) ready() error {
	if h.d.current() == nil {
		return errors.New("the daemon is starting")
	}
	return nil
}

// describe returns the status as JSON.
func (h *scriptHost) describe(ctx context.Context) ([]byte, error) {
	if err := h.ready(); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.status != nil && time.Since(h.at) < statusAge {
		return h.status, nil
	}
	s, err := h.d.Status(ctx)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("render the status: %w", err)
	}
	h.status, h.at = text, time.Now()
	return text, nil
}

// mail sends a mail as the configuration says.
func (h *scriptHost) mail(ctx context.Context, to []string, subject, body string) error {
	if err := h.ready(); err != nil {
		return err
	}
	c := mailConfig(h.d.current())
	if c == nil {
		return errors.New("no mail can be sent: the configuration names no smtp_server and notification_email")
	}
	if len(to) > 0 {
		c.To = to
	}
	return mail.Send(ctx, c, mail.Message{Subject: subject, Body: body, At: time.Now()})
}

// mailConfig is how mail leaves; nil when there is no relay or nobody to send
// to.
func mailConfig(c *config.Config) *mail.Config {
	s := c.Global.SMTPServer
	if s == nil || len(c.Global.Email) == 0 {
		return nil
	}
	return &mail.Config{Host: s.Host, Port: s.Port, Helo: c.Global.SMTPHelo, From: c.Global.EmailFrom, To: c.Global.Email, Timeout: c.Global.SMTPTimeout}
}

// scriptMetrics is what status says of what scripts publish.
func scriptMetrics(samples []lua.Sample) []control.Metric {
	var all []control.Metric
	for _, s := range samples {
		m := control.Metric{Script: s.Script, Name: s.Name, Help: s.Help, Counter: s.Counter, Value: s.Value}
		for _, l := range s.Labels {
			if m.Labels == nil {
				m.Labels = map[string]string{}
			}
			m.Labels[l.Name] = l.Value
		}
		all = append(all, m)
	}
	return all
}

// Maintenance implements lua.Control.
func (h *scriptHost) Maintenance(ctx context.Context, on bool) error {
	if err := h.ready(); err != nil {
		return err
	}
	_, err := h.d.Maintain(ctx, control.MaintenanceRequest{On: on})
	return err
}

// Failover implements lua.Control.
func (h *scriptHost) Failover(ctx context.Context, instance string) error {
	if err := h.ready(); err != nil {
		return err
	}
	moves, err := h.d.Failover(ctx, control.FailoverRequest{Names: []string{instance}})
	if err != nil {
		return err
	}
	for _, m := range moves.Instances {
		if m.Instance == instance && !m.Moved {
			return fmt.Errorf("%s: %s", instance, m.Why)
		}
	}
	return nil
}

// Weight implements lua.Control.
func (h *scriptHost) Weight(ctx context.Context, server string, weight int) error {
	if err := h.ready(); err != nil {
		return err
	}
	_, err := h.d.Servers(ctx, control.ServersRequest{Server: server, Weight: &weight})
	return err
}

// scriptNames are the names under which scripts keep values and publish
// metrics. Those that a reload drops are forgotten.
type scriptNames struct {
	mu   sync.Mutex
	used map[string]bool
}

// begin starts to note the names of another configuration.
func (n *scriptNames) begin() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.used = map[string]bool{}
}

func (n *scriptNames) note(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.used != nil {
		n.used[name] = true
	}
}

// settle drops what is kept for names that are not used any more.
func (n *scriptNames) settle(h *lua.Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	keep := func(name string) bool { return n.used[name] }
	h.Store.Forget(keep)
	h.Metrics.Forget(keep)
}
