//go:build linux

package link

import (
	"syscall"

	"github.com/vishvananda/netlink/nl"
)

// attributes splits what follows the head of a message, or the value of a
// nested attribute. The library's function panics when the last attribute is
// not padded, as the kernel's are.
func attributes(b []byte) ([]syscall.NetlinkRouteAttr, error) {
	if over := len(b) % syscall.RTA_ALIGNTO; over != 0 {
		b = append(b[:len(b):len(b)], make([]byte, syscall.RTA_ALIGNTO-over)...)
	}
	return nl.ParseRouteAttr(b)
}
