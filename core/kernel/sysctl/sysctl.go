//go:build linux

// Package sysctl changes settings below /proc/sys/net of one network namespace
// and puts them back.
//
// It knows no setting by name and decides for none; core/kernel, which drives
// it, does. It keeps what it found, and tells a journal of it before it changes
// anything: the next run can take over from there (Adopt), so that a setting is
// put back even if the process was killed. What is an interface's stays that
// interface's when it gets another name.
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
	// journal may be nil.
	journal func([]Change) error

	mu sync.Mutex
	// changed are in the order in which they were changed first.
	changed []change
}

// change is one with what need not be written down.
type change struct {
	Change
	// adopted is true of one that an earlier run made and this one has not.
	adopted bool
}

// Change is a setting that was changed.
type Change struct {
	// Name is its path from net on, with the interface's name as it was.
	Name string `json:"setting"`
	// Index is the interface's, 0 if it is of none.
	Index int `json:"interface_index,omitempty"`
	// Before is what it was, Value what it was set to.
	Before string `json:"before"`
	Value  string `json:"value"`
}

// New returns settings of the namespace, which must stay open. The journal is
// told what is changed, all of it, before each change and after each that was
// put back; if it fails, nothing is changed. It must not call the Settings. Nil
// is none.
func New(ns *netns.NS, journal func([]Change) error) *Settings {
	return &Settings{ns: ns, journal: journal}
}

// Adopt takes over what an earlier run told its journal and may not have put
// back. It is called before anything is changed.
func (s *Settings) Adopt(list []Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = nil
	for _, c := range list {
		s.changed = append(s.changed, change{c, true})
	}
}

// RestoreAdopted puts back what was adopted and not set since, the last first.
func (s *Settings) RestoreAdopted() error {
	return s.restore(func(c change) bool { return c.adopted })
}

// Put changes a setting of an interface that will be gone when it is not wanted
// any more: nothing is remembered.
func (s *Settings) Put(name, value string) error {
	return s.do(name, func(file string) error {
		before, err := read(file)
		if err == nil && before != value {
			err = write(file, value)
		}
		return err
	})
}

// Read returns a setting, by its path from net on: ipv4/conf/eth0/rp_filter.
// The error wraps fs.ErrNotExist when there is no such setting or interface.
func (s *Settings) Read(name string) (value string, err error) {
	err = s.do(name, func(file string) error {
		value, err = read(file)
		return err
	})
	return value, err
}

// Set changes a setting and remembers what it was before it was changed first, by
// whatever name its interface had then.
func (s *Settings) Set(name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.do(name, func(file string) error {
		before, err := read(file)
		if err != nil {
			return err
		}
		index, err := indexIn(name)
		if err != nil {
			return err
		}
		i := s.find(name, index)
		if before == value {
			// It is remembered all the same if it is ours.
			if i < 0 {
				return nil
			}
			s.changed[i].adopted = false
			if c := &s.changed[i].Change; c.Name != name || c.Index != index {
				c.Name, c.Index = name, index
				return s.tell()
			}
			return nil
		}
		if i < 0 {
			s.changed = slices.DeleteFunc(s.changed, func(c change) bool { return c.Name == name && c.gone() })
			i = len(s.changed)
			s.changed = append(s.changed, change{Change: Change{Before: before}})
		}
		c := &s.changed[i]
		c.Name, c.Index, c.Value = name, index, value
		if err := s.tell(); err != nil {
			return err
		}
		c.adopted = false
		return write(file, value)
	})
}

// tell writes down what is changed. mu is held.
func (s *Settings) tell() error {
	if s.journal == nil {
		return nil
	}
	list := make([]Change, 0, len(s.changed))
	for _, c := range s.changed {
		list = append(list, c.Change)
	}
	if err := s.journal(list); err != nil {
		return fmt.Errorf("write down what it was: %w", err)
	}
	return nil
}

// Restore puts the setting back to what it was, if it is still what it was set
// to: who changed it since wants it so. One that was never changed, or whose
// interface is gone, is no error. Put back is that of the interface that had the name
// when it was set, whatever name that has now: another one of the name is left alone.
func (s *Settings) Restore(name string) error {
	return s.restore(func(c change) bool { return c.Name == name })
}

// restore puts back what is, the last first.
func (s *Settings) restore(is func(change) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failed []error
	for i, c := range slices.Backward(s.changed) {
		if is(c) {
			failed = append(failed, s.restoreOne(i))
		}
	}
	return errors.Join(failed...)
}

// restoreOne puts one back and forgets it. mu is held.
func (s *Settings) restoreOne(i int) error {
	c := s.changed[i]
	err := s.do(c.Name, func(file string) error {
		name, err := c.nameNow()
		now := ""
		if err == nil {
			file = path.Join(root, name)
			now, err = read(file)
		}
		if err == nil && now == c.Value {
			err = write(file, c.Before)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err == nil {
		s.changed = slices.Delete(s.changed, i, i+1)
		err = s.tell()
	}
	return err
}

// Close puts every setting back, the last first.
func (s *Settings) Close() error {
	return s.restore(func(change) bool { return true })
}

// find returns where the setting is in changed, by what was its interface's name then; -1
// if it is not.
func (s *Settings) find(name string, index int) int {
	return slices.IndexFunc(s.changed, func(c change) bool {
		return c.Index == index && rename(c.Name, deviceIn(name)) == name || c.Index == 0 && c.Name == name
	})
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
