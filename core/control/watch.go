package control

import (
	"fmt"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/track"
)

// File is a tracked file.
type File struct {
	Name string `json:"name"`
	// Value is the number in it, null when that is not known.
	Value *int64 `json:"value"`
	// Missing is true when there is no file, which counts as 0.
	Missing bool `json:"missing"`
	// Error is why the file is of no use: those in TrackedBy are FAULT.
	Error string `json:"error,omitempty"`
	// SinceAge is how long it has been so, null before the first look.
	SinceAge  *float64 `json:"since_age_s"`
	TrackedBy []string `json:"tracked_by"`
}

// Process is a tracked process.
type Process struct {
	Name     string   `json:"name"`
	State    string   `json:"state"`
	SinceAge *float64 `json:"state_age_s"`
	// Count is how many run, null when that is not known; Least and Most how
	// many must, with Most null where any more may.
	Count *int `json:"count"`
	Least int  `json:"quorum"`
	Most  *int `json:"quorum_max"`
	// ChangesIn is when the state changes if the count stays, null when it
	// does not.
	ChangesIn *float64 `json:"state_changes_in_s"`
	// Fewer says that it changes because some ended.
	Fewer bool `json:"-"`
	// Method is how processes are counted.
	Method string `json:"counted_by"`
	// Error is why they cannot be counted: those in TrackedBy are FAULT.
	Error     string   `json:"error,omitempty"`
	TrackedBy []string `json:"tracked_by"`
}

func describeFile(f *node.FileStatus, age func(mono.Instant) *float64) File {
	x := File{Name: f.Name, Missing: f.Missing, Error: f.Failure, TrackedBy: append([]string{}, f.Users...)}
	if f.Known {
		x.SinceAge = age(f.Since)
		if f.Failure == "" {
			x.Value = &f.Value
		}
	}
	return x
}

func describeProcess(p *node.ProcessStatus, age, in func(mono.Instant) *float64) Process {
	x := Process{
		Name: p.Name, State: p.State, Least: p.Quorum.Least, ChangesIn: in(p.Changes), Fewer: p.Fewer,
		Method: p.Method, Error: p.Failure, TrackedBy: append([]string{}, p.Users...),
	}
	if p.State != track.Unknown.String() {
		x.SinceAge = age(p.Since)
		if p.Failure == "" {
			x.Count = &p.Count
		}
	}
	if p.Quorum.Most != track.NoMost {
		x.Most = &p.Quorum.Most
	}
	return x
}

// Wanted says how many processes must run.
func (p *Process) Wanted() string {
	switch {
	case p.Most == nil:
		return fmt.Sprintf("at least %d", p.Least)
	case *p.Most == p.Least:
		return fmt.Sprint(p.Least)
	}
	return fmt.Sprintf("%d to %d", p.Least, *p.Most)
}
