package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/alarm"
	"github.com/moonkeep/moonkeep/core/kernel/fence"
	"github.com/moonkeep/moonkeep/core/kernel/processes"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/notify"
	"github.com/moonkeep/moonkeep/core/program"
	"github.com/moonkeep/moonkeep/lua"
)

// daemon is one running node with everything wired to it.
type daemon struct {
	opts *Options
	log  *slog.Logger
	// ctx ends when the daemon is told to stop, for what is asked of it meanwhile;
	// Run sets it.
	ctx    context.Context
	dir    *runDir
	edges  *edges
	engine *engine.Engine
	kernel *spaces
	// table and settings are what all kernels have in common.
	table    string
	settings *changedSettings
	// unannounced counts announcements that failed, in all kernels.
	unannounced atomic.Uint64
	alarm       *alarm.Alarm
	// fence is where programs begin; nil where there is none to be had.
	fence    *fence.Fence
	notifier *notify.Notifier
	// notifyPlan is the plan of notifier; only newDaemon and reload use it.
	notifyPlan notify.Plan
	// planned is what the engine runs; only newDaemon and reload use it.
	planned node.Config
	// checks are those of the scripts that run; only newDaemon and reload use it.
	checks *checks
	// lasting stood before it was configured, and is the host's own (hostsOwn); only
	// newDaemon and reload change it. Whoever does not hold reloading reads it with mu.
	lasting []netspec.Address
	calm    func() // ends the watch over real time
	garbage *collection
	// begun is called once the start is over, with what memory is to be kept.
	begun func(keep uint64)
	files atomic.Pointer[luaFiles]
	// library has the Lua files of the configuration that is read.
	library lua.Library
	balance *balancer
	// sole has the names of what it does; only newDaemon, reload and close use it.
	sole    sole
	hands   handsFile
	control *control.Server
	meddled sync.Once // for the first plugin that connects to it
	// processes hears of processes, for what is tracked and for Lua scripts.
	processes processes.Feed
	started   time.Time
	manager   manager
	// watching is closed once adverts are heard.
	watching chan struct{}
	// asking holds one while a plan has plugins asked.
	asking chan struct{}
	// unwrite puts back what was in the files of init_file when it began; nil before that.
	unwrite func() error
	// unnamed has room for one word that network namespaces may be named no more.
	unnamed chan struct{}
	// maintenance remembers what is in maintenance; maintaining is held while
	// that changes, and reloading while the configuration does.
	maintenance            maintenanceFile
	maintaining, reloading sync.Mutex
	// over is true when the node has ended, and nothing is to be reloaded any
	// more; reloading guards it.
	over bool
	// handling is held while people take a hand in real servers.
	handling sync.Mutex

	page *metricsPage

	mu          sync.Mutex // guards what follows
	config      *config.Config
	contents    contents        // of config's files
	losses      config.Findings // of config, which whoever started or forced it has accepted
	loaded      time.Time
	loadedSaid  time.Time // as status last said it
	reloadError string
}

// openEdges makes what runs programs, plugins and Lua files, and starts none.
func (d *daemon) openEdges(c *config.Config) error {
	d.fence = openFence(d.log)
	d.edges = &edges{log: d.log, lost: new(lua.Lost), routerID: c.Global.RouterID, checkDir: d.opts.CheckDir, host: d.host(), pool: newLuaPool(), library: &d.library}
	process, err := prioritise(&c.Global, d.log)
	if err != nil {
		return err
	}
	d.calm = watchRealTime(process, d.log)
	if d.edges.starter, err = program.NewStarter(program.Options{OnThread: process.Restore, Cell: func() program.Cell { return d.fence.Cell() }}); err != nil {
		return err
	}
	return d.edges.openPlugins(c, d.opts.RunDir, d.cell, process.Restore)
}

