package lua

import (
	"fmt"
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// The functions that rewritten operators call. They are locals of every
// chunk, handed to it as its arguments, under names that no source can spell:
// a script can neither see nor replace them.
const (
	hiddenCharge = "(charge)" // (charge)(value, octets) -> value
	hiddenConcat = "(concat)" // (concat)(a, b, ...) -> a .. b .. ...
	hiddenSet    = "(set)"    // (set)(table, key, value)
	hiddenFill   = "(fill)"   // (fill)(table, n, ...) -> table with ... from n+1
	hiddenNone   = "(none)"   // (none)() -> nothing: the ... of a chunk, which would be these functions
)

// The octets that are charged for what a construct makes.
const (
	costTable    = 96
	costItem     = 16
	costField    = 112
	costClosure  = 256
	costMethod   = 2400 // a closure, and the hash of the table that takes it
	costTailCall = 512  // a line of the traceback
)

const (
	// maxSyntaxDep is how deep statements and expressions may nest.
	maxSyntaxDep = 200
	// maxOperands is how many operands of .. one call takes; the compiler has
	// 200 registers for a whole function.
	maxOperands = 40
	// maxConstants is how many different names and values one function may
	// mention: the compiler compares each with all before it.
	maxConstants = 5000
)

// rewriter replaces the operators of a chunk that allocate by calls of
// functions that charge for the memory first. It runs between parsing and
// compiling, keeps line numbers, and changes no meaning. It also bounds how
// deep a program nests, because the compiler recurses without a bound, and
// notes what is required.
type rewriter struct {
	path  string
	depth int
	// inside counts the functions around what is rewritten.
	inside int
	// constants are those of the function that is being rewritten.
	constants map[string]bool
	wanted    []requirement
	// modules are the local names of modules.
	modules map[string]string
	err     error
}

// chunk rewrites a whole file.
func (rw *rewriter) chunk(stmts []ast.Stmt) []ast.Stmt {
	take := &ast.LocalAssignStmt{
		Names: []string{hiddenCharge, hiddenConcat, hiddenSet, hiddenFill, hiddenNone},
		Exprs: []ast.Expr{&ast.Comma3Expr{}},
	}
	take.SetLine(1)
	take.SetLastLine(1)
	take.Exprs[0].SetLine(1)
	take.Exprs[0].SetLastLine(1)
	rw.constants = map[string]bool{}
	return append([]ast.Stmt{take}, rw.block(stmts)...)
}

// enter counts one level of nesting; it returns false when there are too many.
func (rw *rewriter) enter(at ast.PositionHolder) bool {
	rw.depth++
	if rw.depth <= maxSyntaxDep {
		return true
	}
	if rw.err == nil {
		rw.err = &SyntaxError{Path: rw.path, Line: at.Line(), Text: fmt.Sprintf("nested more than %d levels deep", maxSyntaxDep)}
	}
	return false
}

func (rw *rewriter) leave() { rw.depth-- }

func (rw *rewriter) block(stmts []ast.Stmt) []ast.Stmt {
	out := make([]ast.Stmt, 0, len(stmts))
	for _, stmt := range stmts {
		if rw.enter(stmt) {
			out = rw.stmt(out, stmt)
		}
		rw.leave()
	}
	return out
}

// stmt appends what a statement becomes.
func (rw *rewriter) stmt(out []ast.Stmt, stmt ast.Stmt) []ast.Stmt {
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		rw.exprs(s.Rhs)
		for _, lhs := range s.Lhs {
			switch target := lhs.(type) {
			case *ast.AttrGetExpr:
				target.Object = rw.expr(target.Object)
				target.Key = rw.expr(target.Key)
			case *ast.IdentExpr:
				rw.constant(target, target.Value)
			}
		}
		return append(out, rw.assign(s))
	case *ast.LocalAssignStmt:
		if fn, ok := loneFunction(s.Exprs); ok && len(s.Names) == 1 {
			// "local function f" must stay as it is, or f would not be in
			// scope inside itself.
			rw.function(fn)
			return append(out, chargeStmt(s, costClosure), s)
		}
		rw.noteModules(s)
		rw.exprs(s.Exprs)
	case *ast.FuncDefStmt:
		rw.function(s.Func)
		if s.Name.Func != nil {
			s.Name.Func = rw.expr(s.Name.Func)
		} else {
			rw.constant(s, s.Name.Method)
			s.Name.Receiver = rw.expr(s.Name.Receiver)
		}
		return append(out, chargeStmt(s, costMethod), s)
	case *ast.FuncCallStmt:
		s.Expr = rw.expr(s.Expr)
	case *ast.DoBlockStmt:
		s.Stmts = rw.block(s.Stmts)
	case *ast.WhileStmt:
		s.Condition = rw.expr(s.Condition)
		s.Stmts = rw.block(s.Stmts)
	case *ast.RepeatStmt:
		s.Condition = rw.expr(s.Condition)
		s.Stmts = rw.block(s.Stmts)
	case *ast.IfStmt:
		s.Condition = rw.expr(s.Condition)
		s.Then = rw.block(s.Then)
		s.Else = rw.block(s.Else)
	case *ast.NumberForStmt:
		s.Init, s.Limit, s.Step = rw.expr(s.Init), rw.expr(s.Limit), rw.expr(s.Step)
		s.Stmts = rw.block(s.Stmts)
	case *ast.GenericForStmt:
		rw.exprs(s.Exprs)
		s.Stmts = rw.block(s.Stmts)
	case *ast.ReturnStmt:
		rw.exprs(s.Exprs)
		// The virtual machine counts tail calls, and writes a line for each
		// into the traceback of an error.
		if len(s.Exprs) == 1 && multiple(s.Exprs[0]) {
			out = append(out, chargeStmt(s, costTailCall))
		}
	}
	return append(out, stmt)
}

