//go:build linux

package host

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dropBounding takes all capabilities but some out of reach of whatever the
// process will ever execute. Who may not do so can do without as long as nothing
// that is executed gains any: to gain is what privileged says.
func dropBounding(keep []int, privileged bool) error {
	for c := 0; c < 64; c++ {
		if slices.Contains(keep, c) {
			continue
		}
		in, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			return nil // beyond the last one that the kernel knows
		}
		if err == nil && in == 1 {
			err = unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0)
		}
		if errors.Is(err, unix.EPERM) && !privileged {
			return nil
		}
		if err != nil {
			return fmt.Errorf("drop capability %d, which takes CAP_SETPCAP: %w", c, err)
		}
	}
	return nil
}

// keepCaps leaves the process these capabilities, also when it executes a
// file, and no others. A user who is root keeps all that are in reach.
func keepCaps(caps []int, root bool) error {
	if root {
		return nil
	}
	var set [2]unix.CapUserData
	for _, c := range caps {
		bit := uint32(1) << (c % 32)
		d := &set[c/32]
		d.Effective, d.Permitted, d.Inheritable = d.Effective|bit, d.Permitted|bit, d.Inheritable|bit
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capset(&header, &set[0]); err != nil {
		return fmt.Errorf("keep capabilities %v only: %w", caps, err)
	}
	for _, c := range caps {
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(c), 0, 0); err != nil {
			return fmt.Errorf("keep capability %d: %w", c, err)
		}
	}
	return nil
}

// inReach are those of some capabilities that the process has.
func inReach(caps []int) (has []int) {
	var set [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if unix.Capget(&header, &set[0]) != nil {
		return nil
	}
	for _, c := range caps {
		if set[c/32].Permitted&(1<<(c%32)) != 0 {
			has = append(has, c)
		}
	}
	return has
}

// rulesetAttr and pathAttr are landlock's, of which x/sys has no call.
type rulesetAttr struct{ access, net, scoped uint64 }

type pathAttr struct {
	access uint64
	fd     int32
}

// restrictFiles leaves the process what anybody may read, its own socket and
// the usual devices: it can write no other file, whatever the modes say, and
// neither signal nor look into processes outside. A kernel without landlock
// leaves it to the modes and the user, which is what it reports then.
func restrictFiles() (restricted bool, err error) {
	abi, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e != 0 {
		return false, nil
	}
	const read = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	handled := uint64(unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1) // all of the first version
	if abi >= 2 {
		handled |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		handled |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	attr := rulesetAttr{access: handled}
	size := unsafe.Sizeof(attr.access)
	if abi >= 6 {
		attr.scoped = unix.LANDLOCK_SCOPE_SIGNAL
		size = unsafe.Sizeof(attr)
	}
	fd, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if e != 0 {
		return false, fmt.Errorf("make rules for files: %w", e)
	}
	defer unix.Close(int(fd))
	allow := func(at int32, access uint64) error {
		p := pathAttr{access & handled, at}
		if _, _, e := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, fd, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&p)), 0, 0, 0); e != 0 {
			return fmt.Errorf("add a rule for files: %w", e)
		}
		return nil
	}
	const own = read | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_REG
	if err := allow(fdDir, own); err != nil {
		return false, err
	}
	const device = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	for path, access := range map[string]uint64{"/": read, "/dev/null": device, "/proc/self/comm": device} {
		at, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("open %s for a rule: %w", path, err)
		}
		err = allow(int32(at), access)
		unix.Close(at)
		if err != nil {
			return false, err
		}
	}
	if _, _, e := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); e != 0 {
		return false, fmt.Errorf("apply the rules for files: %w", e)
	}
	return true, nil
}
