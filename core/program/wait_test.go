package program

import (
	"syscall"
	"testing"
	"time"
)

// Kernels without pidfds are waited on by a thread.
func TestEndedWaitsAndDoesNotReap(t *testing.T) {
	pid, err := syscall.ForkExec("/bin/sleep", []string{"sleep", "0.1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ended(pid, wNoHang) {
		t.Error("it has ended at once")
	}
	r := &run{pid: pid}
	begin := time.Now()
	r.await()
	if took := time.Since(begin); took < 50*time.Millisecond {
		t.Errorf("waited %s only", took)
	}
	if !ended(pid, wNoHang) || !exists(pid) {
		t.Error("it was reaped")
	}
	var status syscall.WaitStatus
	if got, err := syscall.Wait4(pid, &status, 0, nil); got != pid || err != nil || status.ExitStatus() != 0 {
		t.Errorf("got process %d, status %v, error %v", got, status, err)
	}
	if !ended(pid, wNoHang) {
		t.Error("a process that is not ours to wait for has not ended")
	}
}
