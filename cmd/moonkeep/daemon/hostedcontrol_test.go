package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/plugins/checker"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// asking is a plugin whose result says what the control socket answers.
const asking = `#!/usr/bin/python3
import json, socket, sys
def send(m): print(json.dumps(m), flush=True)
def ask():
    try:
        s = socket.socket(socket.AF_UNIX)
        s.connect("%s")
        s.sendall(b"GET /v1/nothing HTTP/1.0\r\n\r\n")
        return "answer: " + s.recv(100).decode()
    except OSError as e: return repr(e)
send({"hello": {"protocol": 1, "name": "ASK"}})
for line in sys.stdin:
    m = json.loads(line)
    for p in m.get("prepare", []): send({"prepared": [{"check": p["check"]}]})
    if "ping" in m: send({"pong": m["ping"]})
    for s in m.get("start", []):
        send({"results": [{"check": s["check"], "probe": s["probe"], "verdict": "ok", "message": ask()}]})
`

// TestPluginIsCutOff: a plugin has no answer from the control socket, also where it has the
// daemon's user.
func TestPluginIsCutOff(t *testing.T) {
	e := hostedEdges(t)
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		t.Skip("needs /usr/bin/python3: something that connects to a socket")
	}
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d := &daemon{edges: e, log: slog.New(slog.DiscardHandler)}
	s, err := control.Listen(dir, d)
	if err != nil {
		t.Fatal(err)
	}
	served := answer(s.Serve, d.log)
	defer func() {
		if err := s.Close(); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
		<-served
	}()
	file := filepath.Join(dir, "ASK")
	if err := os.WriteFile(file, fmt.Appendf(nil, asking, filepath.Join(dir, control.SocketName)), 0o755); err != nil {
		t.Fatal(err)
	}
	c := pluginhost.Check{Subject: &pluginhost.Subject{
		Kind: "ASK", Identity: "a", Label: "a", Options: []byte("{}"), Limit: 20 * time.Second, Patience: 30 * time.Second,
		Target: checker.Target{Address: netip.MustParseAddrPort("192.0.2.1:80"), Timeout: time.Second},
	}}
	got, err := e.plugins.Probe(context.Background(), c, pluginhost.Plugin{Name: "ASK", Path: file, User: "root"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Verdict != checker.OK || strings.Contains(got.Message, "HTTP/") {
		t.Errorf("%v: the control socket said %q", got.Verdict, got.Message)
	}
}
