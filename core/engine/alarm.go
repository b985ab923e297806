package engine

import (
	"sync/atomic"
	"time"
)

// timerAlarm is an Alarm on the runtime's timers. One that goes off while it is set
// anew may count as if that went off.
type timerAlarm struct {
	timer *time.Timer
	off   atomic.Bool
	rings chan struct{}
}

func newTimerAlarm() *timerAlarm {
	a := &timerAlarm{rings: make(chan struct{}, 1)}
	a.timer = time.AfterFunc(time.Hour, func() {
		a.off.Store(true)
		a.Ring()
	})
	a.timer.Stop()
	return a
}

func (a *timerAlarm) Set(d time.Duration) error {
	if d < 0 {
		a.timer.Stop()
	} else {
		a.timer.Reset(d)
	}
	return nil
}

func (a *timerAlarm) Wait() (off bool, err error) {
	<-a.rings
	return a.off.Swap(false), nil
}

func (a *timerAlarm) Ring() {
	select {
	case a.rings <- struct{}{}:
	default: // it was rung already
	}
}
