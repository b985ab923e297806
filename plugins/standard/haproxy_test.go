package standard

import (
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// agentServer says its line to everybody who connects.
func agentServer(t *testing.T, line *atomic.Value) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, line.Load().(string)+"\n")
			c.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// TestAgentAsHAProxy holds AGENT_CHECK against the program whose protocol it
// speaks: both hear the same agent, and come to the same state and weight.
func TestAgentAsHAProxy(t *testing.T) {
	haproxy := program(t, "haproxy", "the client of agents that others wrote")
	var line atomic.Value
	line.Store("up ready 100%")
	agent, back := agentServer(t, &line), freePort(t)
	socket := filepath.Join(t.TempDir(), "s")
	start(t, haproxy, "-db", "-f", write(t, "haproxy.cfg", fmt.Sprintf(`
global
	stats socket %s level admin
defaults
	mode tcp
	timeout connect 5s
	timeout client 5s
	timeout server 5s
	timeout check 1m
listen b
	bind 127.0.0.1:%d
	server s 127.0.0.1:%d weight 40 agent-check agent-port %[4]d agent-inter 20ms
`, socket, back, freePort(t), agent)))
	await(t, back)
	// What haproxy made of the agent: its state and its weight.
	stat := func() (string, int) {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "show stat\n")
		table, err := csv.NewReader(c).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, fields := range table {
			if fields[1] == "s" {
				weight, err := strconv.Atoi(fields[18])
				if err != nil {
					t.Fatal(err)
				}
				return fields[17], weight
			}
		}
		t.Fatal("haproxy has no such server")
		return "", 0
	}
	p, err := New("AGENT_CHECK").Prepare(target(agent), mustOptions(t, `{"weight":40}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		line, state string
		verdict     checker.Verdict
		// weight is haproxy's, and ours where it is not the same.
		weight, ours int
	}{
		{"up ready 100%", "no check", checker.OK, 40, 40},
		{"75%", "no check", checker.OK, 30, 30},
		{"up,33%", "no check", checker.OK, 13, 13},
		{"1%", "no check", checker.OK, 0, 1}, // a part that is not nothing stays some
		{"150%", "no check", checker.OK, 60, 60},
		{"down", "DOWN", checker.Failed, 60, 60},
		{"100%", "DOWN", checker.Failed, 40, 40},
		{"up", "no check", checker.OK, 40, 40},
		{"fail #disk", "DOWN", checker.Failed, 40, 40},
		{"UP", "no check", checker.OK, 40, 40},
		{"stopped # again 5%", "DOWN", checker.Failed, 40, 40},
		{"up", "no check", checker.OK, 40, 40},
		{"maint", "MAINT", checker.Failed, 40, 40},
		{"up", "MAINT", checker.Failed, 40, 40},
		{"ready", "no check", checker.OK, 40, 40},
		{"drain", "DRAIN", checker.OK, 40, 0}, // IPVS drains a server by the weight 0
		{"ready maxconn:7 25%", "no check", checker.OK, 10, 10},
	} {
		line.Store(test.line)
		state, weight := "", 0
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if state, weight = stat(); strings.HasPrefix(state, test.state) && weight == test.weight {
				break
			}
		}
		if !strings.HasPrefix(state, test.state) || weight != test.weight {
			t.Errorf("haproxy hears %q and has %q with %d, where %q with %d was expected", test.line, state, weight, test.state, test.weight)
		}
		if r := p.Probe(t.Context()); r.Verdict != test.verdict || r.Weight == nil || *r.Weight != test.ours {
			t.Errorf("%q: %v; want %v with %d", test.line, r, test.verdict, test.ours)
		}
	}
}

func mustOptions(t *testing.T, text string) checker.Options {
	t.Helper()
	o, err := checker.NewOptions([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}
