package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
)

// settingsPath is the journal of the host's settings that were changed.
func (d *runDir) settingsPath() string { return filepath.Join(d.path, "settings.json") }

// writeSettings writes down what is changed and what it was. Nothing is written
// while nothing ever was.
func (d *runDir) writeSettings(changed []sysctl.Change) error {
	data, err := json.Marshal(changed)
	if err != nil {
		return fmt.Errorf("encode the changed settings: %w", err)
	}
	return d.replace(d.settingsPath(), data)
}

// readSettings returns what an earlier run changed and did not put back. That
// it cannot be read does not keep the daemon from starting.
func (d *runDir) readSettings() (changed []sysctl.Change, err error) {
	data, err := os.ReadFile(d.settingsPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &changed)
	}
	if err != nil {
		return nil, fmt.Errorf("read the changed settings in %s: %w", d.settingsPath(), err)
	}
	return changed, nil
}