// assign returns what an assignment with rewritten operands becomes. Only
// those to a table's field change.
func (rw *rewriter) assign(s *ast.AssignStmt) ast.Stmt {
	fields := false
	for _, lhs := range s.Lhs {
		if _, ok := lhs.(*ast.AttrGetExpr); ok {
			fields = true
		}
	}
	if !fields {
		return s
	}
	if len(s.Lhs) == 1 && len(s.Rhs) == 1 {
		target := s.Lhs[0].(*ast.AttrGetExpr)
		return callStmt(s, hiddenSet, target.Object, target.Key, single(s.Rhs[0]))
	}
	// do local objects and keys; local values; assign each end: as in Lua,
	// everything is evaluated before anything is assigned.
	block := &ast.DoBlockStmt{}
	at(block, s)
	operands := &ast.LocalAssignStmt{}
	at(operands, s)
	values := &ast.LocalAssignStmt{Exprs: s.Rhs}
	at(values, s)
	var sets []ast.Stmt
	for i, lhs := range s.Lhs {
		object, key, value := fmt.Sprintf("(o%d)", i), fmt.Sprintf("(k%d)", i), fmt.Sprintf("(v%d)", i)
		values.Names = append(values.Names, value)
		target, ok := lhs.(*ast.AttrGetExpr)
		if !ok {
			set := &ast.AssignStmt{Lhs: []ast.Expr{lhs}, Rhs: []ast.Expr{ident(s, value)}}
			at(set, s)
			sets = append(sets, set)
			continue
		}
		operands.Names = append(operands.Names, object, key)
		operands.Exprs = append(operands.Exprs, single(target.Object), single(target.Key))
		sets = append(sets, callStmt(s, hiddenSet, ident(s, object), ident(s, key), ident(s, value)))
	}
	block.Stmts = append([]ast.Stmt{operands, values}, sets...)
	return block
}

func (rw *rewriter) exprs(list []ast.Expr) {
	for i := range list {
		list[i] = rw.expr(list[i])
	}
}

func (rw *rewriter) function(fn *ast.FunctionExpr) {
	outer := rw.constants
	rw.constants = map[string]bool{}
	rw.inside++
	fn.Stmts = rw.block(fn.Stmts)
	rw.inside--
	rw.constants = outer
}

// constant notes a name or a value that a function mentions.
func (rw *rewriter) constant(at ast.PositionHolder, text string) {
	rw.constants[text] = true
	if len(rw.constants) > maxConstants && rw.err == nil {
		rw.err = &SyntaxError{Path: rw.path, Line: at.Line(), Text: fmt.Sprintf("more than %d different names and values in one function", maxConstants)}
	}
}

