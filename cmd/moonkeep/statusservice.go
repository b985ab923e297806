package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
)

// mostListed is how many real servers are listed whole. Of more, only those are
// that are not as they should be.
const mostListed = 200

// lateness is from when on a probe is called late.
const lateness = 64 * time.Millisecond

// printServices writes the virtual servers with their real servers and checks.
func printServices(b *strings.Builder, s *control.Status) {
	servers := 0
	for i := range s.Services {
		servers += len(s.Services[i].Servers)
	}
	for i := range s.Services {
		printService(b, &s.Services[i], servers <= mostListed)
	}
	if t := s.IPVS; t != nil {
		state := "is as it should be"
		switch {
		case t.Trouble != "":
			state = "IS NOT AS IT SHOULD BE: " + t.Trouble
		case t.Pending:
			state = "is being changed"
		}
		fmt.Fprintf(b, "\nIPVS table\n  %s; %d operations, %d refused, %d services put right\n", state, t.Operations, t.Failed, t.Repaired)
	}
	if p := s.Probes; p != nil {
		fmt.Fprintf(b, "\nchecks of real servers\n  %d checks, %d without a result; %d probes, %s began more than %v late, the latest by %s\n",
			p.Checks, p.Unknown, p.Begun, percent(p.LateBeyond(lateness)), lateness, age(p.MostLate))
	}
}

func percent(part float64) string {
	switch {
	case part == 0:
		return "none"
	case part < 0.0001:
		return "less than 0.01 %"
	}
	return fmt.Sprintf("%.2f %%", 100*part)
}

func printService(b *strings.Builder, v *control.Service, whole bool) {
	state := "has its quorum"
	if !v.HasQuorum {
		state = "LOST ITS QUORUM"
		if v.Sorry {
			state += ", the sorry server serves"
		}
	}
	up, byHand, unproven := 0, 0, 0
	for i := range v.Servers {
		r := &v.Servers[i]
		if r.State != "up" {
			continue
		}
		up++
		switch {
		case r.Wish != "":
			byHand++
		case r.Unproven:
			unproven++
		}
	}
	counted := ""
	switch {
	case byHand > 0 && unproven > 0:
		counted = fmt.Sprintf(" (%d of them out of service by hand, and %d without a result since their maintenance)", byHand, unproven)
	case byHand > 0:
		counted = fmt.Sprintf(" (%d of them out of service by hand)", byHand)
	case unproven > 0:
		counted = fmt.Sprintf(" (%d of them without a result since their maintenance)", unproven)
	}
	fmt.Fprintf(b, "\nvirtual server %s: %s for %s: %d of %d servers work%s, weight %d, quorum %d", v.Name, state, age(v.QuorumAge), up, len(v.Servers), counted, v.Weight, v.Quorum)
	if v.Hysteresis > 0 {
		fmt.Fprintf(b, ", hysteresis %d", v.Hysteresis)
	}
	b.WriteByte('\n')
	if v.Asleep {
		b.WriteString("  checks are paused: its address is not on this node\n")
	}
	if v.Panic {
		b.WriteString("  PANIC: too few servers work, so failed ones are kept in service\n")
	}
	tw := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	for i := range v.Servers {
		if r := &v.Servers[i]; whole || r.Doubt() != "" {
			printRealServer(tw, r)
		}
	}
	tw.Flush() // strings.Builder does not fail
}

func printRealServer(w *tabwriter.Writer, r *control.RealServer) {
	weight := fmt.Sprintf("weight %d", r.Weight)
	if r.Weight != r.Configured {
		weight += fmt.Sprintf(" (configured %d)", r.Configured)
	}
	state := r.State
	if state == "down" {
		state = "DOWN"
	}
	state += " for " + age(r.SinceAge) // which says nothing of how long what follows is so
	if r.Kept {
		state += ", kept in service by the panic"
	}
	switch {
	case r.Drained || r.Wish == "down":
		state += ", " + r.Wish + " by hand: out of the table"
	case r.Wish != "":
		state += ", " + r.Wish + " by hand: until its connections end it has weight 0"
	}
	if r.Unproven {
		state += ", waits for the first result since its maintenance"
	}
	if r.ByHand != nil {
		weight = fmt.Sprintf("weight %d by hand (configured %d)", *r.ByHand, r.Configured)
	}
	if r.Wish != "" {
		weight += " after that"
	}
	if r.Rising != nil {
		weight += fmt.Sprintf(", %d now (slow_start)", *r.Rising)
	}
	fmt.Fprintf(w, "  %s\t%s, %s\n", r.Name, state, weight)
	for i := range r.Checks {
		c := &r.Checks[i]
		when := ""
		switch {
		case c.Resting:
			when = ", paused"
		case c.Running:
			when = ", runs now"
		case c.DueIn != nil:
			when = ", next in " + age(max(0, *c.DueIn))
		}
		ago := ""
		if c.VerdictAge != nil {
			ago = fmt.Sprintf(" (%s ago, took %s)", age(*c.VerdictAge), age(c.Took))
		}
		row := ""
		if c.InARow > 0 {
			row = fmt.Sprintf(", %d opposite results in a row", c.InARow)
		}
		told := ""
		if w := c.Weight; w != nil && !strings.Contains(c.Message, fmt.Sprintf("weight %d", *w)) {
			told = fmt.Sprintf(", tells weight %d", *w)
		}
		since := ""
		if c.Follows == "" {
			since = " for " + age(c.SinceAge)
		}
		fmt.Fprintf(w, "    %s\t%s%s: %s%s%s%s%s\n", c.Name(), c.State, since, c.Last(), told, ago, row, when)
	}
}
