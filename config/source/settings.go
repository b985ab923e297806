package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/viper"

	"github.com/moonkeep/moonkeep/config"
)

// Settings are the daemon's own scalars, layered: a flag that was given wins
// over MOONKEEP_<NAME> in the environment, which wins over the configuration
// file, which wins over the default. Each Settings has a viper of its own.
type Settings struct{ v *viper.Viper }

// The names of settings: the flag's with a dash for each underscore, the
// environment variable's in capitals behind MOONKEEP_.
const (
	SettingConfig      = "config"
	SettingRouterID    = "router_id"
	SettingScriptUser  = "script_user"
	SettingScriptGroup = "script_group"
	SettingConfigID    = "config_id"
)

// NewSettings takes the flags that were given, by setting, and reads the
// environment. An empty environment variable counts as none.
func NewSettings(flags map[string]string) *Settings {
	// A delimiter that no key contains: by default a dot splits keys.
	v := viper.NewWithOptions(viper.KeyDelimiter("\x00"))
	v.SetEnvPrefix("MOONKEEP")
	for _, name := range [...]string{SettingConfig, SettingRouterID, SettingScriptUser, SettingScriptGroup, SettingConfigID} {
		// BindEnv fails only when it is given no key.
		_ = v.BindEnv(name)
	}
	for name, value := range flags {
		v.Set(name, value)
	}
	return &Settings{v}
}

// Apply replaces what the file says by what the flags and the environment
// say. A user without a group drops the group of the layer beneath, which
// belongs to another user.
func (s *Settings) Apply(g *config.Global) error {
	file := map[string]any{SettingRouterID: g.RouterID, SettingScriptUser: g.ScriptUser, SettingScriptGroup: g.ScriptGroup}
	user := g.ScriptUser
	if err := s.v.MergeConfigMap(file); err != nil {
		return fmt.Errorf("layer the settings over the configuration: %w", err)
	}
	g.RouterID = s.v.GetString(SettingRouterID)
	g.ScriptUser = s.v.GetString(SettingScriptUser)
	g.ScriptGroup = s.v.GetString(SettingScriptGroup)
	if group := file[SettingScriptGroup]; g.ScriptUser != user && g.ScriptGroup == group {
		g.ScriptGroup = ""
	}
	return nil
}

// ConfigID returns the name by which the lines of a keepalived.conf are
// chosen that begin with @NAME; empty if none was given.
func (s *Settings) ConfigID() string { return s.v.GetString(SettingConfigID) }

// SearchPath returns where ConfigFile looks when no file is named, in order.
func SearchPath() []string {
	return []string{
		"/etc/moonkeep/moonkeep.yaml", "/etc/moonkeep/moonkeep.yml", "/etc/moonkeep/moonkeep.toml", "/etc/moonkeep/moonkeep.json",
		"/etc/keepalived/keepalived.conf",
	}
}

// ConfigFile returns the configuration file that is named, or else the one
// that exists of SearchPath. It does the search itself and leaves viper out:
// viper would take moonkeep.ini and moonkeep.env too, and of several files
// silently the first. Two files in one folder are an error, because it would
// be chance which of them the author edits.
func (s *Settings) ConfigFile() (string, error) {
	return s.configFile(SearchPath())
}

func (s *Settings) configFile(paths []string) (string, error) {
	if named := s.v.GetString(SettingConfig); named != "" {
		return named, nil
	}
	found := ""
	for _, p := range paths {
		_, err := os.Stat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", fmt.Errorf("look for a configuration: %w", err)
		case found == "":
			found = p
		case filepath.Dir(p) == filepath.Dir(found):
			return "", fmt.Errorf("both %s and %s exist: name the one that is meant with -c, or remove the other", found, p)
		}
	}
	if found == "" {
		return "", fmt.Errorf("no configuration: %w: none of %s; name a file with -c", fs.ErrNotExist, strings.Join(paths, ", "))
	}
	return found, nil
}