// expr returns what an expression becomes; nil stays nil.
func (rw *rewriter) expr(expr ast.Expr) ast.Expr {
	if expr == nil {
		return nil
	}
	if !rw.enter(expr) {
		rw.leave()
		return expr
	}
	defer rw.leave()
	switch e := expr.(type) {
	case *ast.NumberExpr:
		rw.constant(e, e.Value)
	case *ast.StringExpr:
		rw.constant(e, e.Value)
	case *ast.IdentExpr:
		rw.constant(e, e.Value)
	case *ast.AttrGetExpr:
		e.Object, e.Key = rw.expr(e.Object), rw.expr(e.Key)
	case *ast.FuncCallExpr:
		rw.noteRequire(e)
		rw.noteUse(e)
		rw.constant(e, e.Method)
		e.Func, e.Receiver = rw.expr(e.Func), rw.expr(e.Receiver)
		rw.exprs(e.Args)
	case *ast.LogicalOpExpr:
		e.Lhs, e.Rhs = rw.expr(e.Lhs), rw.expr(e.Rhs)
	case *ast.RelationalOpExpr:
		e.Lhs, e.Rhs = rw.expr(e.Lhs), rw.expr(e.Rhs)
	case *ast.ArithmeticOpExpr:
		e.Lhs, e.Rhs = rw.expr(e.Lhs), rw.expr(e.Rhs)
	case *ast.UnaryMinusOpExpr:
		e.Expr = rw.expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		e.Expr = rw.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		e.Expr = rw.expr(e.Expr)
	case *ast.StringConcatOpExpr:
		return rw.concat(e)
	case *ast.TableExpr:
		return rw.table(e)
	case *ast.Comma3Expr:
		if rw.inside == 0 {
			none := callExpr(e, hiddenNone)
			none.AdjustRet = e.AdjustRet
			return none
		}
	case *ast.FunctionExpr:
		rw.function(e)
		return callExpr(e, hiddenCharge, e, number(e, costClosure))
	}
	return expr
}

// concat gathers a chain of .. into one call.
func (rw *rewriter) concat(e *ast.StringConcatOpExpr) ast.Expr {
	args := []ast.Expr{single(rw.expr(e.Lhs))}
	rest := e.Rhs
	for {
		next, ok := rest.(*ast.StringConcatOpExpr)
		if !ok || len(args) == maxOperands {
			break
		}
		args = append(args, single(rw.expr(next.Lhs)))
		rest = next.Rhs
	}
	args = append(args, single(rw.expr(rest)))
	return callExpr(e, hiddenConcat, args...)
}

// table charges for a constructor. One that ends in a call or in ... takes as
// many values as come, which only a function can count.
func (rw *rewriter) table(e *ast.TableExpr) ast.Expr {
	items, cost := 0, costTable
	for _, field := range e.Fields {
		if field.Key == nil {
			items++
			cost += costItem
		} else {
			field.Key = rw.expr(field.Key)
			cost += costField
		}
		field.Value = rw.expr(field.Value)
	}
	var spread ast.Expr
	if n := len(e.Fields); n > 0 && e.Fields[n-1].Key == nil && multiple(e.Fields[n-1].Value) {
		spread = e.Fields[n-1].Value
		e.Fields = e.Fields[:n-1]
		items--
	}
	made := callExpr(e, hiddenCharge, e, number(e, cost))
	if spread == nil {
		return made
	}
	return callExpr(e, hiddenFill, made, number(e, items), spread)
}

// multiple reports whether an expression may yield other than one value.
func multiple(expr ast.Expr) bool {
	switch e := expr.(type) {
	case *ast.FuncCallExpr:
		return !e.AdjustRet
	case *ast.Comma3Expr:
		return !e.AdjustRet
	}
	return false
}

// single makes an expression yield one value, as parentheses do.
func single(expr ast.Expr) ast.Expr {
	switch e := expr.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
	return expr
}

func loneFunction(exprs []ast.Expr) (*ast.FunctionExpr, bool) {
	if len(exprs) != 1 {
		return nil, false
	}
	fn, ok := exprs[0].(*ast.FunctionExpr)
	return fn, ok
}

// at gives a node the lines of the one that it stands for.
func at(node, from ast.PositionHolder) {
	node.SetLine(from.Line())
	last := from.LastLine()
	if last == 0 {
		last = from.Line()
	}
	node.SetLastLine(last)
}

func ident(from ast.PositionHolder, name string) ast.Expr {
	e := &ast.IdentExpr{Value: name}
	at(e, from)
	return e
}

func number(from ast.PositionHolder, n int) ast.Expr {
	e := &ast.NumberExpr{Value: strconv.Itoa(n)}
	at(e, from)
	return e
}

// callExpr returns a call that yields one value.
func callExpr(from ast.PositionHolder, fn string, args ...ast.Expr) *ast.FuncCallExpr {
	e := &ast.FuncCallExpr{Func: ident(from, fn), Args: args, AdjustRet: true}
	at(e, from)
	return e
}

func callStmt(from ast.PositionHolder, fn string, args ...ast.Expr) ast.Stmt {
	s := &ast.FuncCallStmt{Expr: callExpr(from, fn, args...)}
	at(s, from)
	return s
}

func chargeStmt(from ast.PositionHolder, cost int) ast.Stmt {
	return callStmt(from, hiddenCharge, number(from, 0), number(from, cost))
}
