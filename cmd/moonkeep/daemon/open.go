package daemon

import (
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/config/source"
	"github.com/moonkeep/moonkeep/lua"
)

// OpenConfig reads the configuration of the file at path, or of the one that is
// found when path is empty, as the daemon does: with the settings of the
// environment over it and the host's defaults beneath. The config id chooses the
// lines of a keepalived.conf that begin with @NAME; if empty, the environment or
// the node's name does. The error is for a file or a setting that cannot be read.
// The configuration is of use only if the findings hold no error.
func OpenConfig(path, configID string) (*config.Config, config.Findings, error) {
	var paths []string
	if path != "" {
		paths = []string{path}
	}
	return openLayers(paths, configID, nil, nil)
}

// openLayers is OpenConfig for several files, later ones over earlier ones, with
// the settings of set (KEY=VALUE) over those of the environment. Earlier is what was
// opened before, or nil: see load.Layers.
func openLayers(paths []string, configID string, set []string, earlier *config.Config) (*config.Config, config.Findings, error) {
	settings, err := above(configID, set)
	if err != nil {
		return nil, nil, err
	}
	if len(paths) == 0 {
		path, err := settings.ConfigFile()
		if err != nil {
			return nil, nil, err
		}
		paths = []string{path}
	}
	c, findings, err := load.Layers(paths, settings, earlier)
	if err != nil {
		return nil, nil, err
	}
	if findings.Errors() {
		// What is wrong with a setting is among them.
		load.Defaults(c)
		return c, findings, nil
	}
	if err := complete(c, settings); err != nil {
		return nil, nil, err
	}
	return c, append(findings, build.Strict(c)...), nil
}

// above returns what stands above the files: the flags, and the environment.
func above(configID string, set []string) (*source.Settings, error) {
	flags, err := given(set)
	if err != nil {
		return nil, err
	}
	if configID != "" {
		flags[source.SettingConfigID] = configID
	}
	return source.NewSettings(flags), nil
}

// given takes KEY=VALUE apart.
func given(set []string) (map[string]string, error) {
	flags := map[string]string{}
	if len(set) == 0 {
		return flags, nil // what can be set takes time to know
	}
	settings := source.NewSettings(nil)
	for _, text := range set {
		s, err := settings.ParseSetting(text)
		if err != nil {
			return nil, err
		}
		flags[s.Key] = s.Value
	}
	return flags, nil
}

// complete puts the settings of the environment over what a file says, and the
// host's defaults beneath.
func complete(c *config.Config, settings *source.Settings) error {
	if err := settings.Apply(&c.Global); err != nil {
		return err
	}
	load.Defaults(c)
	return nil
}

// compiles returns a function that compiles a Lua file without running it.
func compiles(library *lua.Library) func(path string) (files []string, err error) {
	return func(path string) ([]string, error) {
		script, err := library.Compile(path)
		if err != nil {
			return nil, err
		}
		return script.Files(), nil
	}
}
