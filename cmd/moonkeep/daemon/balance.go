package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel/ipvs"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// balancer is the table of IPVS, which is touched once a configuration has
// virtual servers, or an earlier run left some. It implements engine.Balancer.
type balancer struct {
	keeper *ipvs.Keeper
	// space is where the table is; nil where the daemon is.
	space *netns.NS
	// earlier says that an earlier run left services.
	earlier bool
	// first is closed once the node has said what the table should be.
	first  chan struct{}
	hasSet sync.Once

	mu     sync.Mutex // guards what follows
	config *config.Config
	roles  map[string]vrrp.Role
	// seq is that of the last change that roles knew of when they were asked for.
	seq uint64
	// news are changes that were told while all roles are asked for; nil else.
	news    map[string]node.Change
	started bool
	ended   bool // nothing begins any more
	synced  bool
	// keys are the services of config.
	keys []balance.Key
}

// newBalancer prepares the table for a configuration. Nothing happens before
// begin. What other daemons have there an earlier run did not leave.
func newBalancer(c *config.Config, dir *runDir, beside *neighbours, log *slog.Logger) (*balancer, error) {
	b := &balancer{roles: map[string]vrrp.Role{}, first: make(chan struct{})}
	o := ipvs.Options{Log: log, Flush: c.Global.LVSFlush, Timeouts: timeouts(c)}
	space, err := netns.Current()
	if err != nil {
		return nil, fmt.Errorf("find out where the table of IPVS is: %w", err)
	}
	namespace := numberOf(space, log)
	if err := space.Close(); err != nil {
		return nil, err
	}
	if name := c.Global.NetNamespaceIPVS; name != c.Global.NetNamespace {
		if name == "" {
			return nil, errors.New("net_namespace_ipvs is empty, and the daemon is in net_namespace; give it a name, or the path of a file: /proc/1/ns/net is that of the first process")
		}
		if b.space, err = netns.Open(name); err != nil {
			return nil, fmt.Errorf("net_namespace_ipvs: %w; `ip netns add` makes one", err)
		}
		o.Namespace, namespace = b.space, numberOf(b.space, log)
	}
	var elsewhere int
	if o.Earlier, elsewhere, err = dir.readServices(namespace); err != nil {
		log.Warn("cannot use the list of IPVS services that an earlier run left", "err", err)
	}
	if elsewhere > 0 {
		log.Warn("an earlier run left IPVS services in another network namespace; they stay there", "services", elsewhere)
	}
	if len(o.Earlier) > 0 {
		taken := beside.serve(namespace, log)
		o.Earlier = slices.DeleteFunc(o.Earlier, func(k balance.Key) bool { return taken[k] })
		keep := func() error {
			o.Earlier = beside.keep(o.Earlier, build.Keys(c), log)
			return nil
		}
		if b.space == nil {
			_ = keep()
		} else {
			for _, p := range keepaliveds(b.space.Inode()) {
				if !slices.Contains(beside.unknown, p.String()) {
					beside.unknown = append(beside.unknown, p.String())
				}
			}
			if err := b.space.Do(keep); err != nil {
				log.Warn("cannot look whose the services are that an earlier run left", "err", err)
			}
		}
	}
	b.earlier = len(o.Earlier) > 0
	o.Journal = func(keys []balance.Key) error { return dir.writeServices(namespace, keys) }
	b.keeper = ipvs.NewKeeper(o)
	return b, nil
}

// numberOf is the number under which services in a network namespace are written down.
// One that cannot be entered has one of the kernel's that another may get later; nor
// is its table of IPVS made then.
func numberOf(space *netns.NS, log *slog.Logger) uint64 {
	number, err := space.Lasting()
	if err != nil {
		log.Warn("the network namespace of IPVS has no lasting number", "err", err)
		return space.Inode()
	}
	return number
}

// close lets go of what newBalancer took.
func (b *balancer) close() error {
	if b.space == nil {
		return nil
	}
	return b.space.Close()
}

