package lint

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is the module's folder.
const root = "../.."

// TestEveryFindingIsExplained reads the module's code and holds that each name
// which a finding is given there has its explanation, and that nothing else
// has one.
func TestEveryFindingIsExplained(t *testing.T) {
	used := usedNames(t)
	if len(used) < 50 {
		t.Fatalf("only %d names of findings were found in the code: the search is wrong", len(used))
	}
	for name, at := range used {
		if _, ok := Explain(name); !ok {
			t.Errorf("%s: the finding %q has no explanation in config/lint/explain*.go", at, name)
		}
	}
	names := Explained()
	for i, name := range names {
		if used[name] == "" {
			t.Errorf("nothing finds %q, which is explained", name)
		}
		if slices.Contains(names[:i], name) {
			t.Errorf("%s is explained twice", name)
		}
		if text, _ := Explain(name); len(text) < 100 || strings.ContainsAny(text, "\n`<|") || !strings.HasSuffix(text, ".") {
			t.Errorf("the explanation of %s is no paragraph: %q", name, text)
		}
	}
	if _, ok := Explain("nothing"); ok {
		t.Error("nothing is explained")
	}
	if _, ok := Comes("nothing"); ok {
		t.Error("nothing comes from somewhere")
	}
}

// usedNames maps each finding's name in the code to a place that gives it.
func usedNames(t *testing.T) map[string]string {
	t.Helper()
	used := map[string]string{}
	for dir, files := range packages(t) {
		fset := token.NewFileSet()
		var parsed []*ast.File
		for _, file := range files {
			f, err := parser.ParseFile(fset, file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			parsed = append(parsed, f)
		}
		p := newNames(fset, parsed)
		for name, at := range p.used {
			used[name] = at
		}
		for _, bad := range p.unclear {
			t.Errorf("%s: the name of a finding must be a constant: %s", dir, bad)
		}
	}
	return used
}

// packages returns the files, tests excepted, of the packages that import
// config, and of config itself.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	imports := regexp.MustCompile(`(?m)^\s*(import )?"[^"]+/config"$|^package config$`)
	all, chosen := map[string][]string{}, map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root):
			return fs.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		dir := filepath.Dir(path)
		all[dir] = append(all[dir], path)
		chosen[dir] = chosen[dir] || imports.Match(text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir := range all {
		if !chosen[dir] {
			delete(all, dir)
		}
	}
	return all
}

// names looks for the names of findings in one package.
type names struct {
	fset *token.FileSet
	// places are where the name may stand among the arguments of a function
	// that makes findings; methods of several types may share its name.
	places    map[string][]int
	constants map[string]string
	// returned are the words that a function returns which is called
	// SOMETHINGName, separated by blanks.
	returned map[string]string
	used     map[string]string
	unclear  []string
}

func newNames(fset *token.FileSet, files []*ast.File) *names {
	p := &names{fset: fset, places: map[string][]int{"Add": {2}}, constants: map[string]string{}, returned: map[string]string{}, used: map[string]string{}}
	for _, f := range files {
		for _, d := range f.Decls {
			p.declared(d)
		}
	}
	for _, f := range files {
		for _, d := range f.Decls {
			p.calls(d)
		}
	}
	return p
}

// declared notes constants, and functions with a position and the parameters
// (..., name string, format string, ...).
func (p *names) declared(d ast.Decl) {
	switch d := d.(type) {
	case *ast.GenDecl:
		for _, s := range d.Specs {
			if v, ok := s.(*ast.ValueSpec); ok && d.Tok == token.CONST {
				for i := range v.Values {
					if text, ok := literal(v.Values[i]); ok {
						p.constants[v.Names[i].Name] = text
					}
				}
			}
		}
	case *ast.FuncDecl:
		params := parameters(d)
		if i := slices.Index(params, "name"); i >= 0 && i+1 < len(params) && params[i+1] == "format" {
			p.places[d.Name.Name] = append(p.places[d.Name.Name], i)
		}
		if strings.HasSuffix(d.Name.Name, "Name") {
			ast.Inspect(d, func(n ast.Node) bool {
				if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == 1 {
					if text, ok := literal(r.Results[0]); ok {
						p.returned[d.Name.Name] += " " + text
					}
				}
				return true
			})
		}
	}
}

