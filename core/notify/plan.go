package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/notify/mail"
)

// Plan says what is told to whom. A Plan handed to a Notifier, and what it
// points to, must not be changed any more.
type Plan struct {
	// Targets are the instances and groups; nothing is told of others. Several
	// may be one.
	Targets map[Key]*Target
	// FIFOs are written in this order. Their paths differ.
	FIFOs []FIFO
	// Mail is the relay for the Targets that ask for mails; nil for none.
	Mail *mail.Config
	// NoFaultMails leaves changes to FAULT out.
	NoFaultMails bool
	// Node is this node's name, for the subjects of mails.
	Node string
}

// Adopt replaces the plan, at a reload. FIFOs whose path and owner stay are kept
// open; all readers are ended and started anew, as by keepalived. What is queued
// is told to the targets that were there when it happened. A name that is no
// longer there keeps its target until the next Adopt, for the change that says
// that it was deleted, and for no other. On an error, which names what cannot
// be made, the present plan stays.
func (n *Notifier) Adopt(p Plan) error { return n.adopt(p, true) }

// Restore puts the plan back that was there before the last Adopt, of a reload that
// was refused: what was mailed before that is not mailed again.
func (n *Notifier) Restore(p Plan) error { return n.adopt(p, false) }

func (n *Notifier) adopt(p Plan, forget bool) error {
	n.adopting.Lock()
	defer n.adopting.Unlock()
	var config *mail.Config
	if p.Mail != nil {
		c, err := p.Mail.Complete()
		if err != nil {
			return err
		}
		config = &c
	}
	n.mu.Lock()
	closed := n.closed
	n.mu.Unlock()
	if closed {
		return errors.New("adopt what is told to whom: the notifier is closed")
	}
	feeds, gone, err := n.open(p.FIFOs)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.retired = n.plan.Targets
	n.plan, n.feeds = p, feeds
	maps.DeleteFunc(n.mailed, func(k Key, _ string) bool {
		_, was := n.retired[k] // else it is gone, or new under the name of one that was
		return !was && forget
	})
	n.mu.Unlock()
	n.mailer.Configure(config)
	for _, f := range gone {
		f.close()
	}
	n.workers.Go(func() { n.dismiss(gone) })
	for _, f := range feeds {
		n.restart(f)
	}
	return nil
}

// open returns the feeds of a plan, those that stay among them, and those that
// go. The latter and the present readers are left as they are.
func (n *Notifier) open(fifos []FIFO) (feeds, gone []*feed, err error) {
	gone = slices.Clone(n.feeds)
	var made []*feed
	for _, x := range fifos {
		if i := slices.IndexFunc(gone, func(f *feed) bool { return f.fifo.same(x) }); i >= 0 {
			feeds = append(feeds, gone[i].with(x))
			gone = slices.Delete(gone, i, i+1)
			continue
		}
		f, err := newFeed(x, n.log)
		if err != nil {
			for _, f := range made {
				f.close()
			}
			return nil, nil, err
		}
		feeds, made = append(feeds, f), append(made, f)
	}
	return feeds, gone, nil
}

// drainRest waits for mails and for readers of FIFOs, neither of which is worth
// all the time that programs have.
func (n *Notifier) drainRest(ctx context.Context) error {
	const limit = 2 * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	n.mu.Lock()
	feeds := n.feeds
	n.mu.Unlock()
	var errs []error
	done := make(chan error, len(feeds))
	for _, f := range feeds {
		go func() { done <- f.drain(ctx) }()
	}
	errs = append(errs, n.mailer.Drain(ctx))
	for range feeds {
		errs = append(errs, <-done)
	}
	return errors.Join(errs...)
}

// Close drops what is queued, tells what is running to end, and waits for
// that. FIFOs that were made are removed. Drain first to have all delivered.
func (n *Notifier) Close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.adopting.Lock()
	defer n.adopting.Unlock()
	n.mu.Lock()
	feeds := n.feeds
	n.feeds = nil
	n.mu.Unlock()
	for _, f := range feeds {
		f.close()
	}
	n.dismiss(feeds)
	n.cancel()
	n.mailer.Close()
	n.workers.Wait()
}

