package source

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// later are the words of moonkeep's configuration that this version does not
// act on, with what they are for. They are refused, not ignored: who writes
// one relies on it.
var later = map[string]string{
	"virtual_servers":       "load balancing",
	"virtual_server_groups": "load balancing",
	"plugin":                "checker plugins",
	"unicast_peers":         "adverts by unicast",
	"unicast_src_ip":        "adverts by unicast",
	"virtual_routes":        "virtual routes",
	"virtual_rules":         "virtual rules",
	"use_vmac":              "virtual MAC addresses",
	"track_files":           "tracking of files",
	"track_processes":       "tracking of processes",
	"track_bfd":             "BFD",
	"bfd_instances":         "BFD",
	"smtp_alert":            "mail",
	"auth_hmac":             "authentication by HMAC",
	"include":               "includes",
}

// Extensions returns the endings of the files that Read reads, in order of
// preference.
func Extensions() []string { return []string{".yaml", ".yml", ".toml", ".json"} }

// Read reads a configuration in the language that the ending of path names.
// It opens nothing: path is for that, for messages, and for relative paths in
// the file. The configuration is not nil but usable only if the findings hold
// no error.
func Read(path string, data []byte) (*config.Config, config.Findings) {
	r := reader{
		decoder:   decoder{file: path},
		scripts:   make(map[string]*config.Script),
		used:      make(map[string]bool),
		instances: make(map[string]*config.Instance),
	}
	c := &config.Config{Files: []string{path}}
	if root := r.tree(data); root != nil {
		r.root(root, c)
	}
	return c, r.findings()
}

// reader builds one configuration. It knows what was read before, because
// references are looked up where they stand; scripts are therefore read
// before instances, and those before groups, wherever the file has them.
type reader struct {
	decoder
	scripts   map[string]*config.Script
	used      map[string]bool // scripts that something tracks
	instances map[string]*config.Instance
}

func (r *reader) tree(data []byte) *value {
	switch ending := strings.ToLower(filepath.Ext(r.file)); ending {
	case ".yaml", ".yml":
		return yamlTree(r.file, data, &r.found)
	case ".toml":
		return tomlTree(r.file, data, &r.found)
	case ".json":
		return jsonTree(r.file, data, &r.found)
	default:
		r.error(config.Position{File: r.file}, "unknown-language",
			"the ending %q names no language: .yaml, .yml, .toml and .json do", ending)
		return nil
	}
}

func (r *reader) root(v *value, c *config.Config) {
	t := r.table(v, "the configuration")
	if t == nil {
		return
	}
	if f := t.take("global"); f != nil {
		c.Global.At = f.at
		r.global(f.value, &c.Global)
	}
	scripts := r.scriptList(t.list("vrrp_scripts"))
	c.Instances = r.instanceList(t.list("vrrp_instances"))
	c.Groups = r.groupList(t.list("vrrp_sync_groups"))
	for _, s := range scripts {
		if !r.used[s.Name] {
			r.warn(s.At, "unused-script", "no track_scripts names vrrp_script %s: it is not run", s.Name)
			continue
		}
		c.Scripts = append(c.Scripts, s)
	}
	t.done()
	if len(c.Instances) == 0 && !r.found.Errors() {
		r.error(v.at, "no-instance", "the file defines no vrrp_instances: there is nothing to run")
	}
}

func (r *reader) global(v *value, g *config.Global) {
	t := r.table(v, "global")
	if t == nil {
		return
	}
	t.text("router_id", &g.RouterID)
	t.text("script_user", &g.ScriptUser)
	if f := t.text("script_group", &g.ScriptGroup); f != nil && !t.has("script_user") {
		t.error(f.at, "missing-key", "global: script_group needs script_user")
	}
	t.done()
}

// title names an item of a list for messages: by its name, or by its place
// as long as that is not known.
func title(kind string, v *value, i int) string {
	if v.kind == kindTable {
		if f := v.get("name"); f != nil && f.value.kind == kindText && f.value.text != "" {
			return kind + " " + printable(f.value.text)
		}
	}
	return fmt.Sprintf("%s number %d", kind, i+1)
}
