package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/plugins/checker"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
	"github.com/moonkeep/moonkeep/plugins/standard"
)

// FinishCheck finishes a check of moonkeep's own as the daemon does, and asks the
// checker whether it takes the options.
func FinishCheck(check *pluginhost.Subject, host string) error {
	switch kind := check.Kind; {
	case host == "" && kind != "MISC_CHECK":
		return fmt.Errorf("%s needs a HOST:PORT", kind)
	case check.Target.Address.Port() == 0 && kind != "PING_CHECK" && kind != "MISC_CHECK" && !hasHosts(check):
		return fmt.Errorf("%s needs a port: give HOST:PORT, [ADDRESS]:PORT for an address of IPv6", kind)
	case kind == "MISC_CHECK":
		if check.User == "" {
			check.User = OwnUser()
		}
	case hasFiles(kind):
		var err error
		if check.Options, _, err = (hostedFiles{}).into(check.Options); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	given, err := checker.NewOptions(check.Options)
	if err != nil {
		return err
	}
	if urls := map[string]json.RawMessage{}; check.Kind == "HTTP_GET" || check.Kind == "SSL_GET" {
		if err := json.Unmarshal(check.Options, &urls); err == nil && urls["urls"] == nil {
			return fmt.Errorf("%s asks for a URL: give --option path=/", check.Kind)
		}
	}
	p, err := standard.New(check.Kind).Prepare(check.Target, given)
	if err != nil {
		return fmt.Errorf("%s: %w", check.Kind, err)
	}
	if closer, ok := p.(interface{ Close() }); ok {
		closer.Close()
	}
	if check.Kind != "MISC_CHECK" {
		return nil
	}
	var program struct {
		Time checker.Duration `json:"misc_timeout"`
	}
	if err := json.Unmarshal(check.Options, &program); err != nil {
		return fmt.Errorf("read misc_timeout: %w", err)
	}
	if own := time.Duration(program.Time); own > 0 { // it has this and no less
		check.Target.Timeout = own
	}
	return nil
}

// hasHosts reports whether a check has places of its own in its options.
func hasHosts(check *pluginhost.Subject) bool {
	var options struct {
		Hosts []json.RawMessage `json:"hosts"`
	}
	return check.Kind == "SMTP_CHECK" && json.Unmarshal(check.Options, &options) == nil && len(options.Hosts) > 0
}

// OwnUser is the user that runs this program, as whom programs run for which no
// user is named.
func OwnUser() string {
	if os.Geteuid() == 0 {
		return "root"
	}
	return strconv.Itoa(os.Geteuid())
}

// daemonChecks are the checks of real servers that no process of a checker makes.
var daemonChecks = []string{"FILE_CHECK", "BFD_CHECK", "LUA_CHECK"}

// FindPlugin finds the file of a plugin by its name or its path, and what the
// configuration says of it. A name is looked for in dir, or in the plugin
// directory of the configuration when dir is empty.
func FindPlugin(c *config.Config, dir, name string) (pluginhost.Plugin, error) {
	if dir == "" {
		dir = pluginDirectory(c)
	}
	if upper := strings.ToUpper(name); standard.New(name) == nil && standard.New(upper) != nil {
		name = upper
	}
	for i := range c.Plugins {
		if c.Plugins[i].Name != name {
			continue
		}
		p := configured(c, &c.Plugins[i])
		if p.Path == "" && standard.New(name) == nil {
			p.Path = filepath.Join(dir, name)
		}
		return needed(p), nil
	}
	if standard.New(name) != nil {
		return ownPlugin(c, name), nil
	}
	path := name
	if !strings.ContainsRune(name, '/') {
		path = filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil {
			if upper := strings.ToUpper(name); slices.Contains(daemonChecks, upper) {
				return pluginhost.Plugin{}, fmt.Errorf("%s is made by the daemon itself, not by a checker; `moonkeep status` shows what it finds", upper)
			}
			return pluginhost.Plugin{}, fmt.Errorf("there is no checker %q%s moonkeep has %s, and %s is not there", name, meantCheck(name, dir), strings.Join(standard.Names(), ", "), path)
		}
	}
	p := configured(c, &config.Plugin{Name: filepath.Base(path), Memory: leastMemory, OpenFiles: leastFiles})
	var err error
	if p.Path, err = filepath.Abs(path); err != nil {
		return p, fmt.Errorf("find plugin %s: %w", name, err)
	}
	return p, nil
}

// meantCheck is which check, or file of the plugin directory, was likely meant by a name
// that is none.
func meantCheck(name, dir string) string {
	upper := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	names := standard.Names()
	if i := slices.IndexFunc(names, func(s string) bool { return s == upper || strings.HasPrefix(s, upper+"_") }); i >= 0 {
		return ", did you mean " + names[i] + "?"
	}
	near := config.Nearest(upper, names)
	if near == "" {
		var files []string
		list, _ := os.ReadDir(dir) // the caller says that the file is not there
		for _, e := range list {
			files = append(files, e.Name())
		}
		near = config.Nearest(name, files)
	}
	if near != "" {
		return ", did you mean " + near + "?"
	}
	return ";"
}

// Plugins returns the plugins of third parties, those that the configuration
// names before those that stand in dir, or in the plugin directory of the
// configuration when dir is empty, and how many are of the configuration. A directory that
// is not there has none.
func Plugins(c *config.Config, dir string) (list []pluginhost.Plugin, used int, err error) {
	plan, _, err := pluginPlan(c)
	if err != nil {
		return nil, 0, err
	}
	for _, p := range plan.Plugins {
		if p.Path != "" {
			list = append(list, p)
		}
	}
	used = len(list)
	if dir == "" {
		dir = pluginDirectory(c)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("look into the plugin directory: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() || slices.ContainsFunc(list, func(p pluginhost.Plugin) bool { return p.Path == path }) {
			continue
		}
		p := configured(c, &config.Plugin{Name: e.Name()})
		p.Path = path
		list = append(list, p)
	}
	return list, used, nil
}
