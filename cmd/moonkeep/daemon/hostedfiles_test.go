package daemon

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
	"github.com/moonkeep/moonkeep/plugins/tlsclient/tlstest"
)

// TestHostedFiles holds that a checker is given what it may not read, and
// nothing that everybody may.
func TestHostedFiles(t *testing.T) {
	dir := t.TempDir()
	cert, key := tlstest.Texts(t, tlstest.New(t).Issue(t, tlstest.Name, time.Hour))
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret := file("key", "some text before\n"+key, 0o600)
	options := func(o map[string]string) json.RawMessage {
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	h := hostedFiles{}
	out, sum, err := h.into(options(map[string]string{"certificate": cert, "key": secret, "sni_name": "a"}))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if got["key"] != key || got["certificate"] != cert || got["sni_name"] != "a" {
		t.Errorf("the checker gets %q", got)
	}
	// A file that changed makes another check of it.
	_, other := tlstest.Texts(t, tlstest.New(t).Issue(t, tlstest.Name, time.Hour))
	file("key", other, 0o600)
	if _, again, err := (hostedFiles{}).into(options(map[string]string{"certificate": cert, "key": secret, "sni_name": "a"})); err != nil || again == sum {
		t.Errorf("the sum stays %s, %v", again, err)
	}
	// What everybody may read is left where it is. The test's own folder is
	// nobody's but ours.
	const public = "/etc/ssl/certs/ca-certificates.crt"
	if _, err := os.Stat(public); err == nil && everybodys(public) {
		out, _, err := h.into(options(map[string]string{"ca": public}))
		if err != nil || !strings.Contains(string(out), public) {
			t.Errorf("%.100s, %v", out, err)
		}
	}
	// The largest of them go to a checker together.
	lines := file("lines", "-----BEGIN "+strings.Repeat(strings.Repeat("x", 64)+"\n", (maxCopied-20)/65), 0o600)
	out, _, err = h.into(options(map[string]string{"ca": lines, "certificate": lines, "key": lines}))
	if err != nil {
		t.Fatal(err)
	}
	plan := pluginhost.Plan{Checks: []pluginhost.Check{{Subject: &pluginhost.Subject{Kind: "SSL_GET", Options: out, Limit: 1, Patience: 2}}}}
	if err := (pluginhost.Options{}).Check(plan); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"):    "no such file",
		dir:                           "is no file with certificates",
		file("text", "no PEM", 0o600): "has nothing in PEM",
		file("private", "-----BEGIN "+strings.Repeat("x", maxCopied), 0o600): "not everybody may read",
		file("large", strings.Repeat("x", maxPEM+1), 0o600):                  "is no file with certificates",
	} {
		if _, _, err := h.into(options(map[string]string{"key": path})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", path, err, want)
		}
	}
}
