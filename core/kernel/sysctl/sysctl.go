//go:build linux

// Package sysctl changes settings below /proc/sys/net of one network namespace
// and puts them back.
//
// It knows no setting by name and decides for none; core/kernel, which drives
// it, does. It keeps what it found, and nothing outlives the process: a setting
// that was changed when the process was killed stays changed.
package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// root is where the settings of a namespace are.
const root = "/proc/sys/net"

// Settings are the settings that were changed. Its methods may be called by any
// goroutine.
type Settings struct {
	ns *netns.NS
	mu sync.Mutex
	// changed are in the order in which they were changed first.
	changed []setting
}

type setting struct {
	name string
	// before is what it was, value what it was set to.
	before, value string
}

// New returns settings of the namespace, which must stay open.
func New(ns *netns.NS) *Settings { return &Settings{ns: ns} }

// Read returns a setting, by its path from net on: ipv4/conf/eth0/rp_filter.
// The error wraps fs.ErrNotExist when there is no such setting or interface.
func (s *Settings) Read(name string) (value string, err error) {
	err = s.do(name, func(file string) error {
		value, err = read(file)
		return err
	})
	return value, err
}

// Set changes a setting and remembers what it was before it was changed first.
func (s *Settings) Set(name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.do(name, func(file string) error {
		before, err := read(file)
		if err != nil {
			return err
		}
		if before == value {
			// It is remembered all the same if it is ours.
			return nil
		}
		if err := write(file, value); err != nil {
			return err
		}
		if i := s.find(name); i >= 0 {
			s.changed[i].value = value
		} else {
			s.changed = append(s.changed, setting{name, before, value})
		}
		return nil
	})
}

// Restore puts the setting back to what it was, if it is still what it was set
// to: who changed it since wants it so. One that was never changed, or whose
// interface is gone, is no error.
func (s *Settings) Restore(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(name)
	if i < 0 {
		return nil
	}
	c := s.changed[i]
	err := s.do(name, func(file string) error {
		now, err := read(file)
		if err == nil && now == c.value {
			err = write(file, c.before)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err == nil {
		s.changed = slices.Delete(s.changed, i, i+1)
	}
	return err
}

// Close puts every setting back, the last first.
func (s *Settings) Close() error {
	s.mu.Lock()
	var names []string
	for _, c := range slices.Backward(s.changed) {
		names = append(names, c.name)
	}
	s.mu.Unlock()
	var failed []error
	for _, name := range names {
		failed = append(failed, s.Restore(name))
	}
	return errors.Join(failed...)
}

func (s *Settings) find(name string) int {
	return slices.IndexFunc(s.changed, func(c setting) bool { return c.name == name })
}

// do calls f with the file of the setting, in the namespace.
func (s *Settings) do(name string, f func(file string) error) error {
	file := path.Join(root, name)
	if file != root+"/"+name {
		return fmt.Errorf("setting net/%s: not a path below %s", name, root)
	}
	err := s.ns.Do(func() error { return f(file) })
	if err != nil {
		return fmt.Errorf("setting net/%s: %w", name, err)
	}
	return nil
}

func read(file string) (string, error) {
	data, err := os.ReadFile(file)
	return strings.TrimSpace(string(data)), err
}

// write does not create the file: one that is not there is the setting of an
// interface that is gone.
func write(file, value string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}
