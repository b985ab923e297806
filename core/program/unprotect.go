package program

import (
	"os"
	"strconv"
	"strings"
)

// Unprotect has the kernel end a process, when it is out of memory, as soon as it
// would any other: that the daemon is spared is for the daemon. path is the process's
// oom_score_adj in /proc. One of which that cannot be had is spared, too.
func Unprotect(path string) {
	if spared(path) {
		_ = os.WriteFile(path, []byte("0"), 0) // whoever raises it needs no right
	}
}

// spared reports whether a process is one of the last that the kernel ends then.
func spared(path string) bool {
	b, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	return err == nil && n < 0
}
