package lua

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// insteadOf says what to write for a name that people expect to be there: a module or a
// client that was not required, or a library of Lua that is not for scripts. It is empty
// for any other name.
func insteadOf(name string) string {
	client := clientPrefix + name
	switch {
	case builtin(name):
		return fmt.Sprintf("write local %s = require %q first", name, name)
	case slices.Contains(clientNames(), client):
		return fmt.Sprintf("write local %s = require %q first", name, client)
	}
	switch name {
	case "os":
		return "there is no os here: the modules time and env have the clock and the host's name, exec runs programs"
	case "io":
		return "there is no io here: the module file reads and writes files, exec runs programs"
	case "debug", "package", "coroutine":
		return "there is no " + name + " here"
	}
	return ""
}

// noteUnknown remembers a call of x.function, where x is no variable with a module and
// is called like something that insteadOf knows.
func (rw *rewriter) noteUnknown(x *ast.IdentExpr, function string, line int) {
	if insteadOf(x.Value) != "" {
		rw.wanted = append(rw.wanted, requirement{name: x.Value + "." + function, path: rw.path, line: line, unknown: true})
	}
}

// hint is what to add to an error: the runtime says which function of nil was called,
// and not of what.
func (s *Script) hint(message string) string {
	if !strings.Contains(message, "attempt to index a non-table object(nil)") {
		return ""
	}
	for _, u := range s.unknown {
		name, function, _ := strings.Cut(u.name, ".")
		if strings.HasPrefix(message, fmt.Sprintf("%s:%d:", u.path, u.line)) && strings.HasSuffix(message, fmt.Sprintf("with key '%s'", function)) {
			return ": " + insteadOf(name)
		}
	}
	return ""
}
