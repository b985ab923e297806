package control

import (
	"fmt"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
)

// Service is one virtual server.
type Service struct {
	Name string `json:"name"`
	// HasQuorum says whether the weights of its working servers come to the
	// quorum, and QuorumAge for how long that has been so.
	HasQuorum  bool    `json:"has_quorum"`
	QuorumAge  float64 `json:"quorum_age_s"`
	Weight     int64   `json:"weight"`
	Quorum     int64   `json:"quorum"`
	Hysteresis int64   `json:"hysteresis"`
	// Sorry says that it has a sorry server; it serves while there is no quorum.
	Sorry bool `json:"sorry_server"`
	// Asleep says that its checks rest because its address is not here.
	Asleep bool `json:"checks_rest,omitempty"`
	// Panic says that so few of its servers work that those are kept which did
	// (panic_threshold).
	Panic   bool         `json:"panic,omitempty"`
	Servers []RealServer `json:"real_servers"`
}

// IPVS is what was done to the kernel's table.
type IPVS struct {
	// Operations are those that the kernel carried out, Failed those that it
	// refused, and Repaired services that somebody else had changed.
	Operations uint64 `json:"operations"`
	Failed     uint64 `json:"failed"`
	Repaired   uint64 `json:"repaired"`
	// Trouble is why the table is not as it should be; empty when it is.
	Trouble string `json:"trouble,omitempty"`
	// Pending reports that changes are still to be carried out.
	Pending bool `json:"pending"`
	// Services are what the kernel counts of each, for who asks for that too;
	// Uncounted is why they are missing.
	Services  []ServiceUsage `json:"services,omitempty"`
	Uncounted string         `json:"uncounted,omitempty"`
}

// RealServer is one real server of a virtual server.
type RealServer struct {
	Name     string  `json:"name"`
	State    string  `json:"state"`
	SinceAge float64 `json:"state_age_s"`
	// Weight is the one in force, Configured the configured one.
	Weight     int `json:"weight"`
	Configured int `json:"configured_weight"`
	// Rising is the weight that it has meanwhile, when its own is to rise slowly
	// (slow_start).
	Rising *int `json:"weight_now,omitempty"`
	// Kept says that it has clients though it is down, because of a panic.
	Kept bool `json:"kept,omitempty"`
	// Wish is what people want of it, "drain", "down" or "maintenance"; empty
	// leaves it to its checks. Drained says that its place in IPVS is gone for
	// that, and ByHand is the weight that people gave it.
	Wish    string `json:"wish,omitempty"`
	Drained bool   `json:"drained,omitempty"`
	ByHand  *int   `json:"weight_by_hand,omitempty"`
	// Unproven says that it left maintenance and gets no clients before its
	// checks have a result.
	Unproven bool    `json:"unproven,omitempty"`
	Checks   []Check `json:"checks"`
}

// Check is one check of a real server.
type Check struct {
	Kind string `json:"kind"`
	// Number is its place among these checks, from 1, where the real server has more of
	// that kind that connect to one place; 0 else.
	Number int `json:"number,omitempty"`
	// Place is where it connects to, unless that is the address and port of the real
	// server.
	Place string `json:"connects_to,omitempty"`
	// Follows names the file or the BFD session that it follows instead of
	// running.
	Follows  string  `json:"follows,omitempty"`
	State    string  `json:"state"`
	SinceAge float64 `json:"state_age_s"`
	// Assumed says that no result of its own made the state: it is that of the
	// beginning, of the check that a reload replaced, or of on_unknown.
	Assumed bool `json:"state_assumed,omitempty"`
	// Verdict is the last one, "ok", "failed" or "unknown", and "" before the
	// first.
	Verdict    string   `json:"last_verdict,omitempty"`
	Message    string   `json:"last_message,omitempty"`
	VerdictAge *float64 `json:"last_verdict_age_s"`
	Took       float64  `json:"last_run_took_s"`
	InARow     int      `json:"contradicting_in_a_row"`
	// UnknownAge is for how long there have been unknown verdicts only.
	UnknownAge *float64 `json:"unknown_age_s,omitempty"`
	Running    bool     `json:"running,omitempty"`
	// DueIn is when it runs next; null while it runs, rests or follows.
	DueIn   *float64 `json:"due_in_s"`
	Resting bool     `json:"rests,omitempty"`
	// Weight is the absolute weight that it told last.
	Weight *int `json:"weight,omitempty"`
	// MostLate is how late a run began at most, and Missed how many were left
	// out.
	MostLate float64 `json:"most_late_s"`
	Missed   uint32  `json:"missed_runs"`
	History  []Span  `json:"history"`
}

// Span is some equal verdicts, one after the other.
type Span struct {
	Verdict  string  `json:"verdict"`
	Count    uint32  `json:"count"`
	FirstAge float64 `json:"first_age_s"`
	LastAge  float64 `json:"last_age_s"`
}

// Probes are the checks of real servers together.
type Probes struct {
	Checks int `json:"checks"`
	// Unknown counts checks whose last verdict is unknown.
	Unknown  int    `json:"checks_without_result"`
	Begun    uint64 `json:"probes_begun"`
	Answered uint64 `json:"probes_answered"`
	// Strange counts answers that nobody waited for: of checks that a reload
	// removed, or too late.
	Strange  uint64  `json:"answers_for_nobody"`
	MostLate float64 `json:"most_late_s"`
	// Late counts probes by how late they began.
	Late []LateBucket `json:"late"`
}

