package daemon

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// sole keeps two daemons of one network namespace from the same virtual router or virtual
// server, whatever run directories they have: each would undo what the other does. Each of
// its own is the name of an abstract socket, which the kernel frees when the process ends.
type sole struct{ held map[string]*os.File }

// A daemon holds the names of so many at most: two with the same configuration meet by the
// first, and each costs a file and system calls.
const (
	mostRouterNames  = 256
	mostServiceNames = 16
)

// soleNames are the names of what a node does, with what each is for people.
func soleNames(n *node.Config, ipvs string) map[string]string {
	routers, services := map[string]string{}, map[string]string{}
	for i := range n.Instances {
		in := &n.Instances[i]
		if in.Interface == "" {
			continue // unicast over any: it is of its addresses, and several may be one's
		}
		family := "IPv4"
		if in.Router.IPv6 {
			family = "IPv6"
		}
		name := fmt.Sprintf("router %s %s %d", in.Interface, family, in.Router.VRID)
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
		_, device := netspec.Split(in.Interface)
		routers[name] = fmt.Sprintf("virtual router %d on %s (%s)", in.Router.VRID, device, in.Name)
	}
	for i := range n.Services {
		v := &n.Services[i]
		for _, k := range v.Layout.Keys {
			services[fmt.Sprintf("service %s %v", ipvs, k)] = fmt.Sprintf("virtual server %s", v.Name)
		}
	}
	first := func(all map[string]string, most int) {
		for i, name := range slices.Sorted(maps.Keys(all)) {
			if i >= most {
				delete(all, name)
			}
		}
	}
	first(routers, mostRouterNames)
	first(services, mostServiceNames)
	maps.Copy(routers, services)
	return routers
}

// claim holds the names of what a node does, beside those held before. It is an error
// when another daemon holds one; what cannot be held for another reason is told.
func (s *sole) claim(c *config.Config, n *node.Config, log *slog.Logger) error {
	if s.held == nil {
		s.held = map[string]*os.File{}
	}
	names := soleNames(n, c.Global.NetNamespaceIPVS)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if s.held[name] != nil {
			continue
		}
		f, err := s.hold(name, names[name])
		var other *otherDaemonError
		switch {
		case errors.As(err, &other):
			return err
		case err != nil:
			log.Warn("nothing keeps a second moonkeep on this host from the same", "of", names[name], "err", err)
			return nil // nor the others
		}
		s.held[name] = f
	}
	return nil
}

// settle lets go of what a node does not do any more.
func (s *sole) settle(c *config.Config, n *node.Config) {
	names := soleNames(n, c.Global.NetNamespaceIPVS)
	for name, f := range s.held {
		if names[name] == "" {
			_ = f.Close() // nothing is written
			delete(s.held, name)
		}
	}
}

func (s *sole) close() {
	for _, f := range s.held {
		_ = f.Close() // nothing is written
	}
	s.held = nil
}

// otherDaemonError says which other daemon does the same.
type otherDaemonError struct {
	what   string
	pid    int32
	runDir string
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

// hold takes one name.
func (s *sole) hold(name, what string) (*os.File, error) {
	space, err := soleSpace()
	if err != nil {
		return nil, err
	}
	name = space + name
	if len(name) > maxName {
		name = fmt.Sprintf("%s%x", space, sha256.Sum256([]byte(name)))
	}
	f, taken, err := bindName(name)
	if err != nil || !taken {
		return f, err
	}
	peer, err := holder(name)
	if err == nil && peer.Uid != 0 && peer.Uid != uint32(os.Geteuid()) {
		return nil, fmt.Errorf("user %d holds the name @%s", peer.Uid, name) // anybody may take any
	}
	other := &otherDaemonError{what: what}
	if err == nil {
		other.pid, other.runDir = peer.Pid, runDirOf(peer.Pid)
	}
	return nil, other
}

// soleSpace is what names of this network namespace begin with, for those who read
// /proc/net/unix.
func soleSpace() (string, error) {
	var ns unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &ns); err != nil {
		return "", fmt.Errorf("name what the daemon does: read /proc/thread-self/ns/net: %w", err)
	}
	return "moonkeep:" + strconv.FormatUint(ns.Ino, 10) + ":", nil
}

// bindName listens on the abstract socket of a name, so that others see whose it is, or
// says that somebody does.
func bindName(name string) (_ *os.File, taken bool, err error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, false, fmt.Errorf("open a socket with the name @%s: %w", name, err)
	}
	s := os.NewFile(uintptr(fd), "@"+name)
	if err = unix.Bind(fd, &unix.SockaddrUnix{Name: "@" + name}); err == nil {
		err = unix.Listen(fd, unix.SOMAXCONN)
	}
	switch {
	case err == nil:
		return s, false, nil
	case errors.Is(err, unix.EADDRINUSE):
		return nil, true, s.Close()
	}
	return nil, false, errors.Join(fmt.Errorf("hold the name @%s: %w", name, err), s.Close())
}

// holder returns who listens on the abstract socket of a name.
func holder(name string) (*unix.Ucred, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("ask whose the name @%s is: %w", name, err)
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: "@" + name}); err != nil {
		return nil, fmt.Errorf("ask whose the name @%s is: %w", name, err)
	}
	return unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
}

// runDirOf returns the run directory of the daemon with that process number, by the name
// that this holds for it (holdName); empty when it is not known.
func runDirOf(pid int32) string {
	space, err := soleSpace()
	if err != nil {
		return ""
	}
	list, err := os.ReadFile("/proc/thread-self/net/unix")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(list)) {
		_, path, is := strings.Cut(strings.TrimRight(line, "\n"), " @"+space)
		if !is || !strings.HasPrefix(path, "/") {
			continue
		}
		if peer, err := holder(space + path); err == nil && peer.Pid == pid {
			return path
		}
	}
	return ""
}
