package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// tree is the module as the rules see it: every Go file parsed, every other
// text file read.
type tree struct {
	module string
	// requires are the module paths of go.mod.
	requires []string
	packages map[string]*pkg
	// texts are all files, by path.
	texts map[string]string
}

// pkg is one folder with Go files.
type pkg struct {
	dir   string
	files []file
}

type file struct {
	path  string
	ast   *ast.File
	lines int
	test  bool
	// generated files carry the comment of go.dev/s/generatedcode.
	generated bool
}

// dirs returns the folders with Go files, in order.
func (t *tree) dirs() []string {
	var dirs []string
	for dir := range t.packages {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	return dirs
}

// imports returns the paths that the file imports.
func (f file) imports() []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		// The parser has checked that it is a string literal.
		p, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

var (
	moduleLine  = regexp.MustCompile(`(?m)^module (\S+)$`)
	requireLine = regexp.MustCompile(`(?m)^(?:require |\t)(\S+) v\S+`)
)

// load reads a module. Hidden folders, build results and testdata are left
// out, except .ci, and so is what git writes into its worktrees.
func load(fsys fs.FS) (*tree, error) {
	t := &tree{packages: map[string]*pkg{}, texts: map[string]string{}}
	set := token.NewFileSet()
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == "build" || d.Name() == "testdata" || len(name) > 1 && name[0] == '.' && name != ".ci" {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || name == ".git" {
			return nil
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		if slices.Contains(data, 0) {
			return nil // a binary
		}
		t.texts[name] = string(data)
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(set, name, data, parser.ParseComments)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		if t.packages[dir] == nil {
			t.packages[dir] = &pkg{dir: dir}
		}
		p := t.packages[dir]
		p.files = append(p.files, file{
			path: name, ast: parsed,
			lines:     strings.Count(string(data), "\n"),
			test:      strings.HasSuffix(name, "_test.go"),
			generated: ast.IsGenerated(parsed),
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	m := moduleLine.FindStringSubmatch(t.texts["go.mod"])
	if m == nil {
		return nil, fmt.Errorf("go.mod names no module")
	}
	t.module = m[1]
	for _, m := range requireLine.FindAllStringSubmatch(t.texts["go.mod"], -1) {
		t.requires = append(t.requires, m[1])
	}
	return t, nil
}

// local returns the folder of an import path inside the module.
func (t *tree) local(importPath string) (dir string, ok bool) {
	if importPath == t.module {
		return ".", true
	}
	return strings.CutPrefix(importPath, t.module+"/")
}

// standard reports whether an import path is the standard library's: its
// first element has no dot.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// thirdParty returns the module of go.mod that an import path belongs to, or
// the path itself when there is none.
func (t *tree) thirdParty(importPath string) string {
	best := ""
	for _, m := range t.requires {
		if within(importPath, m) && len(m) > len(best) {
			best = m
		}
	}
	if best == "" {
		return importPath
	}
	return best
}

// within reports whether dir is folder or below it.
func within(dir, folder string) bool {
	return dir == folder || strings.HasPrefix(dir, folder+"/")
}

func withinAny(dir string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return within(dir, f) })
}
