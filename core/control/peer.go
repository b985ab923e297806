package control

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"unsafe"
)

// peerKey is under which a connection's context holds who is at its other end.
type peerKey struct{}

// peer is who is at the other end of a connection, as the kernel says, at the
// time of the connect.
type peer struct {
	uid, pid int
	// groups are its effective group and the others that it is in.
	groups []int
	// socket is the path of the control socket, whose group operates.
	socket string
}

// soPeerGroups is SO_PEERGROUPS (socket(7)), which package syscall lacks.
const soPeerGroups = 0x3b

// identify says who connected, for http.Server.ConnContext. Who cannot be
// identified operates nothing. Who is confined finds the connection closed before it
// could keep others out of it.
func identify(path string, confined func(uid uint32, pid int) bool) func(context.Context, net.Conn) context.Context {
	return func(ctx context.Context, c net.Conn) context.Context {
		inner := c
		if l, ok := c.(*limitConn); ok {
			inner = l.Conn
		}
		u, ok := inner.(*net.UnixConn)
		if !ok {
			return ctx
		}
		who, err := peerOf(u)
		if err != nil {
			return ctx
		}
		if confined(uint32(who.uid), who.pid) {
			_ = c.Close() // the server sees that, too
			return ctx
		}
		who.socket = path
		return context.WithValue(ctx, peerKey{}, who)
	}
}

func peerOf(u *net.UnixConn) (*peer, error) {
	raw, err := u.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("identify who asks: %w", err)
	}
	var who *peer
	cerr := raw.Control(func(fd uintptr) {
		var cred *syscall.Ucred
		if cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err != nil {
			return
		}
		who = &peer{uid: int(cred.Uid), pid: int(cred.Pid), groups: append(peerGroups(fd), int(cred.Gid))}
	})
	if cerr != nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("identify who asks: %w", err)
	}
	return who, nil
}

// peerGroups returns the supplementary groups of who connected; none on kernels
// before 4.13, which do not tell.
func peerGroups(fd uintptr) []int {
	// The kernel's limit is 65536 groups (NGROUPS_MAX); few have more than this.
	var list [256]uint32
	size := uint32(unsafe.Sizeof(list))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.SOL_SOCKET, soPeerGroups,
		uintptr(unsafe.Pointer(&list)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return nil
	}
	var groups []int
	for _, g := range list[:size/4] {
		groups = append(groups, int(g))
	}
	return groups
}

// operates reports whether the peer may change what the daemon does: root, the
// daemon's own user, and the members of the group that the socket belongs to
// now. Who may only look is a matter of the socket's mode.
func (p *peer) operates() bool {
	if p.uid == 0 || p.uid == os.Geteuid() {
		return true
	}
	info, err := os.Stat(p.socket)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && slices.Contains(p.groups, int(st.Gid))
}

// Owns reports whether root or the user of this process asks, who could do themselves
// what the daemon can; not so the others that may operate it.
func Owns(ctx context.Context) bool {
	who, _ := ctx.Value(peerKey{}).(*peer)
	return who != nil && (who.uid == 0 || who.uid == os.Geteuid())
}

// Asker says who asks, for the log: "uid 0 (pid 312)"; empty when ctx is of no
// request.
func Asker(ctx context.Context) string {
	who, _ := ctx.Value(peerKey{}).(*peer)
	if who == nil {
		return ""
	}
	return fmt.Sprintf("uid %d (pid %d)", who.uid, who.pid)
}
