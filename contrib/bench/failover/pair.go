//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/lab"
)

// mode is the protocol version and interval of one pair.
type mode struct {
	version  int
	interval time.Duration
}

func (m mode) String() string { return fmt.Sprintf("v%d:%s", m.version, m.interval) }

// parseMode reads v2:1s or v3:100ms.
func parseMode(text string) (mode, error) {
	version, interval, ok := strings.Cut(text, ":")
	d, err := time.ParseDuration(interval)
	if !ok || err != nil || d <= 0 || version != "v2" && version != "v3" {
		return mode{}, fmt.Errorf("%q is no mode: expected v2:SECONDS or v3:INTERVAL, as in v2:1s or v3:100ms", text)
	}
	if version == "v2" && d%time.Second != 0 {
		return mode{}, fmt.Errorf("%q is no mode: VRRP version 2 knows whole seconds only", text)
	}
	return mode{version: int(version[1] - '0'), interval: d}, nil
}

// The nodes of a pair. a has the higher priority and starts as the master.
const (
	a = 0
	b = 1
)

// pair is two nodes, of one program or of two, in a lab of their own.
type pair struct {
	name string
	dir  string
	lab  *lab.Lab
}

// newPair builds the lab and starts both daemons.
// One that ends by itself is told to progress with the end of its log.
func newPair(name string, daemons [2]lab.Daemon, m mode, probe time.Duration, progress io.Writer) (_ *pair, err error) {
	p := &pair{name: name}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start the pair of %s: %w", name, err), p.close())
		}
	}()
	if p.dir, err = os.MkdirTemp("", "moonkeep-bench-"); err != nil {
		return nil, err
	}
	var configs []config.Config
	for i, node := range []string{"a", "b"} {
		c := configuration(filepath.Join(p.dir, node+".conf"), m, i)
		if err := os.WriteFile(c.Files[0], []byte(text(c)), 0o644); err != nil {
			return nil, err
		}
		configs = append(configs, c)
	}
	plan, err := lab.NewPlan(configs)
	if err != nil {
		return nil, err
	}
	p.lab, err = lab.New(lab.Options{
		Plan: plan, Daemons: daemons[:], Probe: probe,
		Tell: func(e lab.Event) {
			if e.Kind == lab.Ended {
				fmt.Fprintf(progress, "\n%s: the daemon of node %s ended: %s\n", name, plan.Nodes[e.Node].Name, e.Text)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	return p, p.lab.Boot()
}

func (p *pair) close() error {
	var errs []error
	if p.lab != nil {
		errs = append(errs, p.lab.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(p.dir))...)
}

// configuration is that of one node. The lab builds its network from it, the
// daemons read it as text.
func configuration(file string, m mode, node int) config.Config {
	return config.Config{
		Files: []string{file},
		Instances: []config.Instance{{
			Name: "VI_1", Version: m.version, Interface: "eth0", VRID: 51,
			Priority: 150 - 50*node, Master: config.State(node == a), AdvertInt: m.interval,
			Addresses: []config.Address{{Prefix: netip.MustParsePrefix("10.0.0.100/24"), Device: "eth0"}},
		}},
	}
}

// text is the configuration as a keepalived.conf.
func text(c config.Config) string {
	i := c.Instances[0]
	state := "BACKUP"
	if i.Master {
		state = "MASTER"
	}
	return fmt.Sprintf(`global_defs {
    vrrp_version %d
}
vrrp_instance %s {
    state %s
    interface %s
    virtual_router_id %d
    priority %d
    advert_int %s
    virtual_ipaddress {
        %s dev %s
    }
}
`, i.Version, i.Name, state, i.Interface, i.VRID, i.Priority,
		strconv.FormatFloat(i.AdvertInt.Seconds(), 'f', -1, 64), i.Addresses[0].Prefix, i.Addresses[0].Device)
}

// do does something to node a, nothing when the verb is empty, and waits until
// the node want answers and has done so for a while.
func (p *pair) do(ctx context.Context, verb lab.Verb, want int) error {
	nodes := p.lab.Plan().Names()
	for _, s := range []lab.Step{
		{Verb: verb, Node: nodes[a]},
		{Verb: lab.Await, Node: nodes[want], Subjects: []string{"VI_1"}},
		{Verb: lab.Settle},
	} {
		if s.Verb == "" {
			continue // nothing to do, only to wait
		}
		if err := p.lab.Do(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}
