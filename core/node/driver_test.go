package node

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

const (
	cs     = 10 * time.Millisecond
	second = time.Second
)

// source is our address on every interface, lower and higher are peers'.
var (
	source = netip.MustParseAddr("192.0.2.5")
	lower  = netip.MustParseAddr("192.0.2.4")
	higher = netip.MustParseAddr("192.0.2.6")
)

func address(text string) netspec.Address {
	return netspec.Address{Prefix: netip.MustParsePrefix(text + "/24"), Device: "eth0"}
}

// instance3 returns a version 3 instance on eth0 with an interval of a second
// and one address, 10.0.VRID.1.
func instance3(name string, vrid, priority uint8) Instance {
	in := Instance{Name: name, Interface: "eth0", Router: vrrp.Defaults()}
	in.Router.Version, in.Router.VRID, in.Router.Priority = vrrp.V3, vrid, priority
	in.Router.Announce.Delay = 0
	return in.with(fmt.Sprintf("10.0.%d.1", vrid))
}

// with returns the instance with these addresses.
func (in Instance) with(addresses ...string) Instance {
	in.Addresses, in.Router.Addresses = nil, nil
	for _, a := range addresses {
		in.Addresses = append(in.Addresses, address(a))
		in.Router.Addresses = append(in.Router.Addresses, netip.MustParseAddr(a))
	}
	return in
}

// grouped returns a configuration with the instances in sync group G.
func grouped(instances ...Instance) Config {
	g := Group{Name: "G"}
	for i := range instances {
		instances[i].Router.Hold = true
		g.Members = append(g.Members, instances[i].Name)
	}
	return Config{Instances: instances, Groups: []Group{g}}
}

func check(name string) Script {
	return Script{Name: name, Interval: 2 * second, Rise: 1, Fall: 1, Identity: "first"}
}

// driver drives a node and keeps what it asks for in words.
type driver struct {
	t    *testing.T
	node *Node
	now  mono.Instant
	log  []string
	// bfd are the BFD packets sent since the last look, which log leaves out.
	bfd []bfdSent
	// asked are the questions of policies, which log leaves out.
	asked []Action
}

// drive returns a node that was ticked at instant 0 and knows eth0 to be up.
func drive(t *testing.T, cfg Config) *driver {
	t.Helper()
	cfg.Instances = slices.Clone(cfg.Instances) // tests change theirs for reloads
	d := &driver{t: t, node: New(0, cfg)}
	d.take(d.node.Tick(0))
	d.up("eth0")
	return d
}

// take notes actions in words, one a line:
//
//	V sends 100 | V claims 10.0.1.1 | V releases 10.0.1.1 | V announces 10.0.1.1 x5
//	run s | V INIT>BACKUP | group G INIT>BACKUP | note address
func (d *driver) take(actions []Action) {
	d.t.Helper()
	for _, g := range d.node.groups {
		var roles [4]int
		for _, m := range g.members {
			roles[m.router.Role()]++
		}
		if roles != g.roles {
			d.t.Errorf("group %s counts %v, its members are %v", g.cfg.Name, g.roles, roles)
		}
	}
	for _, a := range actions {
		var list []string
		for _, x := range a.Addresses {
			list = append(list, x.Addr().String())
		}
		text := ""
		switch a.Kind {
		case SendBFD:
			d.bfd = append(d.bfd, sentBFD(d.t, &a))
			continue
		case AskPolicy:
			d.asked = append(d.asked, a)
			continue
		case Send:
			if p := a.Payload; p[0]>>4 == 3 && p[2] > 0 && p[5] == 12 {
				continue // it hastens the take-over before the one of priority 0, which is core/vrrp's to test
			}
			text = fmt.Sprintf("%s sends %d", a.Instance, a.Payload[2])
			if a.Source != source || a.Destination != vrrp.Group(false) || a.Interface == "" {
				d.t.Errorf("%s: from %v to %v on %q", text, a.Source, a.Destination, a.Interface)
			}
		case Claim:
			text = a.Instance + " claims " + strings.Join(list, " ")
		case Release:
			text = a.Instance + " releases " + strings.Join(list, " ")
		case Announce:
			text = fmt.Sprintf("%s announces %s x%d", a.Instance, strings.Join(list, " "), a.Rounds)
		case Run:
			text = "run " + a.Script
		case Changed:
			text = fmt.Sprintf("%s %v>%v", a.Change.Name, a.Change.From, a.Change.To)
			if a.Change.Group {
				text = "group " + text
			}
			if a.Change.Stop {
				text += " stop"
			}
			if a.Change.Deleted {
				text += " deleted"
			}
			if a.Change.Why == "" {
				d.t.Errorf("%s for no reason", text)
			}
		case Told:
			if c := a.Change; c.Occasion.OfService() {
				text = strings.TrimSpace(c.Name+" "+c.ServerName) + map[Occasion]string{ServerUp: " up", ServerDown: " down", QuorumWon: " won", QuorumLost: " lost"}[c.Occasion]
				break
			}
			text = fmt.Sprintf("tell %s %v %d: %s", a.Change.Name, a.Change.To, a.Change.Priority, []string{"", "priority", "lower", "standing"}[a.Change.Occasion])
			if a.Change.From != a.Change.To || a.Change.Why == "" {
				d.t.Errorf("%s: %+v", text, a.Change)
			}
		case Noted:
			text = "note " + a.Note.Topic
		}
		d.log = append(d.log, text)
	}
}