// adopt has it go by a configuration, and begins if that needs the table. What
// the services should be comes by Set. After end it does nothing.
func (b *balancer) adopt(c *config.Config) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return nil
	}
	b.config, b.keys = c, build.Keys(c)
	needs := len(c.VirtualServers) > 0 || syncDaemon(c) != nil || b.earlier || c.Global.LVSFlush || c.Global.LVSTimeouts != nil
	b.keeper.SetTimeouts(timeouts(c))
	if !b.started && needs {
		if err := b.keeper.Start(); err != nil {
			return fmt.Errorf("balance: %w", err)
		}
		b.started = true
		if len(b.keys) == 0 {
			b.keeper.Set(nil) // the node says nothing where there is nothing
		}
	}
	b.synchronise()
	return nil
}

// timeouts are those that a configuration asks for.
func timeouts(c *config.Config) (t ipvs.Timeouts) {
	if l := c.Global.LVSTimeouts; l != nil {
		t = ipvs.Timeouts{TCP: l.TCP, TCPFin: l.TCPFin, UDP: l.UDP}
	}
	return t
}

// balanceFirst is a Notifier that has the table know of a change before others
// do, who may take their time.
type balanceFirst struct {
	engine.Notifier
	balance *balancer
}

// Notify implements engine.Notifier.
func (n balanceFirst) Notify(c node.Change) {
	n.balance.changed(c)
	n.Notifier.Notify(c)
}

// Set implements engine.Balancer.
func (b *balancer) Set(t balance.Table) {
	b.keeper.Set(t)
	b.hasSet.Do(func() { close(b.first) })
}

// stands waits until the table is what the node said first, or cannot be made
// so. Without virtual servers there is nothing to wait for.
func (b *balancer) stands(ctx context.Context) {
	b.mu.Lock()
	waits := b.started && len(b.keys) > 0
	b.mu.Unlock()
	if !waits {
		return
	}
	select {
	case <-b.first:
		_ = b.keeper.Wait(ctx) // too late is as good
	case <-ctx.Done():
	}
}

