package rehearse

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// world is what a seed draws: a cluster and how it may be hurt.
type world struct {
	rng     *rand.Rand
	version vrrp.Version
	configs []node.Config
	net     Network
	clocks  []time.Duration // how wrong each node's is
	// quiet is true when a node yields without a last advert: clients may
	// then stay with the old master, as users of that option chose.
	quiet bool
	// refused is true once a kernel refused addresses.
	refused  bool
	more     more
	reloads  reloads
	settings settings
	// servers is the chance of real servers, nil when there are none.
	servers *rand.Rand
}

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// drawWorld draws everything that does not change while the cluster runs,
// and the first configurations.
func drawWorld(seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 0x776f726c64))
	w := &world{rng: r, version: vrrp.V3}
	nodes := 2 + r.IntN(4)
	instances := pick(r, 1, 1, 2, 3)
	interval := pick[time.Duration](r, 10, 20, 50, 100, 200, 500, 1000) * time.Millisecond
	if chance(r, 25) {
		w.version = vrrp.V2
		interval = pick[time.Duration](r, 1, 1, 2) * time.Second
	}
	w.net = Network{Delay: time.Duration(r.Int64N(int64(min(interval/5, 20*time.Millisecond))))}
	mixed := w.version == vrrp.V3 && chance(r, 25) // intervals differ
	members := 0                                   // of the sync group
	if instances > 1 && chance(r, 50) {
		members = 2 + r.IntN(instances-1)
	}
	owner := -1
	if chance(r, 15) {
		owner = r.IntN(nodes)
	}
	base := w.drawRouter(interval)
	nopreempt, delay := chance(r, 20), chance(r, 20)
	w.quiet = chance(r, 10)
	for n := range nodes {
		cfg := node.Config{}
		own := base
		own.Priority = drawPriority(r)
		own.NoPreempt = nopreempt && chance(r, 60)
		if delay && !own.NoPreempt {
			own.PreemptDelay = time.Duration(r.Int64N(int64(6 * interval)))
		}
		own.InitialMaster = n == 0 && chance(r, 30)
		own.YieldSilently = w.quiet && chance(r, 50)
		cfg.Scripts = drawScripts(r, interval)
		ignore := chance(r, 10)
		for i := range instances {
			in := node.Instance{Name: fmt.Sprintf("V%d", i+1), Interface: "eth0", Router: own, IgnorePrimary: ignore}
			in.Router.VRID = uint8(i + 1)
			in.Router.Hold = i < members
			if i >= members && chance(r, 60) {
				in.Router.Priority = drawPriority(r)
			}
			if owner == n {
				in.Router.Priority = 255
			}
			if mixed {
				in.Router.Interval *= pick[time.Duration](r, 1, 1, 2, 3)
			}
			setAddresses(&in, 1+(i+int(seed))%2, i == 1)
			in.Scripts, in.Interfaces = drawTracks(r, cfg.Scripts)
			cfg.Instances = append(cfg.Instances, in)
		}
		if members > 0 {
			cfg.Groups = []node.Group{drawGroup(r, &cfg, members)}
		}
		w.configs = append(w.configs, cfg)
	}
	w.drawTransport(rand.New(rand.NewPCG(seed, 0x77697265)), seed)
	drawPolicies(rand.New(rand.NewPCG(seed, 0x706f6c69)), w.configs)
	drawWatched(rand.New(rand.NewPCG(seed, 0x66696c65)), w.configs)
	drawShared(rand.New(rand.NewPCG(seed, 0x766d6163)), w.configs)
	return w
}

// drawShared gives virtual routers a hardware address of their own, from chances
// of its own.
func drawShared(r *rand.Rand, configs []node.Config) {
	shared := chance(r, 30)
	for _, c := range configs {
		for i := range c.Instances {
			c.Instances[i].Router.Shared, c.Instances[i].Extra.Soon = shared, shared
		}
	}
}

