package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// heldByOthers reports, as an error, that another VRRP daemon of this host holds a
// virtual address: each would remove what the other sets, until neither has it.
// What is in the journal was left by an earlier run of ours, and the addresses of
// an owner (priority 255) are the host's.
func heldByOthers(n *node.Config, journal []netspec.Address) error {
	ours := make(map[string]bool, len(journal))
	where := func(a netspec.Address) (space, key string) {
		space, _ = netspec.Split(a.Device)
		return space, space + " " + a.Addr().WithZone("").String()
	}
	for _, a := range journal {
		_, key := where(a)
		ours[key] = true
	}
	standing := map[string]map[netip.Addr]bool{} // by network namespace
	for i := range n.Instances {
		in := &n.Instances[i]
		if in.Router.Priority == 255 {
			continue
		}
		for _, list := range [2][]netspec.Address{in.Addresses, in.Excluded} {
			for _, a := range list {
				space, key := where(a)
				if ours[key] {
					continue
				}
				if _, known := standing[space]; !known {
					var err error
					if standing[space], err = standingBesideVRRP(space); err != nil {
						return fmt.Errorf("%s: look whether another program of this host holds %v: %w", in.Name, a.Addr(), err)
					}
				}
				if standing[space][a.Addr().WithZone("")] {
					return besideError(space, in.Name, a)
				}
			}
		}
	}
	return nil
}

// standingBesideVRRP returns the addresses of a network namespace where another
// program speaks VRRP, none where nobody does.
func standingBesideVRRP(space string) (map[netip.Addr]bool, error) {
	all := map[netip.Addr]bool{}
	err := within(space, func() error {
		who, err := speakers()
		if err != nil || len(who) == 0 {
			return err
		}
		list, err := net.InterfaceAddrs()
		for _, a := range list {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				all[p.Addr()] = true
			}
		}
		return err
	})
	return all, err
}

func besideError(space, instance string, a netspec.Address) error {
	who := "another program"
	_ = within(space, func() error { // it is known already that there is one
		inodes, err := speakers()
		if names := namesOf(inodes); len(names) > 0 {
			who = strings.Join(names, " and ")
		}
		return err
	})
	_, device := netspec.Split(a.Device)
	return fmt.Errorf("%s: %v stands on this host already, and %s speaks VRRP here: each would remove what the other sets; stop it first, or if it does not hold the address, remove that: ip address del %v dev %s",
		instance, a.Addr(), who, a.Prefix, device)
}

// strangers are the programs beside us that speak VRRP and are no moonkeep, of
// which several may share a host.
func strangers() ([]string, error) {
	inodes, err := speakers()
	return slices.DeleteFunc(namesOf(inodes), func(name string) bool { return strings.HasPrefix(name, "moonkeep (") }), err
}

// within calls f in a network namespace, in the daemon's own when it has no name.
// It does not where there is no such namespace, in which nothing stands.
func within(space string, f func() error) error {
	if space == "" {
		return f()
	}
	ns, err := netns.Open(space)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer ns.Close()
	return ns.Do(f)
}

// speakers returns the inodes of the sockets that speak VRRP, plain or in
// authentication headers, in the network namespace of the calling thread, but for
// our own.
func speakers() (inodes []string, err error) {
	for _, file := range []string{"/proc/thread-self/net/raw", "/proc/thread-self/net/raw6"} {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // there is none without IPv6
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if inode, speaks := rawSocket(line); speaks {
				inodes = append(inodes, inode)
			}
		}
	}
	if len(inodes) == 0 {
		return nil, nil
	}
	own, err := socketsOf("/proc/self/fd")
	return slices.DeleteFunc(inodes, func(inode string) bool { return own[inode] }), err
}

// rawSocket reads a line of /proc/net/raw, where the number of the protocol is in
// the place of the local port.
func rawSocket(line string) (inode string, speaks bool) {
	f := strings.Fields(line)
	if len(f) < 10 {
		return "", false
	}
	_, protocol, _ := strings.Cut(f[1], ":")
	return f[9], protocol == "0070" || protocol == "0033"
}

// socketsOf returns the inodes of the sockets among the open files of a process.
func socketsOf(dir string) (map[string]bool, error) {
	inodes := map[string]bool{}
	list, err := os.ReadDir(dir)
	for _, e := range list {
		to, _ := os.Readlink(filepath.Join(dir, e.Name()))
		if inode, is := strings.CutPrefix(to, "socket:["); is {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return inodes, err
}

// namesOf says which processes have the sockets, as far as this process may know.
func namesOf(inodes []string) (names []string) {
	who, _ := processesOf(inodes)
	for _, p := range who {
		names = append(names, p.String())
	}
	return names
}

// process is a program that runs.
type process struct {
	pid  int32
	name string
}

func (p process) String() string { return fmt.Sprintf("%s (pid %d)", p.name, p.pid) }

// processesOf returns which processes have the sockets, as far as this process may know,
// and the sockets of which it does not.
func processesOf(inodes []string) (who []process, hidden []string) {
	if len(inodes) == 0 {
		return nil, nil
	}
	hidden = slices.Clone(inodes)
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is right
	for _, dir := range dirs {
		has, _ := socketsOf(dir + "/fd") // it may have ended, or be none of our business
		if !slices.ContainsFunc(inodes, func(inode string) bool { return has[inode] }) {
			continue
		}
		hidden = slices.DeleteFunc(hidden, func(inode string) bool { return has[inode] })
		comm, _ := os.ReadFile(dir + "/comm")
		pid, _ := strconv.ParseInt(filepath.Base(dir), 10, 32) // it is a number
		who = append(who, process{int32(pid), strings.TrimSpace(string(comm))})
	}
	return who, hidden
}

// keepaliveds are those in the network namespace with that number: also one that does not
// speak VRRP may have what an earlier run of ours left.
func keepaliveds(namespace uint64) (who []process) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe") // the pattern is right
	for _, link := range links {
		program, err := os.Readlink(link) // it may have ended, or be none of our business
		if err != nil || strings.TrimSuffix(filepath.Base(program), " (deleted)") != "keepalived" {
			continue
		}
		dir := filepath.Dir(link)
		var ns unix.Stat_t
		if err := unix.Stat(dir+"/ns/net", &ns); err != nil || ns.Ino != namespace {
			continue
		}
		pid, err := strconv.ParseInt(filepath.Base(dir), 10, 32)
		if err != nil {
			continue
		}
		who = append(who, process{int32(pid), "keepalived"})
	}
	return who
}
