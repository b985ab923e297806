package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// Send sends one mail to all of c.To and returns when the relay has it. The
// error names those for whom it was refused.
func Send(ctx context.Context, c *Config, msg Message) error {
	a := &alert{Message: msg, done: map[string]bool{}}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if err := send(ctx, c, a); err != nil {
		return fmt.Errorf("send mail by %s: %w", c.Host, err)
	}
	if len(a.refused) > 0 {
		return fmt.Errorf("mail was refused by %s: %s", c.Host, strings.Join(a.refused, "; "))
	}
	return nil
}

// send tries to send an alert to those who do not have it. The error is for a
// trouble that may pass; what is refused for good is noted in the alert.
func send(ctx context.Context, c *Config, a *alert) error {
	var messages []*gomail.Msg
	var to []string
	for _, one := range c.To {
		if a.done[one] {
			continue
		}
		msg, err := message(c, a, one)
		if err != nil {
			return err
		}
		messages, to = append(messages, msg), append(to, one)
	}
	if len(messages) == 0 {
		return nil
	}
	// The library looks at its context while it connects only.
	const steps = 4
	ctx, cancel := context.WithTimeout(ctx, steps*c.Timeout)
	defer cancel()
	client, err := gomail.NewClient(c.Host, gomail.WithPort(c.Port), gomail.WithTimeout(c.Timeout), gomail.WithHELO(c.Helo),
		gomail.WithTLSPolicy(gomail.TLSOpportunistic), gomail.WithoutNoop(), gomail.WithoutRset(),
		gomail.WithTLSConfig(&tls.Config{ServerName: c.Host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}),
		gomail.WithDialContextFunc(func(ctx2 context.Context, network, _ string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx2, network, net.JoinHostPort(c.Host, strconv.Itoa(c.Port)))
			if err == nil {
				context.AfterFunc(ctx, func() { conn.Close() })
			}
			return conn, err
		}))
	if err != nil {
		return fmt.Errorf("prepare the connection: %w", err)
	}
	return outcome(a, to, messages, client.DialAndSendWithContext(ctx, messages...))
}

// deferral is the error of mails that the relay does not take now, while it takes
// others.
type deferral struct{ error }

func (d *deferral) Unwrap() error { return d.error }

// closing is the reply of a relay that takes nothing (RFC 5321 4.2.1).
const closing = 421

// outcome finds out whom the messages reached. What the relay has taken it has,
// whatever happened to the connection afterwards.
func outcome(a *alert, to []string, messages []*gomail.Msg, err error) error {
	var left error
	for i, msg := range messages {
		var refusal *gomail.SendError
		switch {
		case msg.IsDelivered():
			a.done[to[i]] = true
		case errors.As(msg.SendError(), &refusal) && refusal.ErrorCode() >= 500:
			a.done[to[i]] = true
			a.refused = append(a.refused, to[i]+": "+refusal.Error())
		default:
			trouble := fmt.Errorf("to %s: %w", to[i], err)
			reached := msg.SendError() != nil && errors.As(msg.SendError(), &refusal) && refusal.ErrorCode() >= 400 && refusal.ErrorCode() != closing
			switch {
			case !reached: // more than that of one recipient
				left = trouble
			case left == nil:
				left = &deferral{trouble}
			}
		}
	}
	return left
}

// message is the mail to one recipient.
func message(c *Config, a *alert, to string) (*gomail.Msg, error) {
	m := gomail.NewMsg()
	if err := m.From(c.From); err != nil {
		return nil, err
	}
	if err := m.To(to); err != nil {
		return nil, err
	}
	m.Subject(a.Subject)
	m.SetDateWithValue(a.At)
	m.SetMessageID()
	m.SetUserAgent("moonkeep")
	// RFC 3834: nobody is to be told of a holiday by return.
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetBodyString(gomail.TypeTextPlain, a.Body)
	return m, nil
}