// firstPlan is what the engine begins with: the configuration, and what people
// wanted of an earlier run.
func (d *daemon) firstPlan(c *config.Config) (plan engine.Plan, err error) {
	if plan, err = d.plan(c); err != nil {
		return plan, err
	}
	state := stateDir(d.opts.StateDir, d.opts.RunDir)
	d.maintenance, d.hands = newMaintenanceFile(state), newHandsFile(state)
	if plan.Node.Maintenance, err = d.maintenance.read(); err != nil {
		return plan, err
	}
	if plan.Node.Hands, err = d.hands.read(); err != nil {
		return plan, err
	}
	if len(plan.Node.Hands) > 0 {
		d.log.Warn("real servers are still changed by hand from an earlier run; `moonkeep server up` and `moonkeep weight SERVER auto` end that", "servers", len(plan.Node.Hands))
	}
	if m := plan.Node.Maintenance; m.All || len(m.Instances) > 0 {
		d.log.Warn("in maintenance since an earlier run, never MASTER until `moonkeep maintenance off`", "of", namesOr(m.Instances, "the node"))
	}
	plan.Node.StartDelay, err = startDelay(&c.Global)
	return plan, err
}

// openNode makes the notifier, the engine and the kernels that the node works
// with, and has them know what an earlier run left behind.
func (d *daemon) openNode(c *config.Config, plan engine.Plan) (err error) {
	// First of all: what follows is for a host where nobody else does the same.
	if err := d.sole.claim(c, &plan.Node, d.log); err != nil {
		return err
	}
	notices, files, err := d.edges.notifyPlan(c)
	if err != nil {
		return err
	}
	d.files.Store(&luaFiles{present: files})
	d.notifyPlan = notices
	d.notifier, err = notify.New(notify.Options{
		Plan: notices, Run: d.edges.starter.Run, Log: d.log,
		Lua: func(ctx context.Context, file notify.Lua, ch node.Change, state string, addresses []netspec.Address) error {
			return d.files.Load().call(ctx, d.edges.routerID, file, ch, state, addresses)
		},
	})
	if err != nil {
		return err
	}
	left, err := d.leftovers(c, nil)
	if err != nil {
		return err
	}
	if d.lasting, err = hostsOwn(&plan.Node, left.addresses, true); err != nil {
		return err
	}
	plan.Keep = d.lasting
	if err := onlyBeneath(c, &plan.Node, left.addresses, true); err != nil {
		return err
	}
	if err := heldByOthers(&plan.Node, left.addresses); err != nil && left.readable {
		return err
	}
	others, err := strangers()
	if err != nil {
		d.log.Warn("it is not known whether other programs speak VRRP on this host", "err", err)
	}
	for _, who := range others {
		d.log.Warn(who + " speaks VRRP on this host too: if it is for the same virtual routers, stop it, for each removes what the other sets")
	}
	if d.alarm, err = alarm.New(); err != nil {
		return err
	}
	old := stale(&plan.Node, d.surely(&plan.Node, &left))
	if d.balance, err = newBalancer(c, d.dir, &left.beside, d.log); err != nil {
		return err
	}
	// As late as can be, for a start that is refused so far changes no file.
	if d.unwrite, err = initialise(c, nil); err != nil {
		return err
	}
	plan.Node.Readings = readings(c, nil, &plan.Node)
	d.engine = engine.New(plan, engine.Options{
		Notifier: balanceFirst{d.notifier, d.balance}, Balancer: d.balance, Log: d.log, Alarm: d.alarm, Slept: slept, Stale: old.addresses, StaleRouting: old.routing,
		Watching: func() { close(d.watching) },
		Journal: func(all []netspec.Address, routing netspec.Routing) error {
			return d.dir.writeJournal(owned{all, routing})
		},
	})
	return d.openKernels(c, left)
}

// read reads the configuration and asks the host for what it needs. Warnings
// are logged; errors refuse, and so does what is not built yet and would be
// wrong to run without.
func (d *daemon) read() (*config.Config, config.Findings, error) {
	d.library.Forget()
	c, findings, err := openLayers(d.opts.Configs, d.opts.ConfigID, d.opts.Set, d.current())
	if err != nil {
		return nil, findings, err
	}
	refused := findings.Errors()
	if !refused {
		if err := d.enter(c.Global.NetNamespace, c.Global.NetNamespaceIPVS); err != nil {
			return nil, findings, err
		}
		missing := append(missingHere(c, &d.library), refusedChecks(c, d.kept(c))...)
		if d.opts.CheckDir != "" {
			missing = spare(c, missing)
		}
		findings = append(findings, missing...)
		refused = missing.Errors()
	}
	findings.Sort()
	refused = refused || slices.ContainsFunc(findings, func(f config.Finding) bool { return f.Name == "not-built" })
	if refused {
		return nil, findings, errors.New("the configuration has errors, or asks for what is not built; `moonkeep check` shows it")
	}
	return c, findings, nil
}

