package notify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/program"
)

// FIFO is a named pipe to which each change is written as one line.
type FIFO struct {
	Path string
	// User and Group own it when it is made, as in program.Spec.
	User, Group string
	// Routers has the changes of instances and groups written to it.
	Routers bool
	// Servers has those of virtual and real servers written to it.
	Servers bool
	// Script reads it, with the path as its last argument; nil for none.
	Script *Program
}

// same reports whether an open FIFO can serve as another, whatever reads it.
func (f FIFO) same(g FIFO) bool { return f.Path == g.Path && f.User == g.User && f.Group == g.Group }

// line is what is written of a change, in keepalived's form.
func line(key Key, state string, c node.Change) string {
	return fmt.Sprintf("%s \"%s\" %s %s\n", key.kind(), oneLine(key.Name), state, priority(c))
}

// serverLine is line for virtual and real servers. keepalived writes a NUL
// behind each line; a reader of lines does without.
func serverLine(state string, c node.Change) string {
	if c.Server == "" {
		return fmt.Sprintf("VS %s %s\n", oneLine(c.Service), state)
	}
	return fmt.Sprintf("RS %s %s %s\n", c.Server, oneLine(c.Service), state)
}

// pipe is an open FIFO.
type pipe struct {
	path string
	fd   int
	made bool // by us
}

// openPipe makes a FIFO, or takes the one that is there. It is opened for
// reading, too: so the kernel keeps what is written until somebody reads, and
// writing neither waits for a reader nor fails without one.
func openPipe(f FIFO) (*pipe, error) {
	p := &pipe{path: f.Path}
	const mode = 0o644
	err := syscall.Mkfifo(f.Path, mode)
	switch {
	case err == nil:
		p.made = true
	case !errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("make FIFO %s: %w", f.Path, err)
	}
	if err := p.open(f, mode); err != nil {
		return nil, errors.Join(err, p.remove())
	}
	return p, nil
}

func (p *pipe) open(f FIFO, mode uint32) error {
	// A device would do something when it is opened, so look first.
	info, err := os.Lstat(p.path)
	if err != nil {
		return fmt.Errorf("open FIFO: %w", err)
	}
	if info.Mode().Type() != fs.ModeNamedPipe {
		return fmt.Errorf("open FIFO %s: it is there and no FIFO (mode %s); remove it or name another path", p.path, info.Mode())
	}
	p.fd, err = syscall.Open(p.path, syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open FIFO %s: %w", p.path, err)
	}
	if err := p.settle(f, mode); err != nil {
		syscall.Close(p.fd) // nothing was written
		return err
	}
	return nil
}

// settle gives a FIFO of ours its mode, whatever the umask, and its owner.
func (p *pipe) settle(f FIFO, mode uint32) error {
	var st syscall.Stat_t
	if err := syscall.Fstat(p.fd, &st); err != nil {
		return fmt.Errorf("look at FIFO %s: %w", p.path, err)
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return fmt.Errorf("open FIFO %s: it is no FIFO any more", p.path)
	}
	if !p.made {
		return nil
	}
	if err := syscall.Fchmod(p.fd, mode); err != nil {
		return fmt.Errorf("set the mode of FIFO %s: %w", p.path, err)
	}
	if f.User == "" && f.Group == "" {
		return nil
	}
	uid, gid, err := program.Account(f.User, f.Group)
	if err != nil {
		return fmt.Errorf("FIFO %s: %w", p.path, err)
	}
	if err := syscall.Fchown(p.fd, uid, gid); err != nil {
		return fmt.Errorf("give FIFO %s to %s: %w", p.path, strings.Trim(f.User+":"+f.Group, ":"), err)
	}
	return nil
}

// write writes a line now or not at all.
func (p *pipe) write(line string) error {
	for {
		_, err := syscall.Write(p.fd, []byte(line))
		if err != syscall.EINTR {
			return err
		}
	}
}

// unread returns how many bytes nobody has read yet.
func (p *pipe) unread() (int, error) {
	var count int32
	const fionread = 0x541B // FIONREAD of ioctl_tty(2)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(p.fd), fionread, uintptr(unsafe.Pointer(&count)))
	if errno != 0 {
		return 0, fmt.Errorf("look how much of FIFO %s is read: %w", p.path, errno)
	}
	return int(count), nil
}

// close ends it: its readers see the end. One that we made is removed.
func (p *pipe) close() error {
	return errors.Join(syscall.Close(p.fd), p.remove())
}

func (p *pipe) remove() error {
	if !p.made {
		return nil
	}
	if err := os.Remove(p.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove FIFO: %w", err)
	}
	return nil
}