// step delivers an event.
func (d *driver) step(ev Event) { d.t.Helper(); d.take(d.node.Step(d.now, ev)) }

// pass lets time go on, with a Tick at each deadline.
func (d *driver) pass(by time.Duration) {
	d.t.Helper()
	end := d.now.Add(by)
	for d.node.Deadline() <= end {
		d.now = max(d.now, d.node.Deadline())
		d.take(d.node.Tick(d.now))
		if d.node.Deadline().Reached(d.now) {
			d.t.Fatalf("at %v something is due after Tick", time.Duration(d.now))
		}
	}
	d.now = end
}

func (d *driver) up(name string) {
	d.t.Helper()
	d.step(&Link{Name: name, Exists: true, Up: true, Index: 2, Primary: source, MTU: 1500})
}

func (d *driver) down(name string) {
	d.t.Helper()
	d.step(&Link{Name: name, Exists: true, Index: 2, Primary: source, MTU: 1500})
}

func (d *driver) checked(script string, r Result) {
	d.t.Helper()
	d.step(&Checked{Script: script, Result: r})
}

// hear delivers a peer's advert for the instance.
func (d *driver) hear(name string, from netip.Addr, priority uint8) {
	d.t.Helper()
	in := d.node.byName[name].cfg
	d.step(&Received{Packet: vrrp.Packet{
		Interface: in.Interface, Source: from, Destination: vrrp.Group(false), TTL: vrrp.TTL,
		Payload: in.Router.Append(nil, priority, from, vrrp.Group(false)),
	}})
}

// want compares what the node asked for since the last want.
func (d *driver) want(lines ...string) {
	d.t.Helper()
	if !slices.Equal(d.log, lines) {
		d.t.Errorf("at %v the node asked for\n\t%s\nwant\n\t%s", time.Duration(d.now), strings.Join(d.log, "\n\t"), strings.Join(lines, "\n\t"))
	}
	d.log = nil
}

// forget drops what the node asked for.
func (d *driver) forget() { d.log = nil }

func (d *driver) status(name string) *InstanceStatus {
	d.t.Helper()
	s := d.node.Status(d.now)
	for i := range s.Instances {
		if s.Instances[i].Name == name {
			return &s.Instances[i]
		}
	}
	d.t.Fatalf("no instance %s", name)
	return nil
}

func (d *driver) role(name string, want vrrp.Role) {
	d.t.Helper()
	if got := d.status(name); got.Role != want {
		d.t.Errorf("%s is %v (faults %v, waiting %v), want %v", name, got.Role, got.Faults, got.Waiting, want)
	}
}

func (d *driver) priority(name string, want uint8) {
	d.t.Helper()
	if got := d.status(name); got.Effective != want {
		d.t.Errorf("%s has priority %d, want %d: %+v", name, got.Effective, want, got.Terms)
	}
}

// master returns a driver whose instances are all MASTER.
func master(t *testing.T, cfg Config) *driver {
	t.Helper()
	d := drive(t, cfg)
	for _, s := range cfg.Scripts {
		d.checked(s.Name, OK)
	}
	d.pass(4 * second)
	for _, in := range cfg.Instances {
		d.role(in.Name, vrrp.Master)
		d.step(&Claimed{Instance: in.Name})
	}
	d.forget()
	return d
}
