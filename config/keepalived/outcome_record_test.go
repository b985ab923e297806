package keepalived

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config/schema"
)

// record makes TestOutcomes ask keepalived, and write down what it made of
// each row.
var record = flag.Bool("record", false, "write testdata/outcomes.txt and testdata/values.txt anew; needs keepalived 2.2.7, root, and an interface eth0 with 10.0.0.5/24")

// dubious are values of a keyword at the edges of what it takes, and beyond.
func dubious(key string, k *keyword) []string {
	f := k.bound.field
	lo, hi := f.Bounds()
	_, bad, _ := sampleOf(key, f)
	values := []string{bad}
	unit := int64(time.Second)
	switch f.Unit {
	case "ms":
		unit = int64(time.Millisecond)
	case "us":
		unit = int64(time.Microsecond)
	}
	switch f.Kind {
	case schema.KindBool:
		values = append(values, "off")
	case schema.KindInt, schema.KindInts:
		values = append(values, fmt.Sprint(lo-1), "0", "x", "7x")
		if hi < 1<<62 {
			values = append(values, fmt.Sprint(hi+1))
		}
	case schema.KindDuration:
		values = append(values, "0", "-1", "x", "7x")
		if lo/unit > 1 {
			values = append(values, fmt.Sprint(lo/unit-1))
		}
		if hi < 1<<62 {
			values = append(values, fmt.Sprint(hi/unit+1))
		}
	case schema.KindText:
		if len(f.Enum) > 0 {
			values = append(values, "nonsense")
		}
	}
	if k.min > 0 {
		values = append(values, "")
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// asked is what keepalived does about a text.
type asked struct {
	stops bool
	// said are its complaints, without numbers of lines.
	said []string
}

var lineNumber = regexp.MustCompile(`Line \d+`)

// askKeepalived has keepalived read a text. It stops at it when it exits with
// another status than those of a sound file and of one with complaints, or
// crashes.
func askKeepalived(t *testing.T, dir, text string) asked {
	t.Helper()
	const sound, complaints = 0, 5
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	p := exec.CommandContext(ctx, "/usr/sbin/keepalived", "-t", "-f", path)
	data, err := p.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	code := p.ProcessState.ExitCode()
	a := asked{stops: code != sound && code != complaints}
	for line := range strings.Lines(string(data)) {
		a.said = append(a.said, lineNumber.ReplaceAllString(strings.TrimSpace(line), ""))
	}
	return a
}

// outcomeOf is the word for what keepalived makes of a row: what it says there
// and does not say without it.
func outcomeOf(word string, base, got asked) string {
	if got.stops {
		return "stops"
	}
	complains := false
	for _, said := range got.said {
		if slices.Contains(base.said, said) {
			continue
		}
		if strings.Contains(said, "nknown keyword '"+word+"'") {
			return "unknown"
		}
		complains = true
	}
	if complains {
		return "complains"
	}
	return "takes"
}

// recordOutcomes asks keepalived about each row.
func recordOutcomes(t *testing.T, rows []outcomeRow, path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: keepalived reads no configuration without")
	}
	dir := t.TempDir()
	bases := map[string]asked{}
	var b strings.Builder
	for _, row := range rows {
		base, ok := bases[row.key]
		if !ok {
			base = askKeepalived(t, dir, row.base)
			bases[row.key] = base
		}
		got := askKeepalived(t, dir, row.text)
		fmt.Fprintf(&b, "%s\t%s\n", row.name, outcomeOf(row.word, base, got))
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
