//go:build linux

// Package numfile follows files that hold a number, and writes such files.
//
// A Watcher is woken by inotify: it watches every folder and symbolic link on
// the way to a file, so that a file or folder that appears, is replaced or
// moves away is noticed. On every wake, and each second whatever inotify says,
// it reads the file anew: no lost event can leave a wrong number behind.
//
// What the number means is core/track's business; cmd/moonkeep/daemon drives it.
package numfile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Reading is what is in a file.
type Reading struct {
	// Value is the number; 0 when there is no file or nothing in it. Numbers
	// beyond 64 bits are the greatest, or the least, that there is.
	Value int64
	// Missing is true when there is no file.
	Missing bool
	// Failure is why the file is of no use, empty when it is.
	Failure string
}

// most is how many bytes a file may have.
const most = 4096

// Read reads a file once. The number is its first word, in decimal; as in
// keepalived no file, or nothing in it, is 0. Unlike there anything else is of
// no use, and not 0: nobody can know what was meant.
func Read(path string) Reading {
	// Without O_NONBLOCK a named pipe would wait for its writer.
	fd, err := retry(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	})
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return Reading{Missing: true}
	case err != nil:
		return Reading{Failure: err.Error()}
	}
	defer unix.Close(fd)
	if err := regular(fd); err != nil {
		return Reading{Failure: err.Error()}
	}
	var text []byte
	for buf := make([]byte, most+1); ; {
		n, err := retry(func() (int, error) { return unix.Read(fd, buf) })
		text = append(text, buf[:max(n, 0)]...)
		switch {
		case err != nil:
			return Reading{Failure: err.Error()}
		case len(text) > most:
			return Reading{Failure: fmt.Sprintf("it has more than %d bytes", most)}
		case n == 0:
			return parse(string(text))
		}
	}
}

func regular(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.New("it is not a regular file")
	}
	return nil
}

func parse(text string) Reading {
	words := strings.Fields(text)
	if len(words) == 0 {
		return Reading{}
	}
	value, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		word := words[0]
		if len(word) > 20 {
			word = word[:20] + "..."
		}
		return Reading{Failure: fmt.Sprintf("it begins with %q and not with a number", word)}
	}
	return Reading{Value: value}
}

// Write makes a file with the number, or, when it is there, leaves it as it is
// unless overwrite is true. It follows no symbolic link: in a folder that others
// may write they could lead anywhere.
func Write(path string, value int, overwrite bool) error {
	text := []byte(strconv.Itoa(value) + "\n")
	open := func(flags int) (int, error) {
		return retry(func() (int, error) {
			return unix.Open(path, flags|unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
		})
	}
	fd, err := open(unix.O_CREAT | unix.O_EXCL)
	if errors.Is(err, unix.EEXIST) {
		if !overwrite {
			if Read(path).Missing {
				return fmt.Errorf("make %s: there is a symbolic link to nothing", path)
			}
			return nil
		}
		fd, err = open(0)
	}
	if errors.Is(err, unix.ELOOP) {
		return fmt.Errorf("write %s: it is a symbolic link; name the file itself", path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer unix.Close(fd)
	err = regular(fd)
	if err == nil {
		err = unix.Ftruncate(fd, 0)
	}
	if err == nil {
		_, err = retry(func() (int, error) { return unix.Write(fd, text) })
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// retry calls f until no signal interrupts it.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
