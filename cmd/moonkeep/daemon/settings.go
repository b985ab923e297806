package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
)

// settingsPath is the journal of the network namespaces that the daemon works in, and
// of the host's settings that were changed there.
func (d *runDir) settingsPath() string { return filepath.Join(d.path, "settings.json") }

// settingsJournal is that on disk.
type settingsJournal struct {
	site
	// Spaces are the network namespaces that are open, empty for the daemon's own:
	// there may be interfaces that it made.
	Spaces   []string         `json:"spaces"`
	Settings []changedSetting `json:"settings"`
}

// changedSetting is one setting on disk.
type changedSetting struct {
	sysctl.Change
	// Space is the network namespace, empty for the daemon's own.
	Space string `json:"net_namespace,omitempty"`
}

// changedSettings writes down which network namespaces are open, what is changed in
// them, and what it was.
type changedSettings struct {
	dir    *runDir
	mu     sync.Mutex
	spaces []string
	of     map[string][]sysctl.Change
}

// in returns what is told of the changes in one namespace.
func (s *changedSettings) in(space string) func([]sysctl.Change) error {
	return func(changed []sysctl.Change) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.of[space] = changed
		return s.write()
	}
}

// open says which namespaces are open; with none, that the daemon has left nothing.
func (s *changedSettings) open(spaces []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spaces = spaces
	return s.write()
}

// write replaces the journal. mu is held.
func (s *changedSettings) write() error {
	j := settingsJournal{site: s.dir.site(), Spaces: s.spaces, Settings: []changedSetting{}}
	for _, space := range slices.Sorted(maps.Keys(s.of)) {
		for _, c := range s.of[space] {
			j.Settings = append(j.Settings, changedSetting{c, space})
		}
	}
	data, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("encode the changed settings: %w", err)
	}
	return s.dir.replace(s.dir.settingsPath(), data)
}

// readSettings returns in which namespaces an earlier run ended without notice, and
// what it changed and did not put back, by namespace. That it cannot be read does not
// keep the daemon from starting. With errElsewhere comes what it has of namespaces
// that have names of their own.
func (d *runDir) readSettings() (spaces []string, of map[string][]sysctl.Change, err error) {
	of = make(map[string][]sysctl.Change)
	data, err := os.ReadFile(d.settingsPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil, of, nil
	}
	var j settingsJournal
	if err == nil {
		err = json.Unmarshal(data, &j)
	}
	if err != nil {
		return nil, of, fmt.Errorf("read the changed settings in %s: %w", d.settingsPath(), err)
	}
	space, err := j.reach()
	if errors.Is(err, errGone) {
		return nil, of, nil
	}
	var lost error
	for _, in := range j.Spaces {
		if in == "" {
			in = space
		}
		spaces = append(spaces, in) // the daemon's own is open in any case
	}
	for _, c := range j.Settings {
		in := c.Space
		if in == "" && err != nil {
			lost = fmt.Errorf("use the changed settings in %s: %w", d.settingsPath(), err)
			continue
		}
		if in == "" {
			in = space
		}
		of[in] = append(of[in], c.Change)
	}
	return spaces, of, lost
}
