package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/moonkeep/moonkeep/core/lab"
)

// labPrinter prints a lab as it goes. The lab calls event from one goroutine
// at a time.
type labPrinter interface {
	begin()
	event(lab.Event)
	end(at time.Duration, moves []lab.Move, p lab.Probing, ok bool)
}

// minorGap is the longest gap of one and the same node that the text leaves
// out: a busy machine loses a probe now and then.
const minorGap = 10 * time.Millisecond

// labText prints for people. What it cannot print is lost: a reader that went
// away is no reason to leave a lab standing.
type labText struct {
	w    io.Writer
	plan *lab.Plan
}

func (p *labText) line(at time.Duration, format string, args ...any) {
	fmt.Fprintf(p.w, "%8.3f  %s\n", at.Seconds(), fmt.Sprintf(format, args...))
}

func (p *labText) begin() {
	fmt.Fprintln(p.w, "Time is in seconds since the start. The client asks for every virtual address.")
	for _, n := range p.plan.Nodes {
		var on []string
		for _, x := range n.Interfaces {
			for _, a := range x.Addresses {
				on = append(on, x.Name+" "+a.String())
			}
		}
		p.line(0, "node %s is %s: %s", n.Name, n.File, strings.Join(on, ", "))
	}
}

func (p *labText) event(e lab.Event) {
	switch e.Kind {
	case lab.Noted:
		p.line(e.At, "note: %s", e.Text)
	case lab.Began:
		if e.Step.Verb == lab.Say {
			fmt.Fprintf(p.w, "\n%8.3f  # %s\n", e.At.Seconds(), e.Step.Text)
			return
		}
		p.line(e.At, "> %s", e.Step)
	case lab.Changed:
		p.move(e)
	case lab.Lost:
		p.line(e.At, "%s: nobody has answered since %.3f", p.plan.Targets[e.Target].Addr, e.Since.Seconds())
	case lab.Held:
		p.holds(e)
	case lab.Judged:
		if !e.OK {
			p.line(e.At, "FAILED: %s: %s", e.Step, e.Text)
		}
	case lab.Ended:
		p.line(e.At, "the daemon of node %s ended by itself: %s", p.name(e.Node), strings.ReplaceAll(e.Text, "\n", "\n          "))
	}
}

func (p *labText) name(node int) string {
	if node == lab.Nobody {
		return "nobody"
	}
	return p.plan.Nodes[node].Name
}

func (p *labText) move(e lab.Event) {
	m, addr := e.Move, p.plan.Targets[e.Target].Addr
	switch {
	case m.From == lab.Nobody:
		p.line(e.At, "%s: %s answers", addr, p.name(m.To))
	case !m.Moved():
		if m.Outage() > minorGap {
			p.line(e.At, "%s: %s answers again, after %s without an answer", addr, p.name(m.To), milliseconds(m.Outage()))
		}
	case m.Outage() == 0:
		p.line(e.At, "%s: moved from %s to %s; the client lost nothing", addr, p.name(m.From), p.name(m.To))
	default:
		p.line(e.At, "%s: moved from %s to %s; the client was without it for %s", addr, p.name(m.From), p.name(m.To), milliseconds(m.Outage()))
	}
}

func (p *labText) holds(e lab.Event) {
	for _, h := range e.Holdings {
		also := ""
		for _, k := range h.Stands {
			if k != h.Answers {
				also += ", and it also stands on " + p.name(k)
			}
		}
		p.line(e.At, "%s: %s answers%s", p.plan.Targets[h.Target].Addr, p.name(h.Answers), also)
	}
}

func (p *labText) end(_ time.Duration, moves []lab.Move, probing lab.Probing, _ bool) {
	w := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	rows := 0
	for _, m := range moves {
		if m.From == lab.Nobody || !m.Moved() && m.Outage() <= minorGap {
			continue
		}
		if rows++; rows == 1 {
			fmt.Fprintln(w, "\nEVENT\tADDRESS\tFROM -> TO\tOUTAGE\tTAKE-OVER")
		}
		cause, took := "-", "-"
		if m.Cause != nil {
			cause = m.Cause.Step.String()
		}
		if take, ok := m.TakeOver(); ok {
			took = milliseconds(take)
		}
		fmt.Fprintf(w, "%s\t%s\t%s -> %s\t%s\t%s\n", cause, p.plan.Targets[m.Target].Addr, p.name(m.From), p.name(m.To), milliseconds(m.Outage()), took)
	}
	if rows > 0 {
		fmt.Fprintln(w, "\nOUTAGE: how long the client got no answer. TAKE-OVER: from the event to the new node's first answer.")
	}
	w.Flush() // see labText
	if probing.Slowest > 5*lab.DefaultProbe {
		fmt.Fprintf(p.w, "This machine was busy: up to %s passed between two probes, and outages are no more exact than that.\n", milliseconds(probing.Slowest))
	}
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.0f ms", inMilliseconds(d)) }

// inMilliseconds rounds to microseconds.
func inMilliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Microsecond)) / 1000
}

// labJSONHelp describes what labJSON prints. The shape is a promise.
const labJSONHelp = `
With --json each line is an object with "t", seconds since the start, and
"event"; times that end in _ms are milliseconds, and nodes are names:

  node     node, alias, file, interfaces {name: [address]}, addresses (virtual)
  note     text
  step     step, node
  move     address, to, from and outage_ms (absent at the first answer; from is
           to after a mere gap), cause, cause_t, take_over_ms (when there is a
           cause)
  silent   address, since: nobody has answered for a second
  holds    holds [{address, node (absent when nobody answers), stands [node]}]
  judged   step, ok, text, holds: the outcome of expect, await, settle
  ended    node, text: a daemon ended by itself
  end      ok, probes, slowest_probe_ms, dropped, moves [as move, without
           mere gaps and first answers]
`

