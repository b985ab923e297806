package daemon

import (
	"strings"
	"testing"
)

// TestRawSocket reads lines of /proc/net/raw as kernels write them.
func TestRawSocket(t *testing.T) {
	const line = "  112: 00000000:%s 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 27213 2 00000000f4e6ed8a 0\n"
	for protocol, want := range map[string]bool{"0070": true, "0033": true, "0001": false, "00FF": false} {
		inode, speaks := rawSocket(strings.Replace(line, "%s", protocol, 1))
		if inode != "27213" || speaks != want {
			t.Errorf("protocol %s: inode %q, speaks %v, want 27213 and %v", protocol, inode, speaks, want)
		}
	}
	if inode, speaks := rawSocket("  sl  local_address rem_address\n"); inode != "" || speaks {
		t.Errorf("the head of the table counts as socket %q", inode)
	}
}
