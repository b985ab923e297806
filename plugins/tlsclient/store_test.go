package tlsclient

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/tlsclient/tlstest"
)

// TestShared: thousands of checks that name the same certificates keep them once,
// and those that name none of their own keep none.
func TestShared(t *testing.T) {
	own := tlstest.New(t)
	cert, key := tlstest.Texts(t, own.Issue(t, tlstest.Name, time.Hour))
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, []byte(own.PEM), 0o600); err != nil {
		t.Fatal(err)
	}
	const n = 2000
	for _, test := range []struct {
		name string
		s    Settings
	}{
		{"the system's", Settings{Verify: true}},
		{"from a file", Settings{Verify: true, CA: ca}},
		{"a key", Settings{Certificate: cert, Key: key}},
	} {
		var store Store
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		configs := make([]*tls.Config, n)
		for i := range configs {
			c, err := test.s.Config(&store, Name{Server: tlstest.Name})
			if err != nil {
				t.Fatal(err)
			}
			configs[i] = c
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n
		t.Logf("%s: %d bytes a check", test.name, each)
		if each > 2<<10 {
			t.Errorf("%s: %d bytes a check", test.name, each)
		}
		runtime.KeepAlive(configs)
	}
}
