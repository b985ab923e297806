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

// settingsPath is the journal of the host's settings that were changed.
func (d *runDir) settingsPath() string { return filepath.Join(d.path, "settings.json") }

// changedSetting is one setting on disk.
type changedSetting struct {
	sysctl.Change
	// Space is the network namespace, empty for the daemon's own.
	Space string `json:"net_namespace,omitempty"`
}

// changedSettings writes down what is changed, and what it was, in all network
// namespaces. Nothing is written while nothing ever was.
type changedSettings struct {
	dir *runDir
	mu  sync.Mutex
	of  map[string][]sysctl.Change
}

// in returns what is told of the changes in one namespace.
func (s *changedSettings) in(space string) func([]sysctl.Change) error {
	return func(changed []sysctl.Change) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.of[space] = changed
		list := []changedSetting{}
		for _, space := range slices.Sorted(maps.Keys(s.of)) {
			for _, c := range s.of[space] {
				list = append(list, changedSetting{c, space})
			}
		}
		data, err := json.Marshal(list)
		if err != nil {
			return fmt.Errorf("encode the changed settings: %w", err)
		}
		return s.dir.replace(s.dir.settingsPath(), data)
	}
}

// readSettings returns what an earlier run changed and did not put back, by
// namespace. That it cannot be read does not keep the daemon from starting.
func (d *runDir) readSettings() (map[string][]sysctl.Change, error) {
	of := make(map[string][]sysctl.Change)
	data, err := os.ReadFile(d.settingsPath())
	if errors.Is(err, os.ErrNotExist) {
		return of, nil
	}
	var list []changedSetting
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil {
		return of, fmt.Errorf("read the changed settings in %s: %w", d.settingsPath(), err)
	}
	for _, c := range list {
		of[c.Space] = append(of[c.Space], c.Change)
	}
	return of, nil
}
