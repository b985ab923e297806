//go:build linux

// Package durable replaces and removes small files so that they are, or are gone,
// also after a loss of power: a host that is worked on may lose it.
//
// A reader sees the old or the new file, never half of one. The package does not know
// what is in them. cmd/moonkeep/daemon and core/kernel/realserver use it for what
// outlives a restart of the host.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Replace writes a file in the place of the one with that path, and makes its
// folder. It is on disk, with the folders that were made, when Replace returns nil. On
// an error it may be the one before, or the new one until power is lost.
func Replace(path string, data []byte, mode fs.FileMode) error {
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	next, err := os.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = next.Write(data)
	if err == nil {
		err = next.Sync()
	}
	err = errors.Join(err, next.Close())
	if err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	return syncDir(filepath.Dir(path))
}

// Remove removes a file for good, also one that an earlier call removed and failed
// after that. That there is none is no error.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := syncDir(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // there is no folder
	}
	return err
}

// makeFolder makes a folder and those that it is in, on disk.
func makeFolder(path string) error {
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(path)
	if err := makeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// syncDir has the names in a folder on disk. A file system that does not do that
// says EINVAL.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, unix.EINVAL) {
		err = nil
	}
	if err := errors.Join(err, dir.Close()); err != nil {
		return fmt.Errorf("have the names in %s on disk: %w", path, err)
	}
	return nil
}
