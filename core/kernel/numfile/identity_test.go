//go:build linux

package numfile

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// lockedAs calls f on a thread whose file system identity is another user's.
// The thread ends with the goroutine.
func lockedAs(t *testing.T, uid int, f func()) {
	runtime.LockOSThread()
	if _, err := unix.SetfsuidRetUid(uid); err != nil {
		t.Error(err)
	}
	f()
}