// drawPolicies has some nodes ask before they preempt, from chances of its own.
func drawPolicies(r *rand.Rand, configs []node.Config) {
	if !chance(r, 35) {
		return
	}
	for i := range configs {
		asks := chance(r, 70)
		configs[i].AskPreempt(func(string) bool { return asks })
	}
}

// drawPolicy is what a policy says: yes, no, or nothing.
func drawPolicy(r *rand.Rand) func() (string, bool) {
	return func() (string, bool) {
		switch r.IntN(6) {
		case 0, 1, 2:
			return "", true
		case 3, 4:
			return "not now", true
		}
		return "", false
	}
}

// drawTransport draws how adverts travel and whether they are signed, from
// chances of its own.
func (w *world) drawTransport(r *rand.Rand, seed uint64) {
	unicast, kind := chance(r, 30), r.IntN(5)
	hmac := vrrp.HMAC{Mode: vrrp.HMACEnforce, Active: 1, Keys: keys(1), Monotonic: chance(r, 30)}
	for i := range w.configs {
		w.clocks = append(w.clocks, time.Duration(r.Int64N(int64(2*time.Second)))-time.Second)
		for j := range w.configs[i].Instances {
			c := &w.configs[i].Instances[j].Router
			if unicast {
				c.Unicast.On = true
				for k := range w.configs {
					if k != i {
						c.Unicast.Peers = append(c.Unicast.Peers, vrrp.Peer{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(k + 1)})})
					}
				}
			}
			switch {
			case kind == 0:
				c.Auth, c.HMAC = vrrp.AuthNone, hmac
			case kind == 1 && w.version == vrrp.V2:
				// As in keepalived nobody starts as master: its numbers begin anew.
				c.Auth, c.Password, c.InitialMaster = vrrp.AuthAH, [8]byte{'s', 'e', 'c', 'r', 'e', 't'}, false
			case kind == 1 && seed%2 == 0:
				c.Interop = true
			}
		}
	}
}

// drawRouter draws what all virtual routers have in common.
func (w *world) drawRouter(interval time.Duration) vrrp.Config {
	r := w.rng
	c := vrrp.Defaults()
	c.Version, c.Interval = w.version, interval
	c.DownAdverts = pick(r, 3, 3, 3, 3, 2, 5)
	c.Checksum = pick(r, vrrp.ChecksumMessage, vrrp.ChecksumPseudo)
	c.LowerPrioNoAdvert = chance(r, 15)
	c.Announce.Repeat = 1 + r.IntN(5)
	c.Announce.Delay = pick(r, 0, interval, 5*time.Second)
	c.Announce.LowerPrioDelay = pick(r, 0, interval, 5*time.Second)
	if chance(r, 20) {
		c.Announce.Refresh = 5 * interval
	}
	if w.version == vrrp.V2 && chance(r, 50) {
		c.Auth, c.Password = vrrp.AuthPass, [8]byte{'s', 'e', 'c', 'r', 'e', 't'}
	}
	return c
}

func drawPriority(r *rand.Rand) uint8 {
	if chance(r, 40) {
		return pick[uint8](r, 100, 150)
	}
	return uint8(1 + r.IntN(254))
}

func drawScripts(r *rand.Rand, interval time.Duration) []node.Script {
	var all []node.Script
	for i := range pick(r, 0, 0, 1, 2) {
		all = append(all, node.Script{
			Name: fmt.Sprintf("s%d", i), Interval: time.Duration(1+r.IntN(4)) * max(interval, 20*time.Millisecond),
			Rise: 1 + r.IntN(3), Fall: 1 + r.IntN(3), InitFail: chance(r, 20), Identity: "first",
		})
	}
	return all
}

func drawWeight(r *rand.Rand) int { return pick(r, 0, 0, 20, -30, 100, -253) }

