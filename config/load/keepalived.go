package load

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/keepalived"
)

// fileKeepalived reads a configuration in keepalived's language. Earlier is what was
// read before, or nil.
func fileKeepalived(path, configID string, earlier *config.Config) (*config.Config, config.Findings, error) {
	files := Files()
	// The file may be large, and is not kept for this.
	read, empty := false, true
	open := files.Read
	files.Read = func(path string) (string, error) {
		text, err := open(path)
		if !read && err == nil {
			read, empty = true, strings.TrimSpace(text) == ""
		}
		return text, err
	}
	options := Options(configID)
	options.Earlier = earlier
	c, found, err := keepalived.ReadFiles(path, files, options)
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	if empty {
		c, found = emptyFile(path)
	}
	if c == nil {
		c = &config.Config{Files: []string{path}}
	}
	return c, found, nil
}

// Files lets keepalived's language include what this process may read:
// regular files that are not executable, of at most MaxSize bytes.
func Files() keepalived.Files {
	return keepalived.Files{
		Read: func(path string) (string, error) { return read(path, 0o111) },
		List: list,
	}
}

// Options is what keepalived's language can ask about this node and process.
// An empty config id is the node's name up to the first dot.
func Options(configID string) keepalived.Options {
	if configID == "" {
		// The kernel always has a name; an empty one matches no line.
		name, _ := os.Hostname()
		configID, _, _ = strings.Cut(name, ".")
	}
	// Without a working directory there is no relative file to read either.
	dir, _ := os.Getwd()
	return keepalived.Options{ConfigID: configID, WorkDir: dir, Getenv: os.LookupEnv, Random: rand.Int64N}
}

// mostNames is how many names of a folder are looked at.
const mostNames = 100_000

// list returns the names in a folder.
func list(path string) ([]string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err // it names the path
	}
	defer f.Close()
	names, err := f.Readdirnames(mostNames)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(names) == mostNames {
		return nil, fmt.Errorf("%s: %w: more than %d files are in it", path, ErrTooLarge, mostNames)
	}
	return names, nil
}
