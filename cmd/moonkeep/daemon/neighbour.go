package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/kernel/ipvs"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// neighbours are other daemons of this host: what an earlier run of ours left one of them
// may have taken over since.
type neighbours struct {
	// dirs are the run directories of those that are moonkeeps, as this process reaches
	// them.
	dirs []string
	// has is what they have in the kernel, by their journals.
	has owned
	// unknown are the others, for people: nobody can say what they have.
	unknown []string
}

// findNeighbours looks for those that speak VRRP in the daemon's network namespace or in
// one of some, for moonkeeps that began where the daemon is, and for a rival, if there is
// one.
func findNeighbours(spaces []string, rival *otherDaemonError) (n neighbours, err error) {
	who, hidden, err := besides(spaces)
	switch {
	case rival != nil && rival.pid != 0:
		who = append(who, process{rival.pid, "moonkeep"})
	case rival != nil:
		hidden = true
	}
	here, unseen := runDirs()
	hidden = hidden || unseen
	for pid := range here {
		who = append(who, process{pid, "moonkeep"})
	}
	if hidden {
		n.unknown = append(n.unknown, "another program")
	}
	known := map[int32]bool{int32(os.Getpid()): true}
	var others []process
	for _, p := range who {
		if !known[p.pid] {
			known[p.pid] = true
			if !n.add(dirOf(p.pid)) {
				others = append(others, p)
			}
		}
	}
	for _, p := range others {
		// A keepalived has a process for each part: the first is told.
		if _, parent, err := userOf(p.pid); err != nil || !known[parent] {
			n.unknown = append(n.unknown, p.String())
		}
	}
	slices.Sort(n.unknown)
	return n, err
}

// add reads what the daemon of a run directory has, and reports whether it could.
func (n *neighbours) add(path string) bool {
	if path == "" {
		return false
	}
	dir := &runDir{path: path}
	o, err := dir.readJournal()
	if err != nil && !errors.Is(err, errElsewhere) { // where an earlier run of ours was not either
		return false
	}
	n.dirs = append(n.dirs, path)
	n.has.addresses = append(n.has.addresses, o.addresses...)
	n.has.routing = n.has.routing.With(o.routing)
	return true
}

// dirOf is the run directory of the daemon with that process number as this process
// reaches it; empty when there is none to be read.
func dirOf(pid int32) string {
	path := runDirOf(pid)
	if path == "" {
		return ""
	}
	// It may have other files under the same names.
	path = filepath.Join(fmt.Sprintf("/proc/%d/root", pid), path)
	if _, err := os.ReadDir(path); err != nil {
		return ""
	}
	return path
}

// serve reports which services of the table of IPVS of a network namespace they have.
func (n *neighbours) serve(namespace uint64, log *slog.Logger) map[balance.Key]bool {
	all := map[balance.Key]bool{}
	for _, path := range n.dirs {
		dir := &runDir{path: path}
		keys, _, err := dir.readServices(namespace)
		if err != nil {
			log.Warn("cannot use the list of IPVS services of another moonkeep", "err", err)
		}
		for _, k := range keys {
			all[k] = true
		}
	}
	return all
}

// besides returns the other programs that speak VRRP in the daemon's network namespace or
// in one of these, those that are keepaliveds, and whether there are some of which nothing
// can be seen: an administrator may have started keepalived after the crash, or another
// moonkeep.
func besides(spaces []string) (who []process, hidden bool, err error) {
	for _, space := range append([]string{""}, spaces...) {
		err = errors.Join(err, within(space, func() error {
			inodes, err := speakers()
			have, unseen := processesOf(inodes)
			who, hidden = append(who, have...), hidden || len(unseen) > 0
			if err != nil {
				return err
			}
			here, err := netns.Current()
			if err != nil {
				return err
			}
			who = append(who, keepaliveds(here.Inode())...)
			return here.Close()
		}))
	}
	return who, hidden, err
}

