package lua

import (
	"slices"

	"github.com/yuin/gopher-lua/ast"
)

// Need is a call in a script of a function that wants a grant.
type Need struct {
	// Path and Line are its place, and Function its name: exec.run.
	Path     string
	Line     int
	Function string
	Grant    string
}

// Needs returns the calls that want a grant which is not among those allowed,
// the first of each function. It looks at the text only: what is called by
// another name than that of a local variable with the module is not found, and
// what is found may never be called.
func (s *Script) Needs(allowed []string) []Need {
	var all []Need
	for _, u := range s.uses {
		grant := grantOf(u.name)
		told := slices.ContainsFunc(all, func(n Need) bool { return n.Function == u.name })
		if grant != "" && !told && !slices.Contains(allowed, grant) {
			all = append(all, Need{u.path, u.line, u.name, grant})
		}
	}
	return all
}

// grantOf returns the grant that MODULE.FUNCTION wants, empty for none.
func grantOf(name string) string {
	for _, m := range modules() {
		for i := range m.Functions {
			if m.Name+"."+m.Functions[i].Name == name {
				return m.Functions[i].Grant
			}
		}
	}
	return ""
}

// required returns the module of require "module", empty for anything else.
func required(e ast.Expr) string {
	call, ok := e.(*ast.FuncCallExpr)
	if !ok || len(call.Args) != 1 {
		return ""
	}
	fn, ok := call.Func.(*ast.IdentExpr)
	name, text := call.Args[0].(*ast.StringExpr)
	if !ok || !text || fn.Value != "require" || !builtin(name.Value) {
		return ""
	}
	return name.Value
}

// noteModules remembers the local names that modules get: local x = require "x".
func (rw *rewriter) noteModules(s *ast.LocalAssignStmt) {
	for i, e := range s.Exprs {
		if i >= len(s.Names) {
			return
		}
		if module := required(e); module != "" {
			if rw.modules == nil {
				rw.modules = map[string]string{}
			}
			rw.modules[s.Names[i]] = module
		}
	}
}

// noteUse adds a call of x.function(...), where x is a module.
func (rw *rewriter) noteUse(call *ast.FuncCallExpr) {
	get, ok := call.Func.(*ast.AttrGetExpr)
	if !ok {
		return
	}
	function, ok := get.Key.(*ast.StringExpr)
	if !ok {
		return
	}
	module := required(get.Object)
	if x, ok := get.Object.(*ast.IdentExpr); ok {
		if module = rw.modules[x.Value]; module == "" {
			rw.noteUnknown(x, function.Value, call.Line())
		}
	}
	if module != "" {
		rw.wanted = append(rw.wanted, requirement{name: module + "." + function.Value, path: rw.path, line: call.Line(), use: true})
	}
}