func drawTracks(r *rand.Rand, scripts []node.Script) ([]node.TrackScript, []node.TrackInterface) {
	var tracked []node.TrackScript
	for _, s := range scripts {
		if chance(r, 70) {
			tracked = append(tracked, node.TrackScript{Name: s.Name, Weight: drawWeight(r), Reverse: chance(r, 15)})
		}
	}
	if chance(r, 80) {
		return tracked, nil
	}
	return tracked, []node.TrackInterface{{Name: "eth1", Weight: drawWeight(r), Reverse: chance(r, 15)}}
}

// drawGroup makes a sync group of the first instances. Its members' own
// weights are not used, so that on one node all have one priority: members
// that order the nodes differently cannot settle.
func drawGroup(r *rand.Rand, cfg *node.Config, members int) node.Group {
	g := node.Group{Name: "G"}
	for i := range members {
		g.Members = append(g.Members, cfg.Instances[i].Name)
	}
	g.Scripts, g.Interfaces = drawTracks(r, cfg.Scripts)
	return g
}

// setAddresses gives the instance so many advertised addresses, and perhaps
// one that is not advertised.
func setAddresses(in *node.Instance, count int, excluded bool) {
	in.Addresses, in.Excluded, in.Router.Addresses = nil, nil, nil
	address := func(a, b byte) netspec.Address {
		addr := netip.AddrFrom4([4]byte{10, a, in.Router.VRID, b})
		if in.Router.IPv6 {
			addr = netip.AddrFrom16([16]byte{0xfe, 0x80, 12: 10, 13: a, 14: in.Router.VRID, 15: b})
		}
		return netspec.Address{Prefix: netip.PrefixFrom(addr, 24), Device: "eth0"}
	}
	for a := range count {
		x := address(0, byte(a+1))
		in.Router.Addresses = append(in.Router.Addresses, x.Addr())
		in.Addresses = append(in.Addresses, x)
	}
	if excluded {
		in.Excluded = []netspec.Address{address(1, 1)}
	}
}

// reloaded draws a changed configuration of a node: priorities, names,
// addresses, or a script's identity.
func (w *world) reloaded(cfg node.Config) node.Config {
	r := w.rng
	cfg.Instances = slices.Clone(cfg.Instances)
	cfg.Scripts = slices.Clone(cfg.Scripts)
	cfg.Groups = slices.Clone(cfg.Groups)
	if w.servers != nil {
		cfg.Services = drawnServices(w.servers)
	}
	switch r.IntN(5) {
	case 0, 1:
		p := drawPriority(r)
		for i := range cfg.Instances {
			if cfg.Instances[i].Router.Priority < 255 {
				cfg.Instances[i].Router.Priority = p
			}
		}
	case 2:
		old, next := cfg.Instances[0].Name, pick(r, "V1", "renamed")
		if slices.ContainsFunc(cfg.Instances[1:], func(in node.Instance) bool { return in.Name == next }) {
			break // another has taken it
		}
		cfg.Instances[0].Name = next
		for i := range cfg.Groups {
			cfg.Groups[i].Members = slices.Clone(cfg.Groups[i].Members)
			for j, m := range cfg.Groups[i].Members {
				if m == old {
					cfg.Groups[i].Members[j] = cfg.Instances[0].Name
				}
			}
		}
	case 3:
		for i := range cfg.Scripts {
			cfg.Scripts[i].Identity = pick(r, "first", "second")
			cfg.Scripts[i].Rise = 1 + r.IntN(3)
		}
	case 4:
		setAddresses(&cfg.Instances[0], 1+r.IntN(3), chance(r, 50))
	}
	return cfg
}

// span is the longest that any node waits for a master.
func (w *world) span() time.Duration {
	var interval time.Duration
	adverts := 0
	for _, cfg := range w.configs {
		for i := range cfg.Instances {
			interval = max(interval, cfg.Instances[i].Router.Interval)
			adverts = max(adverts, cfg.Instances[i].Router.DownAdverts)
		}
	}
	if w.settings.intervals {
		interval *= 2
	}
	if w.settings.adverts {
		adverts = max(adverts, 5)
	}
	return w.version.MasterDown(1, interval, adverts)
}
