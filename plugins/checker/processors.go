package checker

import (
	"os"
	"runtime"
	"sync"
)

// runner is a checker as what runs its probes; nil when each has a goroutine.
func runner(c Checker) Runner {
	if r, ok := c.(Runner); ok && r.Light() {
		return r
	}
	return nil
}

// frugal has the process of a Runner run on one processor: probes that do next to
// nothing do not gain what it costs to wake a second one for each batch of them.
// Those that compute, as a handshake of TLS does, would wait for each other there
// until their time is over; so it is undone once there is one of these. What the
// environment says of processors stands.
func frugal(c Checker) Checker {
	r := runner(c)
	if r == nil || os.Getenv("GOMAXPROCS") != "" {
		return c
	}
	runtime.GOMAXPROCS(1)
	return &onOne{Checker: c, runner: r}
}

// onOne is a Runner whose process is on one processor.
type onOne struct {
	Checker
	runner Runner
	widen  sync.Once
}

// Light is Runner's.
func (*onOne) Light() bool { return true }

// Run is Runner's.
func (o *onOne) Run(list []Turn) (others []Turn) {
	others = o.runner.Run(list)
	if len(others) > 0 {
		o.widen.Do(runtime.SetDefaultGOMAXPROCS)
	}
	return others
}
