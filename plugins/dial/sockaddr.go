package dial

import (
	"syscall"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// Sockaddr is a target's address for the kernel, with its family.
func Sockaddr(t checker.Target) (sa syscall.Sockaddr, six bool, err error) {
	sa, network, err := sockaddr(t)
	return sa, network == "tcp6", err
}

// Bind applies a target's local side to a socket that is not in the poller
// yet. network is that of checker.Bind.
func Bind(t checker.Target, network string, fd int) error {
	if !t.BindTo.IsValid() && t.BindPort == 0 && t.BindIf == "" && t.Fwmark == 0 {
		return nil
	}
	return checker.Bind(t, network, fdControl(fd))
}