// runDirs are the run directories of the moonkeeps that began in the calling thread's
// network namespace, by their process numbers, as the names that they hold tell (holdName);
// empty where the name is too long to tell. Others may be there whom nobody can see.
func runDirs() (all map[int32]string, hidden bool) {
	prefix, err := namePrefix()
	if err != nil {
		return nil, false
	}
	list, _ := os.ReadFile("/proc/thread-self/net/unix") // without it none is known
	names := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		_, name, is := strings.Cut(strings.TrimRight(line, "\n"), " @"+prefix)
		if is && (strings.HasPrefix(name, "/") || len(name) == hex.EncodedLen(sha256.Size)) {
			names[name] = true // a line each also for those who ask
		}
	}
	all = map[int32]string{}
	who := newAsker()
	for name := range names {
		peer, err := holder(prefix + name)
		if errors.Is(err, unix.EAGAIN) { // too many ask
			if peer, _ = who.owner(prefix + name); peer == nil {
				hidden = true
				continue
			}
			err = nil
		}
		switch {
		case err != nil || !trusted(peer):
		case peer.Pid == 0:
			hidden = true
		case strings.HasPrefix(name, "/"):
			all[peer.Pid] = name
		default:
			all[peer.Pid] += "" // it may have others
		}
	}
	return all, hidden
}

// runDirOf returns the run directory of the daemon with that process number; empty when it
// is not known.
func runDirOf(pid int32) (dir string) {
	look := func() error {
		here, _ := runDirs()
		dir = here[pid]
		return nil
	}
	// The namespace where it began is that of one of its threads: others may be elsewhere
	// just then.
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/ns/net", pid)) // the pattern is right
	seen := map[string]bool{}
	for _, thread := range threads {
		ns, err := os.Readlink(thread)
		if err != nil || seen[ns] || dir != "" {
			continue
		}
		_ = within(thread, func() error { // not each process may go there
			// The thread may have ended or moved meanwhile: what counts is where this one is.
			if in, err := os.Readlink("/proc/thread-self/ns/net"); err == nil {
				seen[in] = true
			}
			return look()
		})
	}
	if dir == "" {
		_ = look()
	}
	return dir
}

// surely is what an earlier run left without what one of which that is not known may have
// by now: that stays, and is told. What is configured is this daemon's to set.
func (d *daemon) surely(n *node.Config, left *leftovers) owned {
	if len(left.beside.unknown) == 0 {
		return left.owned
	}
	var has owned
	for i := range n.Instances {
		in := &n.Instances[i]
		has.addresses = append(append(has.addresses, in.Addresses...), in.Excluded...)
		has.routing = has.routing.With(in.Routing)
	}
	for _, x := range n.Static {
		has.addresses = append(has.addresses, x.Addresses...)
		has.routing = has.routing.With(x.Routing)
	}
	kept := left.owned.not(has)
	// The journal has none of it from here on.
	for list := range slices.Chunk(commands(kept), mostShownLeft) {
		d.log.Warn(notRemoved(strings.Join(left.beside.unknown, " and ")) + "; if not, remove it: " + strings.Join(list, "; "))
	}
	return left.owned.not(kept)
}

func notRemoved(who string) string {
	return "what an earlier run left behind is not removed: " + who + " may have it by now"
}

// mostShownLeft is how much of what was left a message names.
const mostShownLeft = 10

// tellLeft says what stands of what an earlier run left behind, and how to remove it.
func (d *daemon) tellLeft(left owned, why string) {
	list := commands(left)
	more := ""
	if n := len(list) - mostShownLeft; n > 0 {
		more = fmt.Sprintf("; and %d more, which are in %s", n, d.dir.journalPath())
	}
	what := ""
	if len(list) > 0 {
		what = "; if not, remove it: " + strings.Join(list[:min(len(list), mostShownLeft)], "; ") + more
	}
	d.log.Warn(notRemoved(why) + what)
}

// commands are those that remove what stands of something.
func commands(o owned) (list []string) {
	ip := func(space, what string) string {
		switch {
		case space == "":
			return "ip " + what
		case strings.Contains(space, "/"):
			return "nsenter --net=" + space + " ip " + what
		}
		return "ip -n " + space + " " + what
	}
	addresses := newListing()
	for _, a := range o.addresses {
		space, device := netspec.Split(a.Device)
		if slices.ContainsFunc(addresses.of(a.Device), func(p netip.Prefix) bool { return p.Addr() == a.Addr() }) {
			list = append(list, ip(space, fmt.Sprintf("address del %v dev %s", a.Prefix, device)))
		}
	}
	family := func(six bool) string {
		if six {
			return "-6 "
		}
		return ""
	}
	for _, r := range o.routing.Routes {
		list = append(list, ip(r.Space, family(r.Destination.Addr().Is6())+"route del "+r.Bare().String()))
	}
	for _, r := range o.routing.Rules {
		list = append(list, ip(r.Space, family(r.Six)+"rule del "+r.Bare().String()))
	}
	return list
}

