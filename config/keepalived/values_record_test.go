package keepalived

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// askForValues runs keepalived with a file, in namespaces of its own where eth0 has
// 192.0.2.5, and returns what it says of its instances and scripts.
func askForValues(t *testing.T, conf string) string {
	t.Helper()
	path, err := filepath.Abs(conf)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	// The dump is always /tmp/keepalived.data.
	const script = `set -e
mount -t tmpfs none /run
cp "$1" /run/k.conf
mount -t tmpfs none /tmp
ip link set lo up
ip link add eth0 type veth peer name e1
ip addr add 192.0.2.5/24 dev eth0
ip link set e1 up
ip link set eth0 up
keepalived -n -l -P -f /run/k.conf -p /run/k.pid -r /run/v.pid >/run/log 2>&1 &
for i in 1 2 3 4 5 6 7 8 9 10; do [ -s /run/v.pid ] && break; sleep 0.2; done
sleep 0.5
kill -USR1 "$(cat /run/k.pid)"
sleep 1
cat /tmp/keepalived.data
kill "$(cat /run/k.pid)"
wait`
	out, err := exec.CommandContext(ctx, "unshare", "-n", "-m", "-p", "-f", "--mount-proc", "sh", "-c", script, "sh", path).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// recordValues writes down what keepalived makes of testdata/values.in: of each
// instance and script the lines that TestValues knows.
func recordValues(t *testing.T, to string) {
	t.Helper()
	var b strings.Builder
	of, list := "", ""
	for line := range strings.Lines(askForValues(t, "testdata/values.in")) {
		word := strings.TrimSpace(line)
		key, value, _ := strings.Cut(word, " = ")
		switch indent := len(line) - len(strings.TrimLeft(line, " ")); {
		case key == "VRRP Instance" || key == "VRRP Script":
			of, list = value, ""
			b.WriteString(value + "\n")
		case strings.HasPrefix(line, "---"):
			of = ""
		case of == "":
		case indent == 5 && list != "":
			for _, rest := range []string{" preferred_lft", " deprecated", " home", " noprefixroute", " set"} {
				word, _, _ = strings.Cut(word, rest)
			}
			b.WriteString("  " + list + " " + word + "\n")
		case strings.HasPrefix(word, "Virtual IP Excluded"):
			list = "excluded"
		case strings.HasPrefix(word, "Virtual IP"):
			list = "address"
		case word == "Tracked scripts :":
			list = "script"
		default:
			if list = ""; valueLines()[key] {
				b.WriteString("  " + key + " = " + value + "\n")
			}
		}
	}
	if err := os.WriteFile(to, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