// labLine is one line of JSON output; see labJSONHelp.
type labLine struct {
	T          float64             `json:"t"`
	Event      string              `json:"event,omitempty"`
	Node       string              `json:"node,omitempty"`
	Alias      string              `json:"alias,omitempty"`
	File       string              `json:"file,omitempty"`
	Interfaces map[string][]string `json:"interfaces,omitempty"`
	Addresses  []string            `json:"addresses,omitempty"`
	Step       string              `json:"step,omitempty"`
	Text       string              `json:"text,omitempty"`
	Address    string              `json:"address,omitempty"`
	From       string              `json:"from,omitempty"`
	To         string              `json:"to,omitempty"`
	Outage     *float64            `json:"outage_ms,omitempty"`
	TakeOver   *float64            `json:"take_over_ms,omitempty"`
	Cause      string              `json:"cause,omitempty"`
	CauseT     *float64            `json:"cause_t,omitempty"`
	Since      *float64            `json:"since,omitempty"`
	Holds      []labHolding        `json:"holds,omitempty"`
	OK         *bool               `json:"ok,omitempty"`
	Probes     *uint64             `json:"probes,omitempty"`
	Slowest    *float64            `json:"slowest_probe_ms,omitempty"`
	Dropped    *uint64             `json:"dropped,omitempty"`
	Moves      *[]labLine          `json:"moves,omitempty"`
}

type labHolding struct {
	Address string   `json:"address"`
	Node    string   `json:"node,omitempty"`
	Stands  []string `json:"stands"`
}

// labJSON prints for programs.
type labJSON struct {
	out  *json.Encoder
	plan *lab.Plan
}

func newLabJSON(w io.Writer, plan *lab.Plan) *labJSON {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return &labJSON{out: out, plan: plan}
}

// print ignores an error as labText does.
func (p *labJSON) print(event string, at time.Duration, l labLine) {
	l.Event, l.T = event, seconds(at)
	_ = p.out.Encode(l)
}

// seconds rounds to microseconds.
func seconds(d time.Duration) float64 { return math.Round(float64(d)/float64(time.Microsecond)) / 1e6 }

func (p *labJSON) name(node int) string {
	if node == lab.Nobody {
		return ""
	}
	return p.plan.Nodes[node].Name
}

func (p *labJSON) begin() {
	for _, n := range p.plan.Nodes {
		l := labLine{Node: n.Name, Alias: n.Alias, File: n.File, Interfaces: map[string][]string{}}
		for _, x := range n.Interfaces {
			l.Interfaces[x.Name] = []string{}
			for _, a := range x.Addresses {
				l.Interfaces[x.Name] = append(l.Interfaces[x.Name], a.String())
			}
		}
		for _, t := range p.plan.Targets {
			l.Addresses = append(l.Addresses, t.Addr.String())
		}
		p.print("node", 0, l)
	}
}

func (p *labJSON) move(m lab.Move) labLine {
	l := labLine{
		T: seconds(m.Next), Address: p.plan.Targets[m.Target].Addr.String(),
		From: p.name(m.From), To: p.name(m.To),
	}
	if m.From != lab.Nobody {
		outage := inMilliseconds(m.Outage())
		l.Outage = &outage
	}
	if m.Cause != nil {
		at := seconds(m.Cause.At)
		l.Cause, l.CauseT = m.Cause.Step.String(), &at
	}
	if take, ok := m.TakeOver(); ok {
		ms := inMilliseconds(take)
		l.TakeOver = &ms
	}
	return l
}

func (p *labJSON) holds(all []lab.Holding) []labHolding {
	out := []labHolding{}
	for _, h := range all {
		x := labHolding{Address: p.plan.Targets[h.Target].Addr.String(), Node: p.name(h.Answers), Stands: []string{}}
		for _, k := range h.Stands {
			x.Stands = append(x.Stands, p.name(k))
		}
		out = append(out, x)
	}
	return out
}

func (p *labJSON) event(e lab.Event) {
	switch e.Kind {
	case lab.Noted:
		p.print("note", e.At, labLine{Text: e.Text})
	case lab.Began:
		p.print("step", e.At, labLine{Step: e.Step.String(), Node: e.Step.Node})
	case lab.Changed:
		p.print("move", e.At, p.move(*e.Move))
	case lab.Lost:
		since := seconds(e.Since)
		p.print("silent", e.At, labLine{Address: p.plan.Targets[e.Target].Addr.String(), Since: &since})
	case lab.Held:
		p.print("holds", e.At, labLine{Holds: p.holds(e.Holdings)})
	case lab.Judged:
		p.print("judged", e.At, labLine{Step: e.Step.String(), OK: &e.OK, Text: e.Text, Holds: p.holds(e.Holdings)})
	case lab.Ended:
		p.print("ended", e.At, labLine{Node: p.name(e.Node), Text: e.Text})
	}
}

func (p *labJSON) end(at time.Duration, moves []lab.Move, probing lab.Probing, ok bool) {
	slowest, moved := inMilliseconds(probing.Slowest), []labLine{}
	for _, m := range moves {
		if m.Moved() {
			moved = append(moved, p.move(m))
		}
	}
	p.print("end", at, labLine{OK: &ok, Probes: &probing.Sent, Slowest: &slowest, Dropped: &probing.Dropped, Moves: &moved})
}
