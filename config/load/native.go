package load

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/source"
)

// MaxNative is how many bytes a configuration in moonkeep's own languages may
// have, all its files together: twenty thousand real servers with checks.
// Their parsers keep whole trees in memory, for which it means 200 MiB; a
// keepalived.conf may be larger.
const MaxNative = 4 << 20

// Layers reads a configuration of several files in moonkeep's own languages,
// later ones over earlier ones; a folder stands for its files with one of
// source.Extensions, in order of their names. One file alone may be a
// keepalived.conf, too. Settings are laid over the files; nil is none, not
// even of the environment. Earlier is what was read before, or nil, of which a
// keepalived.conf takes over what has not changed: see keepalived.Options. The
// results are as FileAs's.
func Layers(paths []string, settings *source.Settings, earlier *config.Config) (*config.Config, config.Findings, error) {
	var configID string
	var global []source.Setting
	if settings != nil {
		configID, global = settings.ConfigID(), settings.Global()
	}
	if len(paths) == 1 && OfKeepalived(paths[0]) {
		return fileKeepalived(paths[0], configID, earlier)
	}
	n := &nativeFiles{left: MaxNative}
	var files []source.File
	var folders []config.Include
	for _, path := range paths {
		info, err := os.Stat(path)
		isDir := err == nil && info.IsDir()
		if !isDir && !native(path) {
			return nil, nil, fmt.Errorf("read configuration: %s: only files of moonkeep's own languages (%s) can be layered; give a keepalived.conf alone",
				path, strings.Join(source.Extensions(), " "))
		}
		add := n.file
		if isDir {
			add = n.folder
		}
		some, err := add(path)
		if err != nil {
			return nil, nil, fmt.Errorf("read configuration: %w", err)
		}
		files = append(files, some...)
		if isDir {
			folders = append(folders, config.Include{At: config.NewPosition(path, 0, 0), Pattern: absolute(path), Matched: len(some) > 0})
		}
	}
	if len(files) == 0 {
		return nil, nil, fmt.Errorf("read configuration: no file with one of the endings %s is in %s", strings.Join(source.Extensions(), " "), strings.Join(paths, ", "))
	}
	if len(files) == 1 && len(bytes.TrimSpace(files[0].Data)) == 0 {
		c, found := emptyFile(files[0].Path)
		return c, found, nil
	}
	c, found := source.ReadAll(files, source.Options{Getenv: os.LookupEnv, Include: n.include, Global: global, WorkDir: absolute("")})
	c.Includes = append(folders, c.Includes...)
	return c, found, nil
}

// absolute is a path from the root, as it is when that cannot be found out.
func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}

// native reports whether a path ends as one of moonkeep's own languages.
func native(path string) bool {
	return slices.Contains(source.Extensions(), strings.ToLower(filepath.Ext(path)))
}

// nativeFiles opens the files of one configuration.
type nativeFiles struct {
	// left is how many bytes they may still have.
	left int
}

// include opens what a pattern matches: files, or folders for the files in
// them. A pattern that matches nothing includes nothing; a plain path must be
// there.
func (n *nativeFiles) include(pattern string) ([]source.File, error) {
	paths := []string{pattern}
	if strings.ContainsAny(pattern, "*?[\\") {
		var err error
		if paths, err = filepath.Glob(pattern); err != nil {
			return nil, fmt.Errorf("%s: %w", pattern, err)
		}
		if len(paths) > mostNames {
			return nil, fmt.Errorf("%s: %w: it matches more than %d files", pattern, ErrTooLarge, mostNames)
		}
	}
	var all []source.File
	for _, path := range paths {
		add := n.file
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			add = n.folder
		}
		files, err := add(path)
		if err != nil {
			return nil, err
		}
		all = append(all, files...)
	}
	return all, nil
}

// folder opens the files of a folder that have one of the endings; those
// whose names begin with a dot are left out.
func (n *nativeFiles) folder(path string) ([]source.File, error) {
	names, err := list(path)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var all []source.File
	for _, name := range names {
		if !native(name) || strings.HasPrefix(name, ".") {
			continue
		}
		files, err := n.file(filepath.Join(path, name))
		if err != nil {
			return nil, err
		}
		all = append(all, files...)
	}
	return all, nil
}

func (n *nativeFiles) file(path string) ([]source.File, error) {
	if !native(path) {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: %w; create it or name another", path, fs.ErrNotExist)
		}
		return nil, fmt.Errorf("%s: its ending names no language: %s do", path, strings.Join(source.Extensions(), ", "))
	}
	tooLarge := fmt.Errorf("%s: %w: a configuration in this language has %d MiB at most, all its files together", path, ErrTooLarge, MaxNative>>20)
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() > int64(n.left) {
		return nil, tooLarge
	}
	text, err := read(path, 0)
	if err != nil {
		return nil, err
	}
	if n.left -= len(text); n.left < 0 {
		return nil, tooLarge
	}
	return []source.File{{Path: path, Data: []byte(text)}}, nil
}
