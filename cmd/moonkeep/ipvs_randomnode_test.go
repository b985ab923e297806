package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/kernel/ipvs"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
)

// randomNode is moonkeep's side of a random site: its node, whose probes are answered
// at once by what is known of the servers, and its keeper of the kernel's table. It
// costs a guest next to nothing, so that many are played at once; that the daemon
// does what these do is held by TestGuestSameTable.
type randomNode struct {
	space  *netnstest.Host
	keeper *ipvs.Keeper
	node   *node.Node
	now    mono.Instant
	config *config.Config
	probes map[uint32]build.Probe
	// down are the last parts of addresses, codes and files what programs exit
	// with and files hold.
	down         map[string]bool
	codes, files map[string]int
}

// load reads a configuration as the daemon does.
func (m *randomNode) load(path string) (node.Config, error) {
	c, found, err := load.FileAs(path, "main")
	if err == nil && found.Errors() {
		err = fmt.Errorf("%v", found)
	}
	if err != nil {
		return node.Config{}, err
	}
	load.Defaults(c)
	m.config, m.probes = c, map[uint32]build.Probe{}
	build.EachProbe(c, func(p *build.Probe) { m.probes[p.Check] = *p })
	plan := build.Node(c)
	for _, f := range c.TrackFiles {
		plan.Readings = append(plan.Readings, *m.read(f.Name))
	}
	return plan, nil
}

// read is what is in a file; f1 is file1.
func (m *randomNode) read(name string) *node.FileRead {
	return &node.FileRead{File: name, Value: int64(m.files[strings.TrimPrefix(name, "f")])}
}

// begin starts with a configuration; where it is refused there is no table.
func (m *randomNode) begin(t *testing.T, path string) error {
	m.node, m.keeper = nil, nil
	plan, err := m.load(path)
	if err != nil {
		return err
	}
	m.keeper = ipvs.NewKeeper(ipvs.Options{Log: slog.New(slog.DiscardHandler), Flush: m.config.Global.LVSFlush, Namespace: m.space.NS})
	netnstest.Must(t, m.keeper.Start())
	m.node = node.New(m.now, plan)
	m.host()
	return nil
}

// reload takes another configuration. A daemon that did not begin, for the first was
// refused, is started with it.
func (m *randomNode) reload(t *testing.T, path string) error {
	if m.node == nil {
		return m.begin(t, path)
	}
	plan, err := m.load(path)
	if err != nil {
		return err
	}
	m.keeper.SetTimeouts(ipvs.Timeouts{}) // what was refused is tried again
	m.take(m.node.Reconfigure(m.now, plan))
	m.host()
	return nil
}

// host tells of the addresses of the host.
func (m *randomNode) host() {
	here := map[netip.Addr]bool{}
	for _, v := range m.config.VirtualServers {
		a := v.Address.Addr()
		here[a] = a == netip.MustParseAddr("10.9.0.1") || a == netip.MustParseAddr("fd00:9::1")
	}
	m.take(m.node.Step(m.now, &node.HostHas{Here: here}))
}

// pass has time pass.
func (m *randomNode) pass(d time.Duration) {
	if m.node == nil {
		return
	}
	end := m.now.Add(d)
	for m.now < end {
		m.take(m.node.Tick(m.now))
		m.now = mono.Min(end, max(m.now.Add(time.Millisecond), m.node.Deadline()))
	}
	m.take(m.node.Tick(m.now))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = m.keeper.Wait(ctx)
}

func (m *randomNode) take(actions []node.Action) {
	var answers []node.Probed
	for _, a := range actions {
		switch a.Kind {
		case node.Balance:
			set := balance.Table{}
			for k, s := range a.Table {
				set[k] = s
			}
			m.keeper.Set(set)
		case node.Probe:
			p := node.Probed{Generation: a.Generation}
			for _, x := range a.Asks {
				p.Answers = append(p.Answers, m.answer(x.Check, x.Seq))
			}
			answers = append(answers, p)
		}
	}
	for i := range answers {
		m.take(m.node.Step(m.now, &answers[i]))
	}
}

var codeOf = regexp.MustCompile(`/code"?,? ?"?(\d+)`)

// answer is what a check comes to. All servers listen on port 80, and serve one page.
func (m *randomNode) answer(check, seq uint32) node.Answer {
	p := m.probes[check]
	a := node.Answer{Check: check, Seq: seq, Verdict: health.OK, Message: "imagined"}
	options := string(p.Options)
	if p.Kind == "MISC_CHECK" {
		code := 0
		if of := codeOf.FindStringSubmatch(options); of != nil {
			code = m.codes[of[1]]
		}
		switch dynamic := strings.Contains(options, `"misc_dynamic":true`); {
		case code == 0:
		case dynamic && code > 1:
			a.Weighs, a.Weight = true, int32(code-2)
		default:
			a.Verdict = health.Failed
		}
		return a
	}
	text := p.Address.Addr().String()
	last := text[strings.LastIndexAny(text, ".:")+1:]
	silent := m.down[last] || strings.HasPrefix(text, "fd00:9") || p.Kind == "SSL_GET" || p.Kind != "PING_CHECK" && p.Address.Port() != 80
	if silent || strings.Contains(options, "404") && !strings.Contains(options, "200") {
		a.Verdict = health.Failed
	}
	return a
}

// step has something happen.
func (m *randomNode) step(s *randomStep) {
	for _, n := range s.down {
		m.down[n] = true
	}
	for _, n := range s.up {
		delete(m.down, n)
	}
	for n, code := range s.codes {
		m.codes[n] = code
	}
	for n, value := range s.files {
		m.files[n] = value
		if m.node != nil {
			m.take(m.node.Step(m.now, m.read("f"+n)))
		}
	}
}

// end leaves no service.
func (m *randomNode) end(t *testing.T) {
	if m.keeper != nil {
		netnstest.Must(t, m.keeper.Close(true, false))
		m.keeper = nil
	}
}

// path is a configuration of the pair.
func (p *randomPair) path(name string) string { return filepath.Join(p.dir, name) }
