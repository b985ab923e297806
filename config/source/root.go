package source

import (
	"path/filepath"
	"reflect"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/inherit"
	"github.com/moonkeep/moonkeep/config/schema"
)

// Extensions returns the endings of the files that Read reads, in order of
// preference.
func Extensions() []string { return []string{".yaml", ".yml", ".toml", ".json"} }

// Read reads a configuration of one file in the language that the ending of
// path names. It opens nothing: path is for that, for messages, and for
// relative paths in the file. Includes and references to the environment are
// errors; ReadAll takes them. The configuration is not nil but usable only if
// the findings hold no error.
func Read(path string, data []byte) (*config.Config, config.Findings) {
	return ReadAll([]File{{Path: path, Data: data}}, Options{})
}

// reader builds one configuration.
type reader struct {
	decoder
	schema *schema.Schema
	// tables are those of the lists of blocks at the root, by key, beside the
	// blocks that were made of them.
	tables map[string][]*table
	// named are the names of those blocks.
	named map[string]map[string]bool
	// instances are those at the root, the first of each name.
	instances map[string]*config.Instance
	used      map[string]bool // scripts that something tracks
	// expanded counts the bytes that came from the environment.
	expanded int
	// sound is Options.Sound.
	sound bool
}

func newReader(file string, s *schema.Schema) *reader {
	if s == nil {
		s = schema.New()
	}
	return &reader{
		decoder: decoder{file: file, hidden: make(map[string]string), unread: make(map[config.Position]bool)}, schema: s,
		tables: make(map[string][]*table), named: make(map[string]map[string]bool),
		instances: make(map[string]*config.Instance), used: make(map[string]bool),
	}
}

// tree reads one file.
func (r *reader) tree(file string, data []byte) *value {
	before := len(r.found)
	var root *value
	switch ending := strings.ToLower(filepath.Ext(file)); ending {
	case ".yaml", ".yml":
		root = yamlTree(file, data, &r.found)
	case ".toml":
		root = tomlTree(file, data, &r.found)
	case ".json":
		root = jsonTree(file, data, &r.found)
	default:
		r.error(config.NewPosition(file, 0, 0), "unknown-language",
			"the ending %q names no language: .yaml, .yml, .toml and .json do", ending)
		return nil
	}
	for _, f := range r.found[before:] {
		if f.Severity == config.Error {
			r.given[config.Error]++
		}
	}
	return root
}

// root makes the configuration of a tree.
func (r *reader) root(v *value, c *config.Config) {
	r.schema.SetDefaults(c)
	if !r.block(v, r.schema.Root(), reflect.ValueOf(c).Elem(), whole, false) && v.kind != kindTable {
		return
	}
	r.silent = r.sound
	if f := v.get("global"); f != nil && f.value.kind == kindTable {
		r.groupNeedsUser(&table{f.value, "global"}, "script_group", "script_user")
	}
	inherit.Complete(c)
	for i, t := range r.tables[scriptsKey] {
		r.checkScript(t, &c.Scripts[i])
	}
	r.duplicates(c)
	for i, t := range r.tables[instancesKey] {
		in := &c.Instances[i]
		if r.instances[in.Name] == nil {
			r.instances[in.Name] = in
		}
		r.checkInstance(t, in, &c.Global)
		r.checkTracks(t, tracked{in.TrackScripts, in.TrackFiles, in.TrackProcesses, in.TrackBFDs, in.TrackInterfaces}, in.Interface)
	}
	delete(r.instances, "")
	r.clashes(c.Instances, &c.Global)
	taken := make(map[string]string) // instance -> its group
	for i, t := range r.tables[groupsKey] {
		g := &c.Groups[i]
		r.checkGroup(t, g, taken)
		r.checkTracks(t, tracked{g.TrackScripts, g.TrackFiles, g.TrackProcesses, g.TrackBFDs, g.TrackInterfaces}, "")
	}
	r.references(c)
	if !r.sound { // whose reader has left out what it does not run
		r.dropUnused(c)
	}
	switch {
	case len(c.Instances) > 0 || len(c.VirtualServers) > 0 || r.errors() > 0:
	case len(v.fields) > 0 || len(c.Unmatched()) > 0:
		r.warn(v.at, "no-instance", "the file defines no vrrp_instances and no virtual_servers: nothing runs until a reload brings one")
	default:
		// Rather a lost file, or another one, than a configuration.
		r.error(v.at, "no-instance", "the file defines no vrrp_instances and no virtual_servers: there is nothing to run")
	}
}

// dropUnused leaves out the scripts that nothing tracks.
func (r *reader) dropUnused(c *config.Config) {
	scripts := c.Scripts
	c.Scripts = nil
	for _, s := range scripts {
		if !r.used[s.Name] {
			r.warn(s.At, "unused-script", "no track_scripts names vrrp_script %s: it is not run", r.plain(s.Name))
			continue
		}
		c.Scripts = append(c.Scripts, s)
	}
}
