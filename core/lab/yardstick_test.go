//go:build linux

package lab

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// yardstick measures how much longer than alone a program of normal priority
// takes on this machine at the moment. The bounds of measured times are wider
// by that factor: what other programs do to a daemon is not the daemon's.
type yardstick struct {
	mu     sync.Mutex
	recent []float64
}

const (
	// burn is the processor time of one measurement, one in each burnEvery.
	burn, burnEvery = 5 * time.Millisecond, 200 * time.Millisecond
	// burns is how many measurements count: those of the last 5 s.
	burns = 25
)

// run measures until the process ends.
func (y *yardstick) run() {
	runtime.LockOSThread() // the clock is the thread's
	for {
		began, worked := time.Now(), threadTime()
		for threadTime()-worked < burn {
		}
		f := float64(time.Since(began)) / float64(threadTime()-worked)
		y.mu.Lock()
		y.recent = append(y.recent, f)
		y.recent = y.recent[max(0, len(y.recent)-burns):]
		y.mu.Unlock()
		time.Sleep(burnEvery)
	}
}

func threadTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		panic(err)
	}
	return time.Duration(ts.Nano())
}

// factor is 1 on a machine that has nothing else to do.
func (y *yardstick) factor() float64 {
	y.mu.Lock()
	defer y.mu.Unlock()
	return max(1, slices.Max(append([]float64{1}, y.recent...)))
}

// times scales a duration by the factor.
func (y *yardstick) times(d time.Duration) time.Duration {
	return time.Duration(float64(d) * y.factor())
}

var busy yardstick