// LateBucket counts probes that began later than the bucket before says, and at
// most that late; the last one has no bound.
type LateBucket struct {
	Within *float64 `json:"within_s"`
	Count  uint64   `json:"count"`
}

// DescribeServices adds the virtual servers. servers are those of all services,
// one after the other.
func (s *Status) DescribeServices(st *node.ServicesStatus, servers []node.ServerStatus) {
	s.Services = make([]Service, 0, len(st.Services))
	for i := range st.Services {
		v := &st.Services[i]
		x := Service{
			Name: v.Name, HasQuorum: v.Quorum, QuorumAge: st.At.Sub(v.Since).Seconds(), Weight: v.Weight, Quorum: v.Need, Hysteresis: v.Slack,
			Sorry: v.Sorry, Asleep: v.Asleep, Panic: v.Panics, Servers: make([]RealServer, 0, v.Servers),
		}
		for k := range servers[v.First : v.First+v.Servers] {
			x.Servers = append(x.Servers, realServer(&servers[v.First+k], st.At))
		}
		s.Services = append(s.Services, x)
	}
	p := &st.Probes
	if p.Checks == 0 {
		return
	}
	s.Probes = &Probes{Checks: p.Checks, Unknown: p.Dark, Begun: p.Begun, Answered: p.Answered, Strange: p.Strange, MostLate: p.MostLate.Seconds()}
	for i, n := range p.Late {
		b := LateBucket{Count: n}
		if i < len(p.Late)-1 {
			b.Within = seconds(time.Millisecond << i)
		}
		s.Probes.Late = append(s.Probes.Late, b)
	}
}

func upDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

func realServer(r *node.ServerStatus, at mono.Instant) RealServer {
	x := RealServer{
		Name: r.Name, State: upDown(r.Up), SinceAge: at.Sub(r.Since).Seconds(), Weight: r.Weight, Configured: r.Configured, Kept: r.Kept, Unproven: r.Unproven,
		Checks: make([]Check, 0, len(r.Checks)),
	}
	if r.Wish != node.WishAuto {
		x.Wish, x.Drained = r.Wish.String(), r.Drained
	}
	if r.Rising >= 0 {
		x.Rising = &r.Rising
	}
	if r.ByHand >= 0 {
		x.ByHand = &r.ByHand
	}
	for i := range r.Checks {
		x.Checks = append(x.Checks, describeCheck(&r.Checks[i], at))
	}
	return x
}

func describeCheck(c *node.CheckStatus, at mono.Instant) Check {
	// A piece may be of a later moment than at.
	age := func(t mono.Instant) *float64 {
		if t == mono.Never {
			return nil
		}
		return seconds(max(0, at.Sub(t)))
	}
	x := Check{
		Kind: c.Kind, Number: c.Number, Place: c.Place, Follows: c.Follows, State: upDown(c.Up), Assumed: !c.Decided, Message: c.Message, VerdictAge: age(c.Last), Took: c.Took.Seconds(),
		InARow: c.Row, UnknownAge: age(c.Dark), Running: c.Running, Resting: c.Suspended, MostLate: c.Late.Most.Seconds(), Missed: c.Late.Missed,
		History: make([]Span, 0, len(c.History)),
	}
	if c.Follows == "" {
		x.SinceAge = *age(c.Since)
	}
	if c.Last != mono.Never {
		x.Verdict = c.Verdict.String()
	}
	if !c.Running && !c.Suspended && c.Due != mono.Never {
		x.DueIn = seconds(c.Due.Sub(at))
	}
	if c.Weighs {
		w := c.Weight
		x.Weight = &w
	}
	for _, sp := range c.History {
		x.History = append(x.History, Span{Verdict: sp.Verdict.String(), Count: sp.Count, FirstAge: *age(sp.First), LastAge: *age(sp.Last)})
	}
	return x
}

// Name is what tells a check from the others of its real server, for people.
func (c *Check) Name() string { return node.CheckName(c.Kind, c.Number, c.Place) }

// Last says what a check said last, for people.
func (c *Check) Last() string {
	switch {
	case c.Follows != "":
		if c.Assumed {
			return "nothing known of " + c.Follows + " yet"
		}
		return c.Message
	case c.Verdict == "":
		return "no result yet"
	}
	text := c.Verdict
	if c.Message != "" {
		text += ": " + c.Message
	}
	if c.Verdict == health.Unknown.String() && c.Assumed {
		text += " (the state is assumed)"
	}
	return text
}

// Doubt says what is not as it should be with a server: "" when all is well.
func (r *RealServer) Doubt() string {
	for i := range r.Checks {
		switch c := &r.Checks[i]; {
		case c.State == "down":
			return fmt.Sprintf("%s is down", c.Name())
		case c.UnknownAge != nil:
			return fmt.Sprintf("%s has no result", c.Name())
		case c.InARow > 0:
			return fmt.Sprintf("%s: %d contrary results in a row", c.Name(), c.InARow)
		}
	}
	return ""
}

// LateBeyond returns the part of probes that began later than that, as far as
// the buckets tell.
func (p *Probes) LateBeyond(limit time.Duration) float64 {
	if p.Begun == 0 {
		return 0
	}
	var late uint64
	for i, b := range p.Late {
		before := 0.0
		if i > 0 {
			before = *p.Late[i-1].Within
		}
		if b.Within == nil || before >= limit.Seconds() {
			late += b.Count
		}
	}
	return float64(late) / float64(p.Begun)
}
