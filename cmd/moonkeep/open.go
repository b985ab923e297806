package main

import (
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/config/source"
	"github.com/moonkeep/moonkeep/lua"
)

// openConfig reads the configuration that every subcommand works on: the file
// at path, or the one that is found when path is empty, with the settings of
// the environment over it and the host's defaults beneath. The error is for a
// file that cannot be read. The configuration is of use only if the findings
// hold no error.
func openConfig(path string) (*config.Config, config.Findings, error) {
	flags := map[string]string{}
	if path != "" {
		flags[source.SettingConfig] = path
	}
	settings := source.NewSettings(flags)
	path, err := settings.ConfigFile()
	if err != nil {
		return nil, nil, err
	}
	c, findings, err := load.File(path)
	if err != nil {
		return nil, nil, err
	}
	if err := settings.Apply(&c.Global); err != nil {
		return nil, nil, err
	}
	load.Defaults(c)
	return c, findings, nil
}

// searchPath returns where openConfig looks when it is given no path.
func searchPath() string { return strings.Join(source.SearchPath(), ", ") }

// compileLua compiles a Lua file without running it.
func compileLua(path string) error {
	_, err := lua.Compile(path)
	return err
}