// logFindings logs the findings.
func (d *daemon) logFindings(findings config.Findings) {
	for _, f := range findings {
		level := slog.LevelWarn
		if f.Severity == config.Error || f.Name == "not-built" {
			level = slog.LevelError
		}
		d.log.Log(context.Background(), level, f.String())
	}
}

// plan turns a configuration into what the engine runs.
func (d *daemon) plan(c *config.Config) (engine.Plan, error) {
	if missing := build.Unbuilt(c); len(missing) > 0 {
		return engine.Plan{}, fmt.Errorf("not built yet: %s", strings.Join(missing, "; "))
	}
	x, err := d.edges.newChecks(c)
	if err != nil {
		return engine.Plan{}, err
	}
	policy, err := d.edges.newPolicies(c)
	if err != nil {
		return engine.Plan{}, err
	}
	before := knownChecks{kept: d.kept(c)}
	if before.kept != nil {
		before.list = d.checks.probes.checks
	}
	probes, err := d.edges.newProbes(c, before)
	if err != nil {
		return engine.Plan{}, err
	}
	x.probes = probes
	x.inherit(d.checks)
	n := build.NodeKeeping(c, before.kept)
	n.Seed = rand.Uint64()
	x.weightOnly(&n)
	n.AskPreempt(policy.decides)
	return engine.Plan{Node: n, Checks: x, Probes: probes, Policy: policy.engine(), Watcher: newWatcher(c, &d.processes), Interfaces: build.Interfaces(c)}, nil
}

// current is the configuration that runs.
func (d *daemon) current() *config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.config
}

// errOver refuses a reload, or says that one came to nothing.
var errOver = errors.New("the daemon stops")

// reload reads the configuration again and lets the node run it. On any error
// the present one runs on untouched; it is errOver when the daemon stops. The
// findings are those of the configuration. report logs both. What would spoil
// the present one is taken only by force.
func (d *daemon) reload(ctx context.Context, force bool) (config.Findings, error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	if d.over || ctx.Err() != nil {
		return nil, errOver
	}
	defer d.lookAtSpaces() // also where it is refused: what was opened for it is not named
	c, found, err := d.read()
	var losses config.Findings
	if err == nil {
		if losses = found.Losing(); !force {
			err = d.spoils(c, losses)
		}
	}
	if err == nil {
		said := d.refusedByPlugins(ctx, c, force)
		if found = append(found, said...); said.Errors() {
			err = errors.New("a plugin refuses a check of the configuration; `moonkeep check --plugins` shows it")
		}
	}
	if err == nil {
		build.KeepNames(c, d.current())
		err = d.adopt(ctx, c)
	}
	var taken contents
	if err == nil {
		taken = d.inUse()
		if paths := d.known().changed(taken); len(paths) > 0 {
			d.log.Info("something else is in files of the configuration than before, which is in use from now on", "files", strings.Join(paths, " "))
		}
	}
	d.library.Forget()
	// Only now: to look for doubts, and a thousand lines, take longer than all else.
	if err == nil {
		found = append(found, doubtfulHere(c)...)
		found.Sort()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.config, d.losses, d.contents = c, losses, taken // the node runs it, also while it stops
	}
	if ctx.Err() != nil {
		return found, errOver
	}
	if err != nil {
		d.reloadError = err.Error()
		return found, err
	}
	d.loaded, d.loadedSaid, d.reloadError = time.Now(), time.Time{}, ""
	return found, nil
}

// report logs what came of a reload.
func (d *daemon) report(found config.Findings, err error) {
	d.logFindings(found)
	switch {
	case errors.Is(err, errOver):
	case err != nil:
		d.log.Error("reload refused, the earlier configuration runs on", "err", err)
	default:
		c := d.current()
		d.log.Info("reloaded", "config", strings.Join(c.Files, " "), "instances", len(c.Instances))
	}
}

