package control

// Plugin is a process that makes the checks of one kind.
type Plugin struct {
	Name string `json:"name"`
	// NetNS and User are where it runs, and as who. Process is its number among those
	// of its name there, from 1: they share the checks, or differ in what they may do. It
	// keeps it, and the log calls it by that, too.
	NetNS   string `json:"net_namespace,omitempty"`
	User    string `json:"user,omitempty"`
	Process int    `json:"process"`
	// Path is its file; empty for moonkeep's own.
	Path    string `json:"path,omitempty"`
	Version string `json:"version,omitempty"`
	// State is starting, running, waiting (it failed, and is started again
	// soon) or tripped (it fails again and again, and is tried less often).
	State string `json:"state"`
	// PID is 0 while there is none.
	PID int     `json:"pid,omitempty"`
	Age float64 `json:"age_s,omitempty"`
	// Starts counts processes since the kind came into the configuration, and
	// Failures those that could not be started, ended, hung, or broke the
	// protocol.
	Starts   int    `json:"starts"`
	Failures uint64 `json:"failures"`
	// Checks is how many it has, and Pending how many of their probes are
	// under way.
	Checks  int `json:"checks"`
	Pending int `json:"pending"`
	// Refused is how many of Checks it refuses to make, and Refusal one of them with
	// the reason.
	Refused int    `json:"refused,omitempty"`
	Refusal string `json:"refusal,omitempty"`
	// Answered counts probes with a verdict, Unknown those without one, Late
	// answers that came too late.
	Answered uint64 `json:"answered"`
	Unknown  uint64 `json:"unknown"`
	Late     uint64 `json:"late"`
	// Reason is why it does not run, and Retry in how many seconds it is
	// started again.
	Reason string  `json:"reason,omitempty"`
	Retry  float64 `json:"retry_s,omitempty"`
}
