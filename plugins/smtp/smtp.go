package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/dial"
	"github.com/moonkeep/moonkeep/plugins/tlsclient"
)

// defaultHelo is the name that keepalived gives.
const defaultHelo = "smtpchecker.keepalived.org"

type settings struct {
	HeloName string          `json:"helo_name"`
	Hosts    []dial.Endpoint `json:"hosts"`
	StartTLS bool            `json:"starttls"`
	SNIName  string          `json:"sni_name"`
	tlsclient.Settings
}

// Checker is SMTP_CHECK.
type Checker struct {
	dialer dial.Dialer // of all probes
	store  tlsclient.Store
}

// New is SMTP_CHECK.
func New() *Checker { return &Checker{} }

// Info describes the checker.
func (*Checker) Info() checker.Info {
	return checker.Info{
		Name: "SMTP_CHECK", Version: "1", Doc: "Greets a mail server and checks its replies.",
		Options: append([]checker.Option{
			{Name: "helo_name", Type: "string", Default: defaultHelo, Doc: "The name to send with HELO."},
			{Name: "hosts", Type: "block", Doc: "The hosts to test instead of the real server, each with its own connect_ip, connect_port, bindto, bind_port, bind_if, fwmark and connect_timeout."},
			{Name: "starttls", Type: "bool", Default: "false", Doc: "The server must support STARTTLS. EHLO is sent instead of HELO."},
			{Name: "sni_name", Type: "string", Doc: "The server name (SNI) to send in the TLS handshake and to verify the certificate for (default: the address)."},
		}, tlsclient.Options()...),
	}
}

type probe struct {
	dialer   *dial.Dialer
	settings settings
	targets  []checker.Target
	configs  []*tls.Config
	reminder tlsclient.Reminder
}

// Prepare resolves the hosts.
func (c *Checker) Prepare(t checker.Target, o checker.Options) (checker.Probe, error) {
	s := settings{HeloName: defaultHelo}
	if err := o.Decode(&s); err != nil {
		return nil, err
	}
	if s.HeloName == "" || strings.ContainsFunc(s.HeloName, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, fmt.Errorf("helo_name %q is no name", s.HeloName)
	}
	if !s.StartTLS {
		if err := s.Unused("which is spoken with starttls only"); err != nil {
			return nil, err
		}
		if s.SNIName != "" {
			return nil, errors.New("sni_name is of TLS, which is spoken with starttls only")
		}
	}
	if len(s.Hosts) == 0 {
		s.Hosts = []dial.Endpoint{{}}
	}
	p := &probe{dialer: &c.dialer, settings: s}
	for i, host := range s.Hosts {
		target, err := host.Target(t)
		if err != nil {
			return nil, fmt.Errorf("host %d: %w", i+1, err)
		}
		p.targets = append(p.targets, target)
		var config *tls.Config
		if s.StartTLS {
			name := tlsclient.Name{Server: s.SNIName, SNI: s.SNIName}
			if name.Server == "" {
				name.Server = target.Address.Addr().WithZone("").String()
			}
			if config, err = s.Config(&c.store, name); err != nil {
				return nil, err
			}
		}
		p.configs = append(p.configs, config)
	}
	if slices.ContainsFunc(p.targets, func(t checker.Target) bool { return t.Address.Port() == 0 }) {
		return dial.Nowhere("SMTP_CHECK"), nil // all hosts must be well
	}
	p.settings.Settings = s.Lasting()
	return p, nil
}

// Probe asks every host until one is not well.
func (p *probe) Probe(ctx context.Context) checker.Result {
	begin := time.Now()
	var last checker.Result
	var details []checker.Detail
	for i := range p.targets {
		d := dialogue{want: checker.WantDetails(ctx), begin: time.Now()}
		last = p.ask(ctx, i, &d)
		details = append(details, d.details...)
		if last.Verdict != checker.OK {
			break
		}
	}
	last.Details, last.Latency = details, time.Since(begin)
	return last
}

// ask talks to one host.
func (p *probe) ask(ctx context.Context, i int, d *dialogue) checker.Result {
	t := p.targets[i]
	at := t.Address.String()
	conn, err := p.dialer.TCP(ctx, t)
	if err != nil {
		return checker.Failure(err, "connect to "+at)
	}
	defer conn.Close()
	// Each answer has the time that the connection had.
	d.renew = func() { conn.Renew(ctx, t) }
	d.start(conn)
	if r, ok := d.expect("the greeting of "+at, 220); !ok {
		return r
	}
	hello := "HELO " + p.settings.HeloName
	if p.settings.StartTLS {
		hello = "EHLO " + p.settings.HeloName
	}
	warning := ""
	steps := []step{{hello, 250}}
	if p.settings.StartTLS {
		steps = append(steps, step{"STARTTLS", 220})
	}
	for _, s := range steps {
		if r, ok := d.say(s.line, at, s.code); !ok {
			return r
		}
	}
	if p.settings.StartTLS {
		// What came in clear behind the answer must not count as said by TLS.
		if d.pending() {
			return failed(at + " says more after STARTTLS before TLS begins")
		}
		conn.NoDelay()
		d.renew()
		c := tls.Client(conn, p.configs[i])
		if err := c.Handshake(); err != nil {
			return checker.Failure(err, "TLS handshake with "+at)
		}
		state := c.ConnectionState()
		d.note("TLS", tlsclient.Describe(state))
		warning = p.settings.Warning(state, d.begin)
		d.start(c)
		if r, ok := d.say(hello, at, 250); !ok {
			return r
		}
	}
	d.quit()
	r := checker.Result{Verdict: checker.OK, Message: d.last}
	if warning != "" {
		r.Message += "; " + warning
		d.note("warning", warning)
		p.reminder.Tell(ctx, warning, at)
	}
	return r
}

type step struct {
	line string
	code int
}

func failed(message string) checker.Result {
	return checker.Result{Verdict: checker.Failed, Message: message}
}
