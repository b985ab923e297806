package source

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// File is one file of a configuration, of which Path names the language and
// is named in messages.
type File struct {
	Path string
	Data []byte
}

// Options are what a configuration of several files asks for.
type Options struct {
	// Getenv looks a name up in the environment. Nil is an empty one.
	Getenv func(name string) (string, bool)
	// Include reads the files that a pattern stands for, in order; an error
	// says why not, with the path. Nil includes nothing.
	Include func(pattern string) ([]File, error)
	// Global are keys of global that stand above all files.
	Global []Setting
	// WorkDir is what a relative path of a file counts from, for Config.Includes.
	WorkDir string
	// Sound says that the files were written of a configuration that a reader has
	// found sound: only what cannot be read is told, not what keys mean together,
	// of which other languages take more.
	Sound bool
	// Schema spares its computation; nil computes it.
	Schema *schema.Schema
}

// includeKey names, at the root of a file, the files to read behind it: a
// pattern or a list of them, relative to the file's folder.
const includeKey = "include"

// maxFiles bounds how many files a configuration has.
const maxFiles = 1000

// ReadAll reads a configuration of several files as Read does one of one
// file. Included ones count as standing behind the one that includes them.
//
// The trees are merged before they are read. Lists at the root are joined, so
// that a file can add instances or scripts; tables are merged key by key; of
// any other key that several files give the last one counts, and a warning
// names both places.
func ReadAll(files []File, o Options) (*config.Config, config.Findings) {
	first := ""
	if len(files) > 0 {
		first = files[0].Path
	}
	r := newReader(first, o.Schema)
	r.sound = o.Sound
	l := layers{reader: r, options: o}
	for _, f := range files {
		l.add(f, nil, len(files) > 1)
	}
	c := &config.Config{Files: l.paths, Includes: l.includes}
	// Reading takes the tree apart.
	hidden := secrets(l.root)
	switch {
	case l.root != nil:
		l.settings(o.Global)
		r.root(l.root, c)
	case r.errors() == 0:
		r.error(config.NewPosition(first, 1, 1), "empty-file", "%s", emptyText)
	}
	found := r.findings()
	found.Hide(hidden)
	return c, found
}

// layers merges files.
type layers struct {
	*reader
	options Options
	root    *value
	paths   []string
	// includes are Config.Includes.
	includes []config.Include
	// full is set when there are too many files.
	full bool
}

// add merges a file and those that it includes. Around are the files whose
// includes led here; an empty file is welcome among others.
func (l *layers) add(f File, around []string, among bool) {
	if len(l.paths) == maxFiles {
		if !l.full {
			l.full = true
			l.error(config.NewPosition(f.Path, 0, 0), "too-large", "a configuration has %d files at most", maxFiles)
		}
		return
	}
	l.paths = append(l.paths, f.Path)
	before := len(l.found)
	root := l.tree(f.Path, f.Data)
	if root == nil {
		if among && len(l.found) == before+1 && l.found[before].Name == "empty-file" {
			l.found = l.found[:before]
			l.given[config.Error]--
		}
		return
	}
	l.expand(root, l.options.Getenv)
	if root.kind != kindTable {
		l.error(root.at, "wrong-type", "%s must be a table of keys, not %s", whole, root.describe())
		return
	}
	included := root.take(includeKey)
	if l.root == nil {
		l.root = root
	} else {
		l.merge(l.root, root, "", true)
	}
	if included != nil {
		l.include(included.value, f.Path, append(slices.Clip(around), f.Path))
	}
}

// settings lays what flags and the environment say over the files.
func (l *layers) settings(all []Setting) {
	if len(all) == 0 {
		return
	}
	at := config.NewPosition(l.root.at.File(), 0, 0)
	global := l.root.get("global")
	if global == nil {
		l.root.fields = append(l.root.fields, field{key: "global", at: at, value: &value{at: at, kind: kindTable}})
		global = &l.root.fields[len(l.root.fields)-1]
	}
	if global.value.kind != kindTable {
		return // that will be said
	}
	given := make(map[string]bool, len(all))
	for _, s := range all {
		reference := "MOONKEEP_" + strings.ToUpper(s.Key)
		global.value.take(s.Key)
		l.hidden[s.Value], given[s.Key] = reference, true
		global.value.fields = append(global.value.fields, field{key: s.Key, at: at,
			value: &value{at: at, kind: kindText, text: s.Value, reference: reference, loose: true}})
	}
	// The group of a file belongs to the user of that file.
	if given[SettingScriptUser] && !given[SettingScriptGroup] {
		global.value.take(SettingScriptGroup)
	}
}

// take removes a key from a table.
func (v *value) take(key string) *field {
	for i := range v.fields {
		if f := v.fields[i]; f.key == key {
			v.fields = slices.Delete(v.fields, i, i+1)
			return &f
		}
	}
	return nil
}

// include adds the files that patterns stand for.
func (l *layers) include(v *value, from string, around []string) {
	patterns := []*value{v}
	if v.kind == kindList {
		patterns = v.items
	}
	for _, p := range patterns {
		text, ok := l.asText(p, includeKey)
		if !ok {
			continue
		}
		if l.options.Include == nil {
			l.error(p.at, "include-not-possible", "include: nothing can be included here")
			continue
		}
		files, err := l.options.Include(l.path(p.at, text))
		if err != nil {
			if p.reference != "" {
				err = errors.New("the files that " + p.describe() + " stands for cannot be read")
			}
			l.error(p.at, "include-unreadable", "include: %s", printable(err.Error()))
			continue
		}
		pattern := l.path(p.at, text)
		switch {
		case p.reference != "":
			pattern = p.describe()
		case !filepath.IsAbs(pattern):
			pattern = filepath.Join(l.options.WorkDir, pattern)
		}
		l.includes = append(l.includes, config.Include{At: p.at, Pattern: config.Printable(pattern), Matched: len(files) > 0})
		for _, f := range files {
			switch {
			case slices.ContainsFunc(around, func(a string) bool { return filepath.Clean(a) == filepath.Clean(f.Path) }):
				l.error(p.at, "include-loop", "include: %s would include itself", printable(f.Path))
			case l.full:
				return
			default:
				l.add(f, around, true)
			}
		}
	}
}

// merge puts the keys of b into a. Path names them in messages.
func (l *layers) merge(a, b *value, path string, root bool) {
	for _, f := range b.fields {
		old := a.get(f.key)
		switch {
		case old == nil:
			a.fields = append(a.fields, f)
		case old.value.kind == kindTable && f.value.kind == kindTable:
			l.merge(old.value, f.value, path+f.key+": ", false)
		case root && old.value.kind == kindList && f.value.kind == kindList:
			old.value.items = append(old.value.items, f.value.items...)
		default:
			l.warn(f.at, "given-twice", "%s%s was given before, at %v: this one counts", path, printable(f.key), old.at)
			*old = f
		}
	}
}
