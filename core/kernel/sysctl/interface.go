//go:build linux

package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

// split returns the name of the interface whose setting it is, empty if it is of none,
// with what is before and behind it.
func split(name string) (before, device, behind string) {
	parts := strings.SplitN(name, "/", 4)
	if len(parts) < 4 || parts[1] != "conf" && parts[1] != "neigh" || parts[2] == "all" || parts[2] == "default" {
		return name, "", ""
	}
	return parts[0] + "/" + parts[1] + "/", parts[2], "/" + parts[3]
}

func deviceIn(name string) string {
	_, device, _ := split(name)
	return device
}

// rename returns the name of the same setting of an interface of another name.
func rename(name, device string) string {
	before, has, behind := split(name)
	if has == "" {
		return name
	}
	return before + device + behind
}

// indexIn returns the index of the interface whose setting it is, in the namespace of the
// calling thread; 0 if it is of none.
func indexIn(name string) (int, error) {
	device := deviceIn(name)
	if device == "" {
		return 0, nil
	}
	r, err := unix.NewIfreq(device)
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", device, err)
	}
	if err := ask(unix.SIOCGIFINDEX, r); err != nil {
		return 0, err
	}
	return int(r.Uint32()), nil
}

// nameNow is the setting's name with the one that its interface has now.
func (c *change) nameNow() (string, error) {
	if c.Index == 0 {
		return c.Name, nil
	}
	r, err := unix.NewIfreq("")
	if err == nil {
		r.SetUint32(uint32(c.Index))
		err = ask(unix.SIOCGIFNAME, r)
	}
	if err != nil {
		return "", err
	}
	return rename(c.Name, r.Name()), nil
}

// gone reports whether the interface is not there any more.
func (c *change) gone() bool {
	_, err := c.nameNow()
	return errors.Is(err, fs.ErrNotExist)
}

// ask asks the kernel for what it knows of an interface. The error wraps fs.ErrNotExist
// when there is none.
func ask(what uint, r *unix.Ifreq) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	defer unix.Close(fd)
	err = unix.IoctlIfreq(fd, what, r)
	if errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("the interface is gone: %w", fs.ErrNotExist)
	}
	if err != nil {
		return fmt.Errorf("ask for the interface: %w", err)
	}
	return nil
}
