package daemon

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// site is where and when a journal was written: what it names without a network
// namespace is in that of its daemon, and nothing of it is left after a reboot.
type site struct {
	// Place tells the boot and the network namespace, in which alone indexes count.
	Place string `json:"place"`
	// NetNamespace is the name by which the daemon had gone there, if it had.
	NetNamespace string `json:"net_namespace,omitempty"`
}

// origin names the boot and the network namespace of this process; empty, which is
// that of no journal, where the kernel does not tell.
func origin() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	ns, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + ns
}

var (
	// errGone says that a journal is from before a reboot: nothing of it is left.
	errGone = errors.New("it was written before a reboot")
	// errElsewhere says that a journal's network namespace cannot be found.
	errElsewhere = errors.New("it was written in another network namespace, which is gone or has no name that is known here")
)

// site is that of this daemon.
func (d *runDir) site() site { return site{Place: origin(), NetNamespace: d.netNamespace} }

// startedIn is the network namespace in which daemons of a host mostly begin.
const startedIn = "/proc/1/ns/net"

// reach returns the name that the network namespace of a journal has here, empty if
// it is the daemon's own. The error is errGone or errElsewhere.
func (s site) reach() (space string, err error) {
	here := origin()
	if here == "" || s.Place == "" || s.Place == here {
		return "", nil
	}
	boot, was, _ := strings.Cut(s.Place, " ")
	if now, _, _ := strings.Cut(here, " "); boot != now {
		return "", errGone
	}
	for _, name := range []string{s.NetNamespace, startedIn} {
		if name == "" {
			continue
		}
		ns, err := netns.Open(name)
		if err != nil {
			continue // it is gone, or has no such name
		}
		found := fmt.Sprintf("net:[%d]", ns.Inode()) == was
		ns.Close()
		if found {
			return name, nil
		}
	}
	return "", errElsewhere
}
