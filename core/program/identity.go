package program

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// identity is who a program runs as.
type identity struct {
	uid, gid uint32
	groups   []uint32
	// name and home are empty when the program keeps the daemon's.
	name, home string
	// own is true when user and group are the daemon's.
	own bool
}

// String names it for messages.
func (w identity) String() string {
	if w.name != "" {
		return "user " + w.name
	}
	return "user " + strconv.FormatUint(uint64(w.uid), 10)
}

// identify looks a user and a group up; see Spec.User. A colon may stand between
// them, before the group or behind the user: keepalived takes USER [:][GROUP].
func identify(userName, groupName string) (identity, error) {
	groupName = strings.TrimPrefix(groupName, ":")
	if name, group, both := strings.Cut(userName, ":"); both {
		if name == "" && group == "" && groupName == "" {
			return identity{}, fmt.Errorf("%w: %q names neither a user nor a group", ErrUser, ":")
		}
		userName = name
		if groupName == "" {
			groupName = group
		}
	}
	w := identity{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid()), own: true}
	if userName == "" && groupName == "" {
		gids, err := os.Getgroups()
		if err != nil {
			return identity{}, fmt.Errorf("%w of the daemon: read its groups: %w", ErrUser, err)
		}
		for _, g := range gids {
			w.groups = append(w.groups, uint32(g))
		}
		return w, nil
	}
	if userName != "" {
		u, err := lookupUser(userName)
		if err != nil {
			return identity{}, err
		}
		w = u
	}
	if groupName != "" {
		gid, err := lookupGroup(groupName)
		if err != nil {
			return identity{}, err
		}
		w.gid = gid
		if userName == "" {
			w.groups = []uint32{gid}
		}
	}
	// Without privilege it is only possible, and needs nothing, to stay who
	// one is.
	w.own = os.Geteuid() != 0 && int(w.uid) == os.Geteuid() && int(w.gid) == os.Getegid()
	return w, nil
}

func lookupUser(name string) (identity, error) {
	u, err := user.Lookup(name)
	if _, nerr := strconv.ParseUint(name, 10, 32); err != nil && nerr == nil {
		u, err = user.LookupId(name)
	}
	if err != nil {
		return identity{}, fmt.Errorf("%w %q: there is no such user; create it (useradd -r) or correct the name: %w", ErrUser, name, err)
	}
	w := identity{name: u.Username, home: u.HomeDir}
	ids, err := u.GroupIds()
	if err != nil {
		return identity{}, fmt.Errorf("%w %q: read its groups: %w", ErrUser, name, err)
	}
	for _, s := range append([]string{u.Uid, u.Gid}, ids...) {
		id, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return identity{}, fmt.Errorf("%w %q: it has the odd number %q", ErrUser, name, s)
		}
		w.groups = append(w.groups, uint32(id))
	}
	w.uid, w.gid, w.groups = w.groups[0], w.groups[1], w.groups[2:]
	return w, nil
}

func lookupGroup(name string) (uint32, error) {
	g, err := user.LookupGroup(name)
	if _, nerr := strconv.ParseUint(name, 10, 32); err != nil && nerr == nil {
		g, err = user.LookupGroupId(name)
	}
	if err != nil {
		return 0, fmt.Errorf("%w: there is no group %q; create it (groupadd -r) or correct the name: %w", ErrUser, name, err)
	}
	gid, err := strconv.ParseUint(g.Gid, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%w: group %q has the odd number %q", ErrUser, name, g.Gid)
	}
	return uint32(gid), nil
}

// Account returns the numbers of a user and a group, which mean what they mean
// in a Spec. The error wraps ErrUser.
func Account(userName, groupName string) (uid, gid int, err error) {
	w, err := identify(userName, groupName)
	return int(w.uid), int(w.gid), err
}

// Root reports whether a program of such a Spec runs as root; false also when
// there is no such user.
func Root(userName, groupName string) bool {
	w, err := identify(userName, groupName)
	return err == nil && w.uid == 0
}

// credential is what the kernel is asked for; nil to stay as we are.
func (w identity) credential() *syscall.Credential {
	if w.own {
		return nil
	}
	return &syscall.Credential{Uid: w.uid, Gid: w.gid, Groups: w.groups}
}

// has reports whether w is a member of the group.
func (w identity) has(gid uint32) bool { return w.gid == gid || slices.Contains(w.groups, gid) }

// defaultPath is searched, and handed on, when the daemon has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// searchPath is the PATH of programs.
func searchPath() string {
	if p := os.Getenv("PATH"); p != "" {
		return p
	}
	return defaultPath
}

// environment is what a program of w gets; added wins.
func environment(w identity, added []string) []string {
	env := []string{"PATH=" + searchPath()}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		keep := name == "LANG" || name == "TZ" || strings.HasPrefix(name, "LC_")
		if w.name == "" {
			keep = keep || name == "HOME" || name == "USER" || name == "LOGNAME"
		}
		if keep {
			env = append(env, v)
		}
	}
	if w.name != "" {
		env = append(env, "HOME="+w.home, "USER="+w.name, "LOGNAME="+w.name)
	}
	for _, v := range added {
		name, _, _ := strings.Cut(v, "=")
		if name == "" || name == "IFS" || strings.HasPrefix(name, "LD_") {
			continue
		}
		env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		env = append(env, v)
	}
	return env
}

// Identity is who a program runs as.
type Identity struct {
	UID, GID uint32
	Groups   []uint32
	// Name and Home are empty for the daemon's own.
	Name, Home string
}

// Who looks up a user and a group, which mean what they mean in a Spec, for
// those that start programs by themselves. The error wraps ErrUser.
func Who(userName, groupName string) (Identity, error) {
	w, err := identify(userName, groupName)
	return Identity{w.uid, w.gid, w.groups, w.name, w.home}, err
}
