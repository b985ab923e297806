package engine

import "time"

// timerAlarm is an Alarm on the runtime's timers.
type timerAlarm struct {
	timer *time.Timer
	rings chan struct{}
}

func newTimerAlarm() *timerAlarm {
	a := &timerAlarm{rings: make(chan struct{}, 1)}
	a.timer = time.AfterFunc(time.Hour, func() {
		select {
		case a.rings <- struct{}{}:
		default: // it rings already
		}
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

func (a *timerAlarm) C() <-chan struct{} { return a.rings }
