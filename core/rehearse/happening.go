package rehearse

import (
	"fmt"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Happening is one thing that happened in a Cluster: what was done to a node,
// and what its daemon asked for in answer.
type Happening struct {
	At   mono.Instant
	Node *Node
	// Cause says what was done: "start", "stop", "reload", "tick", "packet",
	// "bfd", "link", "checked", "probed", "file", "processes", "claimed", "gone",
	// "failover", "return" or "maintenance" made the daemon decide; "crash", "kill",
	// "pause", "resume" and "stopped" did not; "kernel" carried out Actions, which were
	// asked for before.
	Cause string
	// Event is what the daemon was told, nil where Cause is no event.
	Event node.Event
	// Actions are what the daemon asked for, in order. They are good until
	// Observe returns.
	Actions []node.Action

	before, after map[string]vrrp.Role
	status        *node.Status // nil until somebody asks
}

// Status is what the daemon says of itself after it decided, nil where none runs.
// Like Actions it is good until Observe returns.
func (h *Happening) Status() *node.Status {
	if h.status == nil {
		h.status = h.Node.Status()
	}
	return h.status
}

// Before and After return the role that the instance had before the daemon
// decided, and has since.
func (h *Happening) Before(instance string) vrrp.Role { return h.before[instance] }
func (h *Happening) After(instance string) vrrp.Role  { return h.after[instance] }

// String draws it on a line.
func (h *Happening) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-14v %s %s", time.Duration(h.At), h.Node.Name, h.Cause)
	switch e := h.Event.(type) {
	case *node.Received:
		fmt.Fprintf(&b, " from %v%s", e.Packet.Source, advert(e.Packet.Payload))
	case *node.BFDReceived:
		fmt.Fprintf(&b, " from %v%s", e.Packet.Source, control(e.Packet.Payload))
	case *node.Link:
		fmt.Fprintf(&b, " %s up=%v", e.Name, e.Up)
	case *node.Checked:
		fmt.Fprintf(&b, " %s %v", e.Script, e.Result)
	case *node.Claimed:
		fmt.Fprintf(&b, " %s %q", e.Instance, e.Failure)
	case *node.Gone:
		fmt.Fprintf(&b, " %s", e.Instance)
	case *node.PolicySaid:
		fmt.Fprintf(&b, " %s %q", e.Instance, e.Objection)
	}
	for i := range h.Actions {
		b.WriteString("; ")
		describe(&b, &h.Actions[i])
	}
	return b.String()
}

func describe(b *strings.Builder, a *node.Action) {
	switch a.Kind {
	case node.Send:
		fmt.Fprintf(b, "%s sends%s", a.Instance, advert(a.Payload))
	case node.SendBFD:
		fmt.Fprintf(b, "session %s sends%s", a.Session, control(a.Payload))
	case node.Claim:
		fmt.Fprintf(b, "%s claims %v", a.Instance, a.Addresses)
	case node.Release:
		fmt.Fprintf(b, "%s releases %v", a.Instance, a.Addresses)
	case node.Announce:
		fmt.Fprintf(b, "%s announces %v %d times", a.Instance, a.Addresses, a.Rounds)
	case node.Run:
		fmt.Fprintf(b, "run %s", a.Script)
	case node.AskPolicy:
		fmt.Fprintf(b, "%s asks whether it may preempt", a.Instance)
	case node.Changed:
		fmt.Fprintf(b, "%s %v -> %v: %s", a.Change.Name, a.Change.From, a.Change.To, a.Change.Why)
	case node.Probe:
		fmt.Fprintf(b, "probe %d checks", len(a.Asks))
	case node.Told:
		if c := a.Change; c.Occasion.OfService() {
			fmt.Fprintf(b, "%s %s: occasion %d, weight %d: %s", c.Name, c.ServerName, c.Occasion, c.Weight, c.Why)
			return
		}
		fmt.Fprintf(b, "%s is %v, priority %d: %s", a.Change.Name, a.Change.To, a.Change.Priority, a.Change.Why)
	case node.Noted:
		fmt.Fprintf(b, "note %s %s: %s", a.Instance, a.Note.Topic, a.Note.Text)
	}
}

// advert tells of an encoded advert what matters to an election.
func advert(payload []byte) string {
	if len(payload) < vrrp.HeaderLen {
		return " something"
	}
	return fmt.Sprintf(" vrid=%d priority=%d", payload[1], payload[2])
}
