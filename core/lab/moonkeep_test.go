//go:build linux

package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// programVariable names a moonkeep that was built from this tree already, as
// `make test` does, which saves building it here.
const programVariable = "MOONKEEP_PROGRAM"

// built is the moonkeep program, built when the first test asks for it.
type built struct {
	once sync.Once
	dir  string
	file string
	err  error
}

var underTest built

func (b *built) path() (string, error) {
	b.once.Do(func() {
		if b.file = os.Getenv(programVariable); b.file != "" {
			return
		}
		if b.dir, b.err = os.MkdirTemp("", "moonkeep-program-"); b.err != nil {
			return
		}
		b.file = filepath.Join(b.dir, "moonkeep")
		cmd := exec.Command("go", "build", "-o", b.file, "github.com/moonkeep/moonkeep/cmd/moonkeep")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			b.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	return b.file, b.err
}

func (b *built) remove() {
	if b.dir != "" {
		os.RemoveAll(b.dir)
	}
}

// needMoonkeep returns the path of the program or skips the test.
func needMoonkeep(t *testing.T) string {
	t.Helper()
	netnstest.New(t) // skips without root
	if _, err := exec.LookPath("go"); err != nil && os.Getenv(programVariable) == "" {
		t.Skip("needs go: the program under test is built from this tree")
	}
	path, err := underTest.path()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// moonkeeps is moonkeep for each node of the plan.
func moonkeeps(t *testing.T, plan *Plan) []Daemon {
	t.Helper()
	return slices.Repeat([]Daemon{Moonkeep{Binary: needMoonkeep(t)}}, len(plan.Nodes))
}

// slack is what a measured time may be longer than the protocol allows.
func slack(l *Lab) time.Duration { return busy.times(150*ms) + 2*l.Probing().Slowest }

// little is the longest gap that counts as none.
func little(l *Lab) time.Duration { return busy.times(20*ms) + 2*l.Probing().Slowest }

// status asks the node's daemon as a user would.
func status(n *machine) (*control.Status, error) {
	program, err := underTest.path()
	if err != nil {
		return nil, err
	}
	out, err := exec.Command(program, "status", "--json", "--run-dir", n.site.RunDir).Output()
	if err != nil {
		return nil, fmt.Errorf("status of node %s: %w", n.Name, err)
	}
	var s control.Status
	if err := json.Unmarshal(out, &s); err != nil {
		return nil, fmt.Errorf("status of node %s: %w\n%s", n.Name, err, out)
	}
	return &s, nil
}

// agree holds every moonkeep's word on its role and its addresses against its
// kernel and the client. A move is not the same instant to all of them, so it
// is enough when they agree soon.
func agree(t *testing.T, l *Lab) {
	t.Helper()
	patience := busy.times(2 * time.Second)
	for end := time.Now().Add(patience); ; time.Sleep(10 * ms) {
		before := l.Holdings()
		bad := disagree(t, l, before)
		if len(bad) == 0 && reflect.DeepEqual(before, l.Holdings()) {
			return
		}
		if time.Now().After(end) {
			t.Errorf("status and the client do not agree for %s: %s", patience, strings.Join(bad, "; "))
			return
		}
	}
}

// disagree says what of each status does not fit.
func disagree(t *testing.T, l *Lab, holdings []Holding) []string {
	t.Helper()
	var bad []string
	for i, n := range l.nodes {
		if _, ours := n.daemon.(Moonkeep); !ours || n.proc == nil || !n.proc.running() {
			continue
		}
		s, err := status(n)
		if err != nil {
			bad = append(bad, err.Error()) // just started, perhaps
			continue
		}
		for _, x := range s.Instances {
			for _, a := range x.Addresses {
				if addr := netip.MustParsePrefix(a.Address).Addr(); addr.Is6() {
					// The client does not probe it.
					stands, err := n.host.has(addr, a.Device)
					if err != nil {
						t.Fatal(err)
					}
					if master := x.Role == "MASTER"; a.Held != stands || master != a.Held {
						bad = append(bad, fmt.Sprintf("node %s says %s and held: %t of %s; it stands there: %t", n.Name, x.Role, a.Held, a.Address, stands))
					}
					continue
				}
				at := slices.IndexFunc(l.plan.Targets, func(g Target) bool {
					// One on an interface of the virtual router's own is on the link below.
					return g.Addr == netip.MustParsePrefix(a.Address).Addr() && (g.Link == a.Device || strings.HasPrefix(a.Device, "vrrp"))
				})
				if at < 0 {
					t.Fatalf("status of node %s has %s on %s, which no file has", n.Name, a.Address, a.Device)
				}
				h := holdings[at]
				master, stands, answers := x.Role == "MASTER", slices.Contains(h.Stands, i), h.Answers == i
				if a.Held != stands || master != a.Held || answers && !master || master && !answers && !l.alone(i) {
					bad = append(bad, fmt.Sprintf("node %s says %s and held: %t of %s; it stands there: %t, and the client has it from node %d",
						n.Name, x.Role, a.Held, a.Address, stands, h.Answers))
				}
			}
		}
	}
	return bad
}

// alone reports whether the node is cut off from the client.
func (l *Lab) alone(node int) bool {
	return l.net.cut[node] || slices.ContainsFunc(l.net.ports[node], func(p string) bool { return l.net.down[p] })
}

// moved are the moves to another node that the client saw since then. Moves
// are told late, so it is their own time that counts.
func moved(l *Lab, since time.Duration) []Move {
	return slices.DeleteFunc(l.Moves(), func(m Move) bool { return !m.Moved() || m.Next < since })
}

// awaitMove is moved, with the time that it takes until a move is told.
func awaitMove(t *testing.T, l *Lab, since time.Duration) []Move {
	t.Helper()
	return awaitMoves(t, l, since, 1)
}

// awaitMoves is moved, with the time that it takes until so many are told.
func awaitMoves(t *testing.T, l *Lab, since time.Duration, count int) []Move {
	t.Helper()
	var m []Move
	for end := time.Now().Add(busy.times(2 * lateAfter)); time.Now().Before(end); time.Sleep(look) {
		if m = moved(l, since); len(m) >= count {
			break
		}
	}
	return m
}

// lastMark is when the last step was carried out.
func lastMark(l *Lab) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.marks[len(l.marks)-1].At
}
