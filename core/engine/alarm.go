package engine

import "time"

// timerAlarm is an Alarm on the runtime's timers. It does not tell one that went
// off from one that somebody rang.
type timerAlarm struct {
	timer *time.Timer
	rings chan struct{}
}

func newTimerAlarm() *timerAlarm {
	a := &timerAlarm{rings: make(chan struct{}, 1)}
	a.timer = time.AfterFunc(time.Hour, a.Ring)
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
	return true, nil
}

func (a *timerAlarm) Ring() {
	select {
	case a.rings <- struct{}{}:
	default: // it was rung already
	}
}
