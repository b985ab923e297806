//go:build linux

package alarm

import (
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newAlarm(t *testing.T) *Alarm {
	t.Helper()
	a, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func set(t *testing.T, a *Alarm, d time.Duration) {
	t.Helper()
	if err := a.Set(d); err != nil {
		t.Fatal(err)
	}
}

func TestRingsInTime(t *testing.T) {
	a := newAlarm(t)
	var late []time.Duration
	for range 50 {
		begin := time.Now()
		set(t, a, 2*time.Millisecond)
		<-a.C()
		took := time.Since(begin)
		if took < 2*time.Millisecond {
			t.Fatalf("rang after %v, set to 2 ms", took)
		}
		late = append(late, took-2*time.Millisecond)
	}
	slices.Sort(late)
	t.Logf("median lateness %v, worst %v", late[len(late)/2], late[len(late)-1])
	if m := late[len(late)/2]; m > 5*time.Millisecond {
		t.Errorf("median lateness is %v", m)
	}
}

func TestSetAgainReplaces(t *testing.T) {
	a := newAlarm(t)
	set(t, a, time.Millisecond)
	set(t, a, -1)
	select {
	case <-a.C():
		t.Error("a disarmed alarm rang")
	case <-time.After(30 * time.Millisecond):
	}
	set(t, a, time.Hour)
	set(t, a, 0)
	select {
	case <-a.C():
	case <-time.After(5 * time.Second):
		t.Error("an alarm that is due did not ring")
	}
}