// tellServices says which virtual servers of an earlier run stay in the table of IPVS when
// a start is refused.
func (d *daemon) tellServices(n *neighbours) {
	space, err := netns.Current()
	if err != nil {
		return // it is told when a start is not refused
	}
	defer space.Close()
	namespace := numberOf(space, d.log)
	keys, elsewhere, err := d.dir.readServices(namespace)
	if err != nil {
		d.log.Warn("cannot use the list of IPVS services that an earlier run left", "err", err)
	}
	taken, standing := n.serve(namespace, d.log), standingServices(len(keys) > 0)
	keys = slices.DeleteFunc(keys, func(k balance.Key) bool { return taken[k] || !standing[k] })
	const until = " until a start is not refused"
	if elsewhere > 0 {
		d.log.Warn("virtual servers of an earlier run stay in the table of IPVS of another network namespace"+until, "services", elsewhere)
	}
	if len(keys) == 0 {
		return
	}
	var list []string
	for _, k := range keys[:min(len(keys), mostShownLeft)] {
		list = append(list, removal(k))
	}
	if more := len(keys) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more, which are in %s", more, filepath.Join(d.dir.path, servicesFile)))
	}
	d.log.Warn("virtual servers of an earlier run stay in the table of IPVS"+until+"; to remove them: "+strings.Join(list, "; "), "services", len(keys))
}

// standingServices are those in the table of the calling thread's network namespace, none
// when it cannot be read, or is not asked for.
func standingServices(asked bool) map[balance.Key]bool {
	all := map[balance.Key]bool{}
	if !asked {
		return all
	}
	c, err := ipvs.Open(false)
	if err != nil {
		return all
	}
	defer c.Close()
	list, _ := c.Services() // what is not known is not told
	for _, s := range list {
		all[s.Key] = true
	}
	return all
}

// keep returns those of the services that an earlier run left which a configuration has,
// and tells the others, which one of whom it is not known may have by now. The calling
// thread is in the namespace of the table.
func (n *neighbours) keep(left, configured []balance.Key, log *slog.Logger) []balance.Key {
	has := map[balance.Key]bool{}
	for _, k := range configured {
		has[k] = true
	}
	var list []string
	standing := standingServices(len(n.unknown) > 0)
	left = slices.DeleteFunc(left, func(k balance.Key) bool {
		if has[k] || len(n.unknown) == 0 {
			return false
		}
		if standing[k] {
			list = append(list, removal(k))
		}
		return true
	})
	// The list of services has none of it from here on.
	for list := range slices.Chunk(list, mostShownLeft) {
		log.Warn("virtual servers of an earlier run stay in the table of IPVS: " + strings.Join(n.unknown, " and ") + " may have them by now; if not, remove them: " + strings.Join(list, "; "))
	}
	return left
}

// removal is the command that removes a service.
func removal(k balance.Key) string {
	switch {
	case k.Fwmark != 0 && k.IPv6:
		return fmt.Sprintf("ipvsadm -D -f %d -6", k.Fwmark)
	case k.Fwmark != 0:
		return fmt.Sprintf("ipvsadm -D -f %d", k.Fwmark)
	}
	option := map[uint8]string{balance.TCP: "-t", balance.UDP: "-u", balance.SCTP: "--sctp-service"}[k.Protocol]
	return fmt.Sprintf("ipvsadm -D %s %v", option, k.Address)
}

// not returns what o has and x has not. An address is the same with whatever length.
func (o owned) not(x owned) owned {
	has := map[place]bool{}
	for _, a := range x.addresses {
		has[placed(a)] = true
	}
	return owned{
		slices.DeleteFunc(slices.Clone(o.addresses), func(a netspec.Address) bool { return has[placed(a)] }),
		o.routing.Without(x.routing),
	}
}
