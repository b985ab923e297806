//go:build linux

package kernel

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/node"
)

// rivalsAge is how long what is known of other programs is believed.
const rivalsAge = 5 * time.Second

// rivals are the running programs that are known to remove addresses, routes
// and rules of others. netlink does not say who changed something; this says
// who might have.
//
// To look for them takes a moment for each process of the host. A goroutine does it,
// one at a time, which close waits for.
type rivals struct {
	root string // where the processes are; /proc if empty

	mu      sync.Mutex
	running []rival // replaced by each look
	looked  time.Time
	busy    bool // a look is under way
	closed  bool
	then    []func() // what waits for it
	wg      sync.WaitGroup
}

// rival is one such program in this network namespace.
type rival struct {
	name string
	pid  int
	// args are its arguments, where they say which interfaces it is for.
	args []string
}

// rivalName is the name of such a program by what the kernel calls its process,
// which is 15 octets at most; empty for any other.
func rivalName(comm string) string {
	switch comm {
	case "NetworkManager", "dhclient", "dhcpcd", "keepalived", "moonkeep", "connmand", "udhcpc", "wickedd", "ifupdown2d":
		return comm
	case "systemd-network":
		return "systemd-networkd"
	}
	return ""
}

// look has the programs in the network namespace found, unless that was done a moment
// ago, and calls then, unless it is nil, when they are known. It waits for neither.
// After close it does nothing.
func (r *rivals) look(space *netns.NS, then func()) {
	r.mu.Lock()
	known := !r.busy && !r.looked.IsZero() && time.Since(r.looked) < rivalsAge
	if !known && !r.closed {
		if then != nil {
			r.then = append(r.then, then)
		}
		if !r.busy {
			r.busy = true
			r.wg.Go(func() { r.find(fmt.Sprintf("net:[%d]", space.Inode())) })
		}
	}
	r.mu.Unlock()
	if known && then != nil {
		then()
	}
}

// close ends a look, and calls what waits for it.
func (r *rivals) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.wg.Wait()
}

// find is one look. The namespace is as /proc names it.
func (r *rivals) find(own string) {
	root := cmp.Or(r.root, "/proc")
	var running []rival
	list, _ := os.ReadDir(root)
	for _, e := range list {
		r.mu.Lock()
		closed := r.closed
		r.mu.Unlock()
		if closed {
			break
		}
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		dir := filepath.Join(root, e.Name())
		// A process that ends meanwhile is no rival any more.
		comm, _ := os.ReadFile(filepath.Join(dir, "comm"))
		name := rivalName(strings.TrimSpace(string(comm)))
		if name == "" {
			continue
		}
		if ns, err := os.Readlink(filepath.Join(dir, "ns/net")); err != nil || ns != own {
			continue
		}
		// One daemon may be several processes.
		if slices.ContainsFunc(running, func(x rival) bool { return x.name == name && name == "keepalived" }) {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		var args []string
		for _, a := range bytes.Split(line, []byte{0}) {
			args = append(args, string(a))
		}
		running = append(running, rival{name, pid, args})
	}
	r.mu.Lock()
	r.running, r.looked, r.busy = running, time.Now(), false
	then := r.then
	r.then = nil
	r.mu.Unlock()
	for _, f := range then {
		f()
	}
}

// suspects says who may have removed what is gone; empty when nobody is known.
func (r *rivals) suspects(state *link.State, g *node.Gone) string {
	r.mu.Lock()
	running := r.running
	r.mu.Unlock()
	var said []string
	devices := devicesOf(g)
	for _, x := range running {
		who := fmt.Sprintf("%s (pid %d)", x.name, x.pid)
		for _, device := range devices {
			i, _ := state.Find(device)
			if x.holds(device, i.Index) {
				who += " which manages " + device
				break
			}
		}
		said = append(said, who)
	}
	if len(said) == 0 {
		return ""
	}
	return "these run here and may: " + strings.Join(said, ", ")
}

// devicesOf are the interfaces of what is gone.
func devicesOf(g *node.Gone) (names []string) {
	for _, a := range g.Addresses {
		names = append(names, a.Device)
	}
	for i := range g.Routing.Routes {
		names = append(names, g.Routing.Routes[i].Devices()...)
	}
	return names
}

// holds reports whether the program says that it manages the interface: in its
// state files, which are by index, or in its arguments.
func (x *rival) holds(device string, index int) bool {
	state := func(dir, want string) bool {
		text, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(index)))
		return err == nil && slices.Contains(strings.Split(string(text), "\n"), want)
	}
	switch x.name {
	case "systemd-networkd":
		return state("/run/systemd/netif/links", "ADMIN_STATE=configured")
	case "NetworkManager":
		return state("/run/NetworkManager/devices", "managed=1") || state("/run/NetworkManager/devices", "managed=true")
	case "dhclient", "dhcpcd", "udhcpc":
		return slices.Contains(x.args, device)
	}
	return false
}
