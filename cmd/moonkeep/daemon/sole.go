package daemon

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// sole keeps two daemons of one host from the same virtual router or virtual server,
// whatever run directories they have: each would undo what the other does. Each of its
// own is the name of an abstract socket in the network namespace where it is.
type sole struct{ held map[string]*heldName }

// A daemon holds the names of so many at most: two with the same configuration meet by the
// first, and each costs a file and system calls.
const (
	mostRouterNames  = 256
	mostServiceNames = 16
)

// soleName is a name that stands for what a node does.
type soleName struct {
	space string // the network namespace, empty for the daemon's own
	name  string // in there
	what  string // for people
}

// full is the name with the number of its network namespace, whatever that is called: it
// is for the thread that is in there.
func (n *soleName) full() (string, error) {
	space, err := namePrefix()
	if err != nil {
		return "", err
	}
	name := space + n.name
	if len(name) > maxName {
		name = fmt.Sprintf("%s%x", space, sha256.Sum256([]byte(name)))
	}
	return name, nil
}

// soleNames are the names of what a node does, with their full names.
func soleNames(c *config.Config, n *node.Config) (map[string]soleName, error) {
	var routers []soleName
	for i := range n.Instances {
		in := &n.Instances[i]
		if in.Interface == "" {
			continue // unicast over any: it is of its addresses, and several may be one's
		}
		space, device := netspec.Split(in.Interface)
		family := "IPv4"
		if in.Router.IPv6 {
			family = "IPv6"
		}
		name := fmt.Sprintf("router %s %s %d", device, family, in.Router.VRID)
		if u := &in.Router.Unicast; u.On {
			// It is another router to other peers.
			name += fmt.Sprint(" ", in.Source)
			var peers []string
			for _, p := range u.Peers {
				peers = append(peers, p.Addr.String())
			}
			slices.Sort(peers)
			name += " " + strings.Join(peers, " ")
		}
		routers = append(routers, soleName{space, name, fmt.Sprintf("virtual router %d on %s (%s)", in.Router.VRID, device, in.Name)})
	}
	ipvs := c.Global.NetNamespaceIPVS
	if ipvs == c.Global.NetNamespace {
		ipvs = "" // the daemon is in there
	}
	type served struct {
		key balance.Key
		by  string
	}
	keys := make([]served, 0, len(n.Services)) // there may be thousands, of which only some are named
	for i := range n.Services {
		for _, k := range n.Services[i].Layout.Keys {
			keys = append(keys, served{k, n.Services[i].Name})
		}
	}
	slices.SortStableFunc(keys, func(a, b served) int { return a.key.Compare(b.key) })
	slices.SortStableFunc(routers, func(a, b soleName) int { return strings.Compare(a.name, b.name) })
	list := routers[:min(len(routers), mostRouterNames)]
	for _, s := range keys[:min(len(keys), mostServiceNames)] {
		list = append(list, soleName{ipvs, fmt.Sprintf("service %v", s.key), "virtual server " + s.by})
	}
	names := map[string]soleName{}
	var errs []error
	for _, n := range list {
		errs = append(errs, within(n.space, func() error {
			full, err := n.full()
			if err == nil {
				names[full] = n
			}
			return err
		}))
	}
	return names, errors.Join(errs...)
}

// claim holds the names of what a node does, beside those held before. It is an error
// when another daemon holds one; what cannot be held for another reason is told.
func (s *sole) claim(c *config.Config, n *node.Config, log *slog.Logger) error {
	if s.held == nil {
		s.held = map[string]*heldName{}
	}
	names, failed := soleNames(c, n)
	var of []string
	asks := newAsker()
	for _, full := range slices.Sorted(maps.Keys(names)) {
		if s.held[full] != nil {
			continue
		}
		name := names[full]
		err := within(name.space, func() error {
			h, other, err := takeName(full, asks)
			if h != nil {
				s.held[full] = h
			}
			if other != nil {
				err = newOtherDaemonError(name.what, other.Pid)
			}
			return err
		})
		var other *otherDaemonError
		if errors.As(err, &other) {
			return err
		}
		if err != nil {
			of, failed = append(of, name.what), errors.Join(failed, err)
		}
	}
	if failed != nil {
		what := "what cannot be named"
		if len(of) > 0 {
			what = of[0]
		}
		why, _, _ := strings.Cut(failed.Error(), "\n")
		log.Warn("nothing keeps a second moonkeep on this host from the same", "of", what, "more", max(0, len(of)-1), "err", why)
	}
	return nil
}

// refuses says why claim would refuse what a node does, empty when it would not. It may be
// called while another goroutine has the names changed.
func refuses(c *config.Config, n *node.Config) string {
	names, _ := soleNames(c, n) // the reload says what cannot be held
	asks := newAsker()
	for _, full := range slices.Sorted(maps.Keys(names)) {
		name := names[full]
		var other *otherDaemonError
		if err := within(name.space, func() error {
			peer, err := holder(full)
			known := err == nil
			if errors.Is(err, unix.EAGAIN) {
				peer, known = asks.owner(full)
			}
			if known && trusted(peer) && int(peer.Pid) != os.Getpid() {
				return newOtherDaemonError(name.what, peer.Pid)
			}
			return nil
		}); errors.As(err, &other) {
			return other.Error()
		}
	}
	return ""
}

// settle lets go of what a node does not do any more.
func (s *sole) settle(c *config.Config, n *node.Config) {
	names, err := soleNames(c, n)
	if err != nil {
		return // it is not known what it does
	}
	for name, h := range s.held {
		if _, does := names[name]; !does {
			_ = h.Close() // nothing is written
			delete(s.held, name)
		}
	}
}

func (s *sole) close() {
	for _, h := range s.held {
		_ = h.Close() // nothing is written
	}
	s.held = nil
}

// otherDaemonError says which other daemon does the same.
type otherDaemonError struct {
	what   string
	pid    int32
	runDir string
}

func newOtherDaemonError(what string, pid int32) *otherDaemonError {
	return &otherDaemonError{what, pid, runDirOf(pid)}
}

func (e *otherDaemonError) Error() string {
	who := "pid unknown"
	if e.pid != 0 {
		who = fmt.Sprintf("pid %d", e.pid)
	}
	if e.runDir != "" {
		who += ", run directory " + e.runDir
	}
	return fmt.Sprintf("another moonkeep of this host (%s) has %s already, and each would undo what the other does: stop it, or take that out of one configuration", who, e.what)
}
