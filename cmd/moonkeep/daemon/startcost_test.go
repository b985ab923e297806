package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/node"
)

// mostPerServer bounds what one more real server takes of memory, in bytes, from the
// text until the node has said what the table should be. With the race detector it is a
// tenth more.
const mostPerServer = 3000

// A start makes all its memory anew, and to get it from the kernel is much of the time
// that tens of thousands of real servers take.
func TestStartCost(t *testing.T) {
	startCost(t, 10) // what is made once
	few, many := startCost(t, 1000), startCost(t, 4000)
	per := (many - few) / 3000
	t.Logf("%d bytes for each real server, %d KiB for all else", per, (int64(few)-1000*int64(per))>>10)
	if per > mostPerServer || per < mostPerServer/4 {
		t.Errorf("each real server takes %d bytes, more than %d, or so little that something was not done", per, mostPerServer)
	}
}

// startCost is how many bytes the start of a daemon takes for so many real servers.
func startCost(t *testing.T, servers int) uint64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keepalived.conf")
	if err := os.WriteFile(path, []byte(manyServers(servers)), 0o600); err != nil {
		t.Fatal(err)
	}
	e := heldEdges(t, time.Hour)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, found, err := OpenConfig(path, "")
	if err != nil || found.Errors() {
		t.Fatal(err, found)
	}
	p, err := e.newProbes(c, knownChecks{})
	if err != nil {
		t.Fatal(err)
	}
	n := build.Node(c)
	said := 0
	for _, a := range node.New(0, n).Step(0, &node.Clock{}) {
		said += len(a.Table)
	}
	runtime.ReadMemStats(&after)
	if said != servers/10 {
		t.Fatalf("the table is to have %d services of %d", said, servers/10)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return after.TotalAlloc - before.TotalAlloc
}

// manyServers is a keepalived.conf of so many real servers, ten in each virtual server.
func manyServers(n int) string {
	var b strings.Builder
	for i := range n {
		if i%10 == 0 {
			fmt.Fprintf(&b, "virtual_server 10.9.%d.%d 80 {\n    delay_loop 300\n    lb_algo rr\n    lb_kind NAT\n    protocol TCP\n", i/2500, i/10%250+1)
		}
		fmt.Fprintf(&b, "    real_server 10.32.%d.%d 80 {\n        weight 10\n        TCP_CHECK {\n            connect_timeout 3\n        }\n    }\n", i/250, i%250+1)
		if i%10 == 9 {
			b.WriteString("}\n")
		}
	}
	return b.String()
}
