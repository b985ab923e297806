package lua

import "context"

// Host is what the scripts of one daemon share, and how they reach it. Any
// field may be nil: then a script keeps and publishes for itself alone, and
// functions that ask the daemon fail and say so.
type Host struct {
	// Processes is the table of this host's processes.
	Processes *Processes
	// Store keeps values of scripts.
	Store *Store
	// Metrics are what scripts publish.
	Metrics *Metrics
	// Status returns the daemon's state as JSON, in the shape of moonkeep
	// status --json. It is called on a goroutine of a script and may not wait
	// long.
	Status func(context.Context) ([]byte, error)
	// Mail sends a mail to these addresses, or to those of the configuration
	// when there are none. It returns when the server has it.
	Mail func(ctx context.Context, to []string, subject, body string) error
	// Control steers this node.
	Control Control
	// SystemBus is the address of the D-Bus on which systemd answers; empty
	// means the system's.
	SystemBus string
	// Cell makes the control group of one run of a program: its descriptor, 0 for the
	// daemon's, and what is called when the program has ended, to end what is left of
	// it if kill says so. Nil leaves programs in the daemon's.
	Cell func() (fd int, end func(kill bool))
}

// Control steers this node on behalf of a script that was granted it.
type Control interface {
	// Maintenance gives everything up, or takes part again.
	Maintenance(ctx context.Context, on bool) error
	// Failover hands an instance over to another node. It returns once that is
	// done, or refused.
	Failover(ctx context.Context, instance string) error
	// Weight gives a real server a weight by hand, in every virtual server that
	// has it; a negative one gives it back to its checks. The server is ADDRESS
	// or ADDRESS:PORT.
	Weight(ctx context.Context, server string, weight int) error
}

// complete returns a host without nil where a script can do with its own.
func (h *Host) complete() *Host {
	var own Host
	if h != nil {
		own = *h
	}
	if own.Processes == nil {
		own.Processes = new(Processes)
	}
	if own.Store == nil {
		own.Store = new(Store)
	}
	if own.Metrics == nil {
		own.Metrics = new(Metrics)
	}
	return &own
}
