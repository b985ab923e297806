package plan

import (
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// Report is a plan for programs: what `moonkeep plan --json` prints. Fields are added,
// never renamed or removed.
type Report struct {
	Changes []ReportChange `json:"changes"`
	// Effect is the gravest of the changes', empty when there are none.
	Effect string `json:"effect"`
	// Outage is the longest of the changes', in seconds.
	Outage float64 `json:"outage"`
	// Refused is why a reload is refused unless it is forced: mistakes that are
	// new, or nothing that is left to run. Not to be forced is what a plugin refuses of
	// checks that are new, what the host lacks or another moonkeep of it has already, and what the
	// daemon's flags and its environment make of the configuration when that is an error.
	Refused []string `json:"refused,omitempty"`
	// Warnings are what could not be found out, such as whether a plugin takes its checks.
	Warnings []string `json:"warnings,omitempty"`
}

// ReportChange is an Item of a Report.
type ReportChange struct {
	// What is added, removed, changed or reordered.
	What string `json:"what"`
	Path string `json:"path"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
	// Effect is ignored, nothing, restart, shifts, moves, divides, interrupts
	// or refused.
	Effect string  `json:"effect"`
	Why    string  `json:"why"`
	Outage float64 `json:"outage"`
	File   string  `json:"file,omitempty"`
	Line   int     `json:"line,omitempty"`
}

// NewReport compares two configurations, each with the host's defaults.
func NewReport(old, next *config.Config) Report {
	items := Compare(schema.New(), old, next)
	p := Report{Changes: []ReportChange{}}
	for _, i := range items {
		p.Changes = append(p.Changes, ReportChange{
			What: i.What, Path: i.Path, Old: i.Old, New: i.New, Effect: i.Effect.String(), Why: i.Why,
			Outage: i.Outage.Seconds(), File: i.At.File(), Line: i.At.Line(),
		})
	}
	if len(items) > 0 {
		effect, outage := Worst(items)
		p.Effect, p.Outage = effect.String(), outage.Seconds()
	}
	return p
}

// Beside adds changes that are none of the configuration and disturb nobody, such as of
// a program that it names.
func (r *Report) Beside(changes []ReportChange) {
	r.Changes = append(r.Changes, changes...)
	if len(changes) > 0 && (r.Effect == "" || r.Effect == Ignored.String()) {
		r.Effect = Nothing.String()
	}
}