func parameters(d *ast.FuncDecl) []string {
	var out []string
	for _, field := range d.Type.Params.List {
		for _, n := range field.Names {
			out = append(out, n.Name)
		}
	}
	return out
}

// calls notes the names that are given in one declaration.
func (p *names) calls(d ast.Decl) {
	known := maps.Clone(p.constants)
	if f, ok := d.(*ast.FuncDecl); ok && p.places[f.Name.Name] != nil && slices.Contains(parameters(f), "name") {
		known["name"] = "" // the caller gave it
	}
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, to := range n.Lhs {
				id, ok := to.(*ast.Ident)
				if !ok || len(n.Lhs) != len(n.Rhs) {
					continue
				}
				if text, ok := literal(n.Rhs[i]); ok {
					known[id.Name] += " " + text
				} else if text := p.result(n.Rhs[i]); text != "" {
					known[id.Name] += text
				}
			}
		case *ast.CallExpr:
			called := ""
			switch f := n.Fun.(type) {
			case *ast.Ident:
				called = f.Name
			case *ast.SelectorExpr:
				called = f.Sel.Name
			}
			p.call(n, p.places[called], known)
		case *ast.CompositeLit:
			if t, ok := n.Type.(*ast.SelectorExpr); ok && t.Sel.Name == "Finding" {
				for _, e := range n.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok && fmt.Sprint(kv.Key) == "Name" && !p.name(kv.Value, known) {
						p.unclear = append(p.unclear, p.fset.Position(kv.Value.Pos()).String())
					}
				}
			}
		}
		return true
	})
}

// call looks for the name at each of its places.
func (p *names) call(c *ast.CallExpr, places []int, known map[string]string) {
	found, last := false, -1
	for _, i := range places {
		if i+1 < len(c.Args) { // the format follows
			found = p.name(c.Args[i], known) || found
			last = i
		}
	}
	if !found && last >= 0 {
		p.unclear = append(p.unclear, p.fset.Position(c.Args[last].Pos()).String())
	}
}

// name notes the names that an expression may stand for.
func (p *names) name(e ast.Expr, known map[string]string) bool {
	text, ok := literal(e)
	ok = ok && !strings.Contains(text, " ") // else it is the format
	if x, is := e.(*ast.SelectorExpr); is && x.Sel.Name == "Name" {
		return true // the name of a finding that is passed on
	}
	if id, is := e.(*ast.Ident); is {
		text, ok = known[id.Name]
	} else if words := p.result(e); words != "" {
		text, ok = words, true
	}
	if !ok {
		return false
	}
	for _, word := range strings.Fields(text) {
		p.used[word] = p.fset.Position(e.Pos()).String()
	}
	return true
}

// result returns the words that a called function may return as a name.
func (p *names) result(e ast.Expr) string {
	if c, ok := e.(*ast.CallExpr); ok {
		if f, ok := c.Fun.(*ast.Ident); ok {
			return p.returned[f.Name]
		}
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

// TestNamesAreFound holds that the search sees each way to make a finding.
func TestNamesAreFound(t *testing.T) {
	const code = `package x
const known = "a-constant"
func (l *list) warn(at config.Position, name, format string, args ...any) { l.found.Add(at, config.Warning, name, "x"+format, args...) }
func (l *list) f(s string) {
	l.warn(at, "through-a-wrapper", "text")
	l.found.Add(at, config.Error, "direct", "text")
	l.found.Add(at, config.Error, known, "text")
	_ = config.Finding{Name: "literal"}
	variable := "one"
	variable = "other"
	l.found.Add(at, config.Error, variable, "text")
	l.found.Add(at, config.Error, s, "text")
	wg.Add(1)
	l.found.Add(at, config.Error, chosenName(s), "text")
	if n := otherName(s); n != "" { l.found.Add(at, config.Error, n, "text") }
}
func chosenName(s string) string { if s == "" { return "chosen" }; return "or-not" }
func otherName(s string) string { return "assigned" }`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "x.go", code, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := newNames(fset, []*ast.File{f})
	var got []string
	for name := range p.used {
		got = append(got, name)
	}
	slices.SortFunc(got, cmp.Compare)
	if want := []string{"a-constant", "assigned", "chosen", "direct", "literal", "one", "or-not", "other", "through-a-wrapper"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	if want := []string{"x.go:12:32"}; !slices.Equal(p.unclear, want) {
		t.Errorf("unclear are %q, want %q", p.unclear, want)
	}
}