// changed takes note of a change of role, which the daemons that synchronise
// connections follow.
func (b *balancer) changed(c node.Change) {
	if c.Occasion != node.RoleChanged || c.Group {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.Seq <= b.seq {
		return // it is told late, and by the name of before a reload
	}
	b.roles[c.Name] = c.To
	if b.news != nil {
		b.news[c.Name] = c
	}
	if d := syncDaemon(b.config); d != nil && d.Instance == c.Name {
		b.synchronise()
	}
}

// relearn asks for the roles of all instances by their names, which a reload may
// have given to others without a change of role. Nothing is asked for when no
// daemon follows an instance. Of what is told meanwhile
// the answer knows what its number says that it knows.
func (b *balancer) relearn(ctx context.Context, c *config.Config, ask func(context.Context) (map[string]vrrp.Role, uint64, error)) error {
	if d := syncDaemon(c); d == nil || d.Instance == "" {
		return nil
	}
	b.mu.Lock()
	b.news = map[string]node.Change{}
	b.mu.Unlock()
	roles, seq, err := ask(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	news := b.news
	b.news = nil
	if err != nil {
		return fmt.Errorf("ask for the roles that the synchronisation of connections follows: %w", err)
	}
	for name, c := range news {
		if c.Seq > seq {
			roles[name] = c.To
		}
	}
	b.roles, b.seq = roles, seq
	return nil
}

// roles are those of all instances, by name, and the number of the last change that
// made them.
func (d *daemon) roles(ctx context.Context) (map[string]vrrp.Role, uint64, error) {
	s, _, err := d.engine.Status(ctx)
	if err != nil {
		return nil, 0, err
	}
	all := make(map[string]vrrp.Role, len(s.Instances))
	for i := range s.Instances {
		all[s.Instances[i].Name] = s.Instances[i].Role
	}
	return all, s.Seq, nil
}

// synchronise has those daemons run that the configuration asks for. It never
// asks for none before there were some: they may be somebody else's.
func (b *balancer) synchronise() {
	if !b.started {
		return
	}
	list := syncs(b.config, b.roles)
	if list == nil && !b.synced {
		return
	}
	b.synced = true
	b.keeper.SetSync(list)
}

// status says what was done to the table; nil while it is left alone.
func (b *balancer) status() *control.IPVS {
	b.mu.Lock()
	started := b.started
	b.mu.Unlock()
	if !started {
		return nil
	}
	c := b.keeper.Counts()
	return &control.IPVS{Operations: c.Operations, Failed: c.Failed, Repaired: c.Repaired, Trouble: c.Trouble, Pending: c.Pending}
}

// end takes the services out of the table, as lvs_flush_on_stop says: those
// that are ours, or all that there are.
func (b *balancer) end() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	if !b.started {
		return nil
	}
	b.started = false
	if err := b.keeper.Close(true, b.config.Global.LVSFlushOnStop == "all"); err != nil {
		return fmt.Errorf("clear the table of IPVS: %w", err)
	}
	return nil
}

// syncDaemon is lvs_sync_daemon, or what an instance says of it by the older
// lvs_sync_daemon_interface; nil when nobody asks for it.
func syncDaemon(c *config.Config) *config.SyncDaemon {
	if c.Global.SyncDaemon != nil {
		return c.Global.SyncDaemon
	}
	for i := range c.Instances {
		if in := &c.Instances[i]; in.SyncDaemonInterface != "" {
			return &config.SyncDaemon{Interface: in.SyncDaemonInterface, Instance: in.Name}
		}
	}
	return nil
}

// syncs are the daemons of the kernel that synchronise connections: the master
// tells, a backup listens, and without an instance that decides both are done.
func syncs(c *config.Config, roles map[string]vrrp.Role) []ipvs.Sync {
	d := syncDaemon(c)
	if d == nil {
		return nil
	}
	s := ipvs.Sync{Interface: d.Interface, Group: d.Group, Port: uint16(d.Port), TTL: uint8(d.TTL), MaxLen: uint16(d.MaxLen)}
	for i := range c.Instances {
		if in := &c.Instances[i]; in.Name == d.Instance {
			s.ID = uint8(in.VRID)
		}
	}
	if d.ID != nil {
		s.ID = uint8(*d.ID)
	}
	tells, listens := s, s
	tells.Role, listens.Role = ipvs.SyncMaster, ipvs.SyncBackup
	if d.Instance == "" {
		return []ipvs.Sync{tells, listens}
	}
	if roles[d.Instance] == vrrp.Master {
		return []ipvs.Sync{tells}
	}
	return []ipvs.Sync{listens}
}

// journalService is a service as the journal has it.
type journalService struct {
	Fwmark   uint32 `json:"fwmark,omitempty"`
	IPv6     bool   `json:"ipv6,omitempty"`
	Protocol uint8  `json:"protocol,omitempty"`
	Address  string `json:"address,omitempty"`
}

const servicesFile = "services.json"

// journalServices are services in the table of a network namespace, by the lasting number
// of that: in another one, which may have the same name, they are somebody else's.
type journalServices struct {
	Namespace uint64           `json:"namespace"`
	Services  []journalService `json:"services"`
}

// writeServices replaces the list of services that are ours in the table of
// IPVS of a network namespace.
func (d *runDir) writeServices(namespace uint64, keys []balance.Key) error {
	list := make([]journalService, 0, len(keys))
	for _, k := range keys {
		s := journalService{Fwmark: k.Fwmark, IPv6: k.IPv6, Protocol: k.Protocol}
		if k.Address.IsValid() {
			s.Address = k.Address.String()
		}
		list = append(list, s)
	}
	text, err := json.Marshal(journalServices{namespace, list})
	if err != nil {
		return fmt.Errorf("write down the services: %w", err)
	}
	return d.replace(filepath.Join(d.path, servicesFile), text)
}

// readServices reads what writeServices wrote in an earlier run, as far as that is about
// this network namespace, and how many services are about another one.
func (d *runDir) readServices(namespace uint64) (keys []balance.Key, elsewhere int, err error) {
	text, err := os.ReadFile(filepath.Join(d.path, servicesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the services of an earlier run: %w", err)
	}
	var wrote journalServices
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&wrote); err != nil {
		return nil, 0, fmt.Errorf("read the services of an earlier run: %s: %w", servicesFile, err)
	}
	if wrote.Namespace != namespace {
		return nil, len(wrote.Services), nil
	}
	for _, s := range wrote.Services {
		k := balance.Key{Fwmark: s.Fwmark, IPv6: s.IPv6, Protocol: s.Protocol}
		if s.Address != "" {
			if k.Address, err = netip.ParseAddrPort(s.Address); err != nil {
				return nil, 0, fmt.Errorf("read the services of an earlier run: %w", err)
			}
		}
		keys = append(keys, k)
	}
	return keys, 0, nil
}
