package keepalived

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/moonkeep/moonkeep/config"
)

// Files is what a reading may open. The zero value opens nothing: an include
// is then an error.
type Files struct {
	// Read returns the content of a regular file. It must not wait, as for
	// the writer of a FIFO, and bounds the size. Its errors name the path;
	// fs.ErrNotExist is wrapped when nothing has it. keepalived skips a file
	// that is executable, so Read refuses it.
	Read func(path string) (string, error)
	// List returns the names in a folder, in any order.
	List func(path string) ([]string, error)
}

// Options is what a configuration can ask about the node and the process that
// read it. The zero value knows nothing.
type Options struct {
	// ConfigID decides @NAME and @^NAME and is ${_INSTANCE}: keepalived's
	// --config-id, by default the name of the node up to the first dot. If
	// empty, every @NAME is for another node.
	ConfigID string
	// WorkDir is the folder that relative paths start from, for ${_PWD};
	// empty leaves that relative.
	WorkDir string
	// Getenv looks an environment variable up for ${_ENV NAME}; if nil, there
	// are none.
	Getenv func(name string) (value string, set bool)
	// Random returns a number of 0 to below n for ${_RANDOM}; if nil, that is
	// always the smallest.
	Random func(n int64) int64

	// Earlier is what was read before, if anything was. Virtual servers of which
	// nothing has changed are taken over from it; their real servers and all below
	// are then in both and must not be changed in either. Their positions are those
	// of the text that is read last. Nobody else may read with it at the same time.
	Earlier *config.Config

	// bounds replaces the usual ones, for tests.
	bounds *bounds
}

// ReadFiles reads a configuration from its file and those that it includes.
// The path may be a pattern, if no file has it as its name: then all that
// match are read, in order. Each file is read once.
//
// The error is that of Files.Read for the first file, or wraps
// fs.ErrNotExist if none matches. All else is as for Read; Config.Files names
// all files.
func ReadFiles(path string, files Files, opts Options) (*config.Config, config.Findings, error) {
	text, err := files.Read(path)
	if err == nil {
		cfg, findings := read(path, text, nil, files, opts)
		return cfg, findings, nil
	}
	if !errors.Is(err, fs.ErrNotExist) || !isPattern(path) {
		return nil, nil, err
	}
	paths, err := matchMain(path, files)
	if err != nil {
		return nil, nil, err
	}
	if text, err = files.Read(paths[0]); err != nil {
		return nil, nil, err
	}
	cfg, findings := read(paths[0], text, paths[1:], files, opts)
	return cfg, findings, nil
}

// matchMain returns the files that the pattern of the main file matches.
func matchMain(pattern string, files Files) ([]string, error) {
	names, ok := alternatives(pattern)
	if !ok {
		return nil, fmt.Errorf("%s: a { without }, or more than %d alternatives", pattern, mostAlternatives)
	}
	var paths []string
	for _, name := range names {
		if !isWild(name) {
			paths = append(paths, filepath.Clean(literally(name)))
			continue
		}
		matched, err := globFiles(files, name)
		if err != nil {
			return nil, err
		}
		paths = append(paths, matched...)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: %w: no file matches the pattern", pattern, fs.ErrNotExist)
	}
	return paths, nil
}

// read reads the main file, of which the text is there, and then others.
func read(path, text string, others []string, files Files, opts Options) (*config.Config, config.Findings) {
	if finding, bad := unreadable(path, text); bad {
		return nil, config.Findings{finding}
	}
	r := newReader(path, text, others, files, opts)
	r.walkFile()
	cfg := *r.complete() // a copy: the reader, which has the text, is to go
	found := r.out.findings()
	found.Hide(r.tree.secrets)
	return &cfg, found
}

// start begins with the main file; the others that its pattern matched follow.
func (f *feed) start(others []string) {
	in := &inclusion{word: "the pattern", checks: checks{read: true}, at: place{file: f.src.main}}
	for _, path := range others {
		in.files = append(in.files, candidate{path: path})
	}
	f.begin(in, in.at)
	f.cache[f.src.main.name] = f.src.main
	f.open(f.src.main, checks{}, in.at)
}
