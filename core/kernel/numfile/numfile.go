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
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

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

// ReadAll reads files, by name, at the same time. One that takes longer than limit
// is left out: its goroutine ends when the reading does.
func ReadAll(paths map[string]string, limit time.Duration) map[string]Reading {
	type reading struct {
		name string
		Reading
	}
	read := make(chan reading, len(paths))
	for name, path := range paths {
		go func() { read <- reading{name, Read(path)} }()
	}
	all, late := make(map[string]Reading, len(paths)), time.After(limit)
	for range paths {
		select {
		case r := <-read:
			all[r.name] = r.Reading
		case <-late:
			return all
		}
	}
	return all
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
// may write they could lead anywhere. undo, which is never nil, puts back what was
// there, unless somebody else has written the file since.
func Write(path string, value int, overwrite bool) (undo func() error, err error) {
	nothing := func() error { return nil }
	text := []byte(strconv.Itoa(value) + "\n")
	open := func(flags int) (int, error) {
		return retry(func() (int, error) {
			return unix.Open(path, flags|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
		})
	}
	fd, err := open(unix.O_RDWR | unix.O_CREAT | unix.O_EXCL)
	made := err == nil
	if errors.Is(err, unix.EEXIST) {
		if !overwrite {
			if Read(path).Missing {
				return nothing, fmt.Errorf("make %s: there is a symbolic link to nothing", path)
			}
			return nothing, nil
		}
		fd, err = open(unix.O_RDWR)
	}
	if errors.Is(err, unix.ELOOP) {
		return nothing, fmt.Errorf("write %s: it is a symbolic link; name the file itself", path)
	}
	if err != nil {
		return nothing, fmt.Errorf("write %s: %w", path, err)
	}
	defer unix.Close(fd)
	before, err := replace(fd, text)
	if err != nil {
		return nothing, fmt.Errorf("write %s: %w", path, err)
	}
	return func() error {
		fd, err := open(unix.O_RDWR)
		if err != nil {
			return fmt.Errorf("put back what was in %s: %w", path, err)
		}
		defer unix.Close(fd)
		if now, err := content(fd); err != nil || !bytes.Equal(now, text) {
			return err // it is somebody else's
		}
		if made {
			err = unix.Unlink(path)
		} else {
			_, err = replace(fd, before)
		}
		if err != nil {
			return fmt.Errorf("put back what was in %s: %w", path, err)
		}
		return nil
	}, nil
}

// replace writes a file anew and returns what was in it.
func replace(fd int, text []byte) (before []byte, err error) {
	if err := regular(fd); err != nil {
		return nil, err
	}
	if before, err = content(fd); err != nil {
		return nil, err
	}
	if err := unix.Ftruncate(fd, 0); err != nil {
		return nil, err
	}
	_, err = retry(func() (int, error) { return unix.Pwrite(fd, text, 0) })
	return before, err
}

// content is what is in a file, as far as Read takes it.
func content(fd int) ([]byte, error) {
	text := make([]byte, most)
	n, err := retry(func() (int, error) { return unix.Pread(fd, text, 0) })
	return text[:max(n, 0)], err
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