// Counts are what became of what was to be told since the Notifier was made.
type Counts struct {
	// Waiting are changes that programs or functions are still to be told of.
	Waiting int
	// Told and Failed count runs of programs and functions, Dropped changes.
	Told, Failed, Dropped uint64
	FIFOs                 []FIFOCounts
	// Mail counts alerts.
	Mail mail.Counts
	// Mails is true when there is a relay.
	Mails bool
}

// FIFOCounts are of one FIFO since it was opened.
type FIFOCounts struct {
	Path string
	// Written and Dropped count lines.
	Written, Dropped uint64
}

// Counts returns the counts.
func (n *Notifier) Counts() Counts {
	n.mu.Lock()
	c, feeds := n.counts, n.feeds
	for _, q := range n.busy {
		c.Waiting += len(q.items) + 1
	}
	c.Mails = n.plan.Mail != nil
	n.mu.Unlock()
	for _, f := range feeds {
		c.FIFOs = append(c.FIFOs, f.counts())
	}
	c.Mail = n.mailer.Counts()
	return c
}

// mailCheck sends an alert of a check that changed while its server stays down:
// each one, as keepalived does; n.mu is held.
func (n *Notifier) mailCheck(c node.Change, t *Target) {
	if t != nil && t.Mail && n.plan.Mail != nil {
		n.mailer.Send(serverMail(n.plan.Node, c, "DOWN", time.Now()))
	}
}

// mail sends an alert of a change of role, or of a server, unless that state was
// mailed last; n.mu is held. How a real server begins is none, as with keepalived.
func (n *Notifier) mail(key Key, c node.Change, state string, t Target) {
	if c.Start && c.ServerName != "" {
		return
	}
	if !essential(&c) || !t.Mail || n.plan.Mail == nil || n.plan.NoFaultMails && state == "FAULT" || n.mailed[key] == state {
		return
	}
	n.mailed[key] = state
	kind := "Instance"
	if c.Group {
		kind = "Group"
	}
	at := time.Now()
	if key.Service {
		n.mailer.Send(serverMail(n.plan.Node, c, state, at))
		return
	}
	n.mailer.Send(mail.Message{
		Subject: oneLine(fmt.Sprintf("[%s] VRRP %s %s - Entering %s state", n.plan.Node, kind, c.Name, state)),
		Body:    body(n.plan.Node, key, c, state, t, at),
		At:      at,
	})
}

// serverMail is the alert of a virtual or a real server.
func serverMail(name string, c node.Change, state string, at time.Time) mail.Message {
	subject := fmt.Sprintf("[%s] Virtualserver %s - %s", name, c.Service, state)
	if c.Server != "" {
		subject = fmt.Sprintf("[%s] Realserver %s of virtual server %s - %s", name, c.Server, c.Service, state)
	}
	var b strings.Builder
	put := func(what, value string) { fmt.Fprintf(&b, "%-16s %s\n", what+":", oneLine(value)) }
	put("Node", name)
	put("Virtual server", c.Name)
	if c.ServerName != "" {
		put("Real server", c.ServerName)
		put("Weight", strconv.Itoa(c.Weight))
	}
	put("State", state)
	put("Why", c.Why)
	put("Time", at.Format(time.RFC3339))
	return mail.Message{Subject: oneLine(subject), Body: b.String(), At: at}
}

// body is the text of an alert.
func body(name string, key Key, c node.Change, state string, t Target, at time.Time) string {
	var b strings.Builder
	put := func(what, value string) { fmt.Fprintf(&b, "%-10s %s\n", what+":", oneLine(value)) }
	put("Node", name)
	put(map[bool]string{false: "Instance", true: "Group"}[key.Group], key.Name)
	put("State", state)
	put("Before", c.From.String())
	put("Why", c.Why)
	if key.Group {
		put("Members", strings.Join(t.Members, ", "))
	} else {
		put("Priority", priority(c))
		var addresses []string
		for _, a := range t.Addresses {
			addresses = append(addresses, a.Prefix.String())
		}
		put("Addresses", strings.Join(addresses, ", "))
	}
	put("Time", at.Format(time.RFC3339))
	return b.String()
}
