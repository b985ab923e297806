//go:build linux

package kernel

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
type rivals struct {
	running []rival
	looked  time.Time
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

// look finds the programs in the network namespace, unless that was done a moment ago.
func (r *rivals) look(space *netns.NS) {
	if !r.looked.IsZero() && time.Since(r.looked) < rivalsAge {
		return
	}
	r.looked, r.running = time.Now(), nil
	own := fmt.Sprintf("net:[%d]", space.Inode())
	list, _ := os.ReadDir("/proc")
	for _, e := range list {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		dir := filepath.Join("/proc", e.Name())
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
		if slices.ContainsFunc(r.running, func(x rival) bool { return x.name == name && name == "keepalived" }) {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		var args []string
		for _, a := range bytes.Split(line, []byte{0}) {
			args = append(args, string(a))
		}
		r.running = append(r.running, rival{name, pid, args})
	}
}

// suspects says who may have removed what is gone; empty when nobody is known.
func (r *rivals) suspects(state *link.State, g *node.Gone) string {
	var said []string
	devices := devicesOf(g)
	for _, x := range r.running {
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
