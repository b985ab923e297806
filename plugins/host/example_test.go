//go:build linux

package host

import (
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
)

// installed is a program of the repository where only root can write.
func installed(t *testing.T, from string) string {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	path := filepath.Join(openDir(t), filepath.Base(from))
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPythonExample is the checker in Python of examples, which speaks lines.
func TestPythonExample(t *testing.T) {
	nothingLeft(t)
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		t.Skip("needs /usr/bin/python3: the example is in Python")
	}
	needRoot(t)
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			reply := make([]byte, n)
			reply[0], reply[1] = 0x24, 3 // version 4, server; stratum 3
			_, _ = server.WriteTo(reply, from)
		}
	}()
	s := newSite(t, quick(t))
	path := installed(t, "../../examples/plugin-python/NTP_CHECK")
	at := server.LocalAddr().(*net.UDPAddr).AddrPort()
	of := func(number uint32, options map[string]string) Check {
		c := check(number, "NTP_CHECK", "")
		raw, err := json.Marshal(options)
		if err != nil {
			t.Fatal(err)
		}
		c.Options, c.Identity, c.Target.Address = raw, string(raw), at
		return c
	}
	silent := of(3, nil)
	silent.Identity, silent.Target.Address = "silent", closedPort(t)
	bound, broadcast := of(4, nil), of(5, nil)
	bound.Identity, bound.Target.BindIf = "bound", "lo"
	broadcast.Identity, broadcast.Target.Address = "broadcast", netip.MustParseAddrPort("255.255.255.255:123")
	s.open(Plan{
		Checks:  []Check{of(0, map[string]string{"max_stratum": "4"}), of(1, map[string]string{"max_stratum": "2"}), of(2, map[string]string{"stratum": "2"}), silent, bound, broadcast},
		Plugins: []Plugin{{Name: "NTP_CHECK", Path: path, Memory: 64 << 20}},
	})
	for number, want := range []struct {
		verdict health.Verdict
		message string
	}{
		{health.OK, "stratum 3, 0.0 ms from its source"},
		{health.Failed, "its stratum is 3, more than 2"},
		{health.Unknown, `there is no option "stratum"`},
		{health.Failed, "refused"},
		{health.Unknown, "NTP_CHECK cannot do bind_if"},
		{health.Unknown, "Permission denied"}, // this side may not
	} {
		if a := s.probe(uint32(number)); a.Verdict != want.verdict || !strings.Contains(a.Message, want.message) {
			t.Errorf("check %d: %v %q, want %v %q", number, a.Verdict, a.Message, want.verdict, want.message)
		}
	}
	// It stays alive by answering signs of life.
	time.Sleep(4 * s.host.opts.Ping)
	if st := s.status(); st.State != Running || st.Starts != 1 || st.Version != "1" {
		t.Errorf("status %+v", st)
	}
	begin := time.Now()
	s.close()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %s to end", took)
	}
}
