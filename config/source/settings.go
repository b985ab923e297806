package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/viper"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/inherit"
	"github.com/moonkeep/moonkeep/config/schema"
)

// Settings are scalars that stand above the configuration file, layered: a
// flag that was given wins over MOONKEEP_<NAME> in the environment, which wins
// over the file, which wins over the default. They are the daemon's own
// (SettingConfig, SettingConfigID) and every scalar of global, by its key.
// Each Settings has a viper of its own.
type Settings struct {
	v *viper.Viper
	// global are the scalars of global.
	global []*schema.Field
}

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
	s := &Settings{v: v, global: scalars()}
	for _, name := range append([]string{SettingConfig, SettingConfigID}, s.Names()...) {
		// BindEnv fails only when it is given no key.
		_ = v.BindEnv(name)
	}
	for name, value := range flags {
		v.Set(name, value)
	}
	return s
}

// scalars returns the fields of global that one text can give.
func scalars() []*schema.Field {
	var all []*schema.Field
	b := schema.New().Root().Field("global").Elem
	for i := range b.Fields {
		switch f := &b.Fields[i]; f.Kind {
		case schema.KindBool, schema.KindInt, schema.KindDuration, schema.KindText, schema.KindAddress, schema.KindPrefix, schema.KindScalar:
			all = append(all, f)
		}
	}
	return all
}

// Names returns the keys of global that can be set.
func (s *Settings) Names() []string {
	names := make([]string, len(s.global))
	for i, f := range s.global {
		names[i] = f.Key
	}
	return names
}

// Setting is one key of global that a flag or the environment gives.
type Setting struct{ Key, Value string }

// ParseSetting reads KEY=VALUE, or global.KEY=VALUE, as a flag gives it. The
// error does not repeat the value.
func (s *Settings) ParseSetting(text string) (Setting, error) {
	key, value, ok := strings.Cut(text, "=")
	key = strings.TrimPrefix(key, "global.")
	switch names := s.Names(); {
	case !ok || value == "":
		return Setting{}, fmt.Errorf("setting %s: write KEY=VALUE", quoted(key))
	case !slices.Contains(names, key):
		return Setting{}, fmt.Errorf("setting %s: global has no such key that one text can give%s", quoted(key), hint(key, names))
	}
	return Setting{key, value}, nil
}

// Global returns the keys of global that flags and the environment give, in
// the order of the schema.
func (s *Settings) Global() []Setting {
	var all []Setting
	for _, f := range s.global {
		if value := s.v.GetString(f.Key); value != "" {
			all = append(all, Setting{f.Key, value})
		}
	}
	return all
}

// inherited reports whether instances or groups take a key over while a file is read
// (config/inherit), or the reader holds it against them, so that only files of
// moonkeep's own languages can have it set from outside.
func inherited(key string) bool {
	switch key {
	case "vrrp_version", "vrrp_strict", "v3_checksum_as_v2", "vrrp_skip_check_adv_addr",
		"vrrp_lower_prio_no_advert", "vrrp_higher_prio_send_advert", "vrrp_owner_ignore_adverts",
		"vrrp_check_unicast_src", "vrrp_down_timer_adverts", "vrrp_garp_extra_if",
		"vrrp_notify_priority_changes", "vrrp_min_garp", "vrrp_garp_interval",
		"smtp_alert", "smtp_alert_vrrp", "default_interface",
		"vrrp_mcast_group4", "vrrp_mcast_group6":
		return true
	}
	return false
}

// Apply replaces what a file said by what the flags and the environment say.
// A user without a group drops the group of the layer beneath, which belongs
// to another user. The error names the first setting that cannot be, and says
// what is allowed, but not the value.
func (s *Settings) Apply(g *config.Global) error {
	user, group := g.ScriptUser, g.ScriptGroup
	v := reflect.ValueOf(g).Elem()
	all := s.Global()
	for _, given := range all {
		f := s.global[slices.IndexFunc(s.global, func(f *schema.Field) bool { return f.Key == given.Key })]
		was := reflect.New(f.In(v).Type()).Elem()
		was.Set(f.In(v))
		if err := f.Set(f.In(v), given.Value); err != nil {
			return fmt.Errorf("setting %s (MOONKEEP_%s): %s", f.Key, strings.ToUpper(f.Key), settingError(f, err))
		}
		if inherited(f.Key) && !schema.Equal(was.Interface(), f.In(v).Interface()) {
			return fmt.Errorf("setting %s (MOONKEEP_%s): instances take it over, so that it can be set for files of moonkeep's own languages only: write it into the file", f.Key, strings.ToUpper(f.Key))
		}
	}
	if g.ScriptUser != user && g.ScriptGroup == group {
		g.ScriptGroup = ""
	}
	written := g.Written
	for _, given := range all {
		g.Written = append(slices.Clip(g.Written), config.Key{Name: given.Key})
	}
	inherit.Global(g)
	g.Written = written
	return nil
}

// settingError says what is allowed without the value, which may be secret.
func settingError(f *schema.Field, err error) string {
	if f.Kind == schema.KindScalar && len(f.Enum) == 0 {
		return "its value is not of the right form"
	}
	return "it " + err.Error()
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
