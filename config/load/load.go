// Package load is the front door of the configuration: it reads one file and
// those that it includes, each once, in the language that its name tells, and
// compares what it asks for with what this host has.
//
// It knows no language (config/keepalived and config/source do) and changes
// nothing on the host. moonkeep check and moonkeep run both come through
// here, so that what passes the one cannot fail in the other.
package load

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// MaxSize is how many bytes a configuration file may have: ten times a file
// with ten thousand real servers. It bounds the memory that reading takes.
const MaxSize = 64 << 20

// File reads one configuration with the config id that this node has by
// default: its name up to the first dot. See FileAs.
func File(path string) (*config.Config, config.Findings, error) { return FileAs(path, "") }

// FileAs reads one configuration file, with those that it includes, or a folder of
// files of moonkeep's own schema, whose endings are .yaml, .yml, .toml and .json;
// everything else is keepalived's language, in which the config id decides lines
// that begin with @NAME. An empty one is the node's default.
//
// The error is for a file that could not be read at all; it names the path
// and wraps the cause. The configuration is nil with an error and only then;
// it is of use only if the findings hold no error.
func FileAs(path, configID string) (*config.Config, config.Findings, error) {
	if OfKeepalived(path) {
		return fileKeepalived(path, configID, nil)
	}
	return Layers([]string{path}, nil, nil)
}

// OfKeepalived reports whether a path is read in keepalived's language.
func OfKeepalived(path string) bool {
	if native(path) {
		return false
	}
	info, err := os.Stat(path)
	return err != nil || !info.IsDir()
}

// emptyFile is the result of reading a blank file.
func emptyFile(path string) (*config.Config, config.Findings) {
	var found config.Findings
	found.Add(config.NewPosition(path, 1, 1), config.Error, "empty-file",
		"the file is empty: it needs a vrrp_instance or a virtual_server")
	return &config.Config{Files: []string{path}}, found
}

// read returns the text of a regular file of acceptable size that has none
// of the mode bits refused. It does not wait for the writer of a FIFO.
func read(path string, refused fs.FileMode) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s: %w; create it or name another", path, fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("%s: %w; run as root, or let user %d read the file", path, fs.ErrPermission, os.Geteuid())
	case errors.Is(err, syscall.ENXIO):
		return "", fmt.Errorf("%s: %w", path, errKind(fs.ModeSocket))
	case err != nil:
		return "", err // it names the path
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: %w", path, errKind(info.Mode()))
	}
	if info.Mode()&refused != 0 {
		return "", fmt.Errorf("%s: %w, which keepalived does not read; chmod a-x %s", path, ErrExecutable, path)
	}
	text, err := content(f, patience)
	if err != nil {
		return "", err // it names the path
	}
	return decoded(path, text)
}

// content reads an open file of at most MaxSize bytes, and waits no longer
// than that for what it says.
func content(f *os.File, wait time.Duration) (string, error) {
	// Some files of the kernel's are regular by their mode, and nothing comes
	// of them for ever. Only files that can be waited for take a deadline.
	if err := f.SetReadDeadline(time.Now().Add(wait)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return "", fmt.Errorf("%s: %w", f.Name(), err)
	}
	// One more than allowed, so that a file that grows is noticed too. What a
	// large file is read into is made once, and is its text.
	var b strings.Builder
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() <= MaxSize {
		b.Grow(int(info.Size()))
	}
	n, err := io.Copy(&b, io.LimitReader(f, MaxSize+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", fmt.Errorf("%s: %w but one that waits for somebody to write; name the configuration file itself", f.Name(), ErrNotRegular)
	case err != nil:
		return "", err
	case n > MaxSize:
		return "", fmt.Errorf("%s: %w: a configuration file has %d MiB at most; divide it and include the parts, or name another", f.Name(), ErrTooLarge, MaxSize>>20)
	}
	return b.String(), nil
}

// patience is how long a file may take to be read.
const patience = 2 * time.Second

// decoded returns a text without the byte order mark that some editors write.
// The error is for a text in an encoding that no reader here knows: its lines
// could be neither understood nor searched for what must not be shown.
func decoded(path, text string) (string, error) {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		if strings.HasPrefix(text, mark) {
			return "", fmt.Errorf("%s: %w but in UTF-16 or UTF-32; convert it, as by iconv -f UTF-16 -t UTF-8", path, ErrNotUTF8)
		}
	}
	return strings.TrimPrefix(text, "\ufeff"), nil
}

// The errors of File beside those of package fs.
var (
	// ErrNotRegular is a directory, a FIFO, a device.
	ErrNotRegular = errors.New("not a regular file")
	// ErrExecutable is a keepalived.conf with an x bit.
	ErrExecutable = errors.New("an executable file")
	// ErrNotUTF8 is a file in another encoding.
	ErrNotUTF8 = errors.New("not in UTF-8")
	// ErrTooLarge is a file of more than MaxSize bytes.
	ErrTooLarge = errors.New("too large")
)

func errKind(mode fs.FileMode) error {
	what := "a special file"
	switch {
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		what = "a FIFO"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return fmt.Errorf("%w but %s; name the configuration file itself", ErrNotRegular, what)
}
