package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/moonkeep/moonkeep/core/kernel/durable"
	"github.com/moonkeep/moonkeep/core/node"
)

// DefaultStateDir is where the one daemon of a host keeps what has to outlive
// the host's reboot: systemd's StateDirectory=moonkeep makes it.
const DefaultStateDir = "/var/lib/moonkeep"

// stateDir is the directory of what outlives a reboot: the given one, or else
// the default one of the daemon in the default run directory, however that is written.
// Other daemons keep it in their run directory.
func stateDir(given, runDir string) string {
	if given != "" {
		return given
	}
	own, err := oneName(runDir)
	if usual, unknown := oneName(DefaultRunDir); err == nil && unknown == nil && own == usual {
		return DefaultStateDir
	}
	return runDir
}

// maintenanceFile remembers which instances are in maintenance.
type maintenanceFile struct{ path string }

// maintenanceJSON is that on disk.
type maintenanceJSON struct {
	// All is true for the node as a whole, Instances are by name.
	All       bool     `json:"all"`
	Instances []string `json:"instances"`
}

func newMaintenanceFile(dir string) maintenanceFile {
	return maintenanceFile{filepath.Join(dir, "maintenance.json")}
}

// read returns what is in maintenance. A file that cannot be read or
// understood is an error: to start without would make a node MASTER that
// somebody works on.
func (f maintenanceFile) read() (m node.Maintenance, err error) {
	data, err := os.ReadFile(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, fmt.Errorf("read what is in maintenance: %w", err)
	}
	var j maintenanceJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return m, fmt.Errorf("read what is in maintenance: %s: %w; remove the file if nothing is", f.path, err)
	}
	return node.Maintenance{All: j.All, Instances: j.Instances}, nil
}

// write replaces the file, on disk before it returns; when nothing is in
// maintenance, there is none.
func (f maintenanceFile) write(m node.Maintenance) error {
	if !m.All && len(m.Instances) == 0 {
		if err := durable.Remove(f.path); err != nil {
			return fmt.Errorf("forget what was in maintenance: %w", err)
		}
		return nil
	}
	if err := replaceDurably(f.path, maintenanceJSON{All: m.All, Instances: append([]string{}, m.Instances...)}); err != nil {
		return fmt.Errorf("remember what is in maintenance: %w", err)
	}
	return nil
}

// replaceDurably writes JSON in the place of a file, on disk before it returns.
func replaceDurably(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return durable.Replace(path, data, 0o644)
}