// adopt has the node run a configuration. What was done of it before an error is
// undone, backwards.
func (d *daemon) adopt(ctx context.Context, c *config.Config) (err error) {
	var undo []func() error
	defer func() {
		if err != nil {
			for _, f := range slices.Backward(undo) {
				err = errors.Join(err, f())
			}
		}
	}()
	d.edges.names.begin()
	plan, err := d.plan(c)
	if err != nil {
		return err
	}
	given := false // to the engine, which closes what is in it
	undo = append(undo, func() error {
		if given {
			return nil
		}
		return errors.Join(plan.Probes.Close(), plan.Watcher.Close())
	})
	notices, files, err := d.edges.notifyPlan(c)
	if err != nil {
		return err
	}
	undo = append(undo, func() error { d.sole.settle(d.current(), &d.planned); return nil })
	if err := d.sole.claim(c, &plan.Node, d.log); err != nil {
		return err
	}
	if plan.Keep, err = d.intrudes(c, &plan.Node); err != nil {
		return err
	}
	if c.Global.RouterID != d.edges.routerID {
		d.log.Warn("router_id cannot change without a restart: notify functions go on seeing " + d.edges.routerID)
	}
	d.keepPriorities(&c.Global)
	running := d.current()
	if ctx.Err() != nil {
		return ctx.Err() // what would be made now nobody removes
	}
	undo = append(undo, d.kernel.drop)
	if err := d.prepare(c); err != nil {
		return err
	}
	// All this must be there before the node acts on the new configuration.
	before := d.files.Load()
	undo = append(undo, func() error { d.files.Store(before); return nil })
	d.files.Store(&luaFiles{present: files, earlier: before.present})
	if err := d.notifier.Adopt(notices); err != nil {
		return err
	}
	undo = append(undo, func() error { return d.notifier.Restore(d.notifyPlan) }, func() error {
		if d.kernel.over() {
			return nil // there is nothing to be put back
		}
		defer d.guard(running)
		return d.virtual(running, d.lasting)
	})
	if err := d.virtual(c, plan.Keep); err != nil {
		return err
	}
	barred, err := d.engine.Maintenance(ctx)
	if err != nil {
		return err
	}
	// As late as can be; but the node is to find the files as they should be.
	back, err := initialise(c, running)
	undo = append(undo, back)
	if err != nil {
		return err
	}
	plan.Node.Readings = readings(c, running, &plan.Node)
	given = true
	if err := d.engine.Reload(ctx, plan); err != nil {
		return err
	}
	d.remember(ctx, barred)
	d.exchange(c)
	if err := d.kernel.each(func(space string, k *kernel.Kernel) error {
		k.SetSought(sought(space, c), plan.Keep)
		return k.Devices(build.Devices(build.Within(c, space)))
	}); err != nil && !errors.Is(err, errKernelOver) {
		d.log.Warn("not all interfaces are as they should be after the reload", "err", err)
	}
	d.notifyPlan, d.planned, d.checks = notices, plan.Node, plan.Checks.(*checks)
	d.mu.Lock()
	d.lasting = plan.Keep
	d.mu.Unlock()
	d.edges.names.settle(d.edges.host)
	d.sole.settle(c, &plan.Node)
	if err := d.balance.relearn(ctx, c, d.roles); err != nil && !ending(ctx, err) {
		d.log.Error("connections may be synchronised in the wrong direction", "err", err)
	}
	if err := d.balance.adopt(c); err != nil {
		d.log.Error("load balancing does not work", "err", err)
	}
	d.promote(c)
	d.guard(c)
	d.page.adopt(c.Global.MetricsListen, d)
	return nil
}

// close ends what newDaemon began, as far as it came, but for the kernel, which
// comes last and is run's to end.
func (d *daemon) close() error {
	var errs []error
	if d.calm != nil {
		d.calm()
	}
	d.processes.Close()
	if d.alarm != nil {
		errs = append(errs, d.alarm.Close())
	}
	if d.notifier != nil {
		d.notifier.Close()
	}
	if d.edges != nil {
		errs = append(errs, d.edges.close())
	}
	if d.balance != nil {
		errs = append(errs, d.balance.close())
	}
	d.sole.close()
	if d.dir != nil {
		errs = append(errs, d.dir.Close())
	}
	return errors.Join(errs...)
}
