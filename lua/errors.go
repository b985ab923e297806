package lua

import (
	"errors"
	"fmt"
)

// The kinds of failure of a call. The errors that [Runner] returns are *Error
// and unwrap to one of these, or to context.Canceled when the caller gave up.
var (
	// ErrTimeout: the call did not end before its deadline.
	ErrTimeout = errors.New("the script did not end in time")
	// ErrLimit: the call used up its instructions or memory, or asked for
	// something larger than is allowed.
	ErrLimit = errors.New("the script reached a limit")
	// ErrScript: the script raised an error, or returned what the caller
	// cannot use.
	ErrScript = errors.New("the script failed")
	// ErrStuck: nothing was run, because too many earlier calls are stuck.
	ErrStuck = errors.New("too many calls are stuck")
)

// Error is the failure of a call or of loading a script.
type Error struct {
	// Kind is one of the errors above, or context.Canceled.
	Kind error
	// Text is one line for people. It starts with file:line when that is
	// known, else with the file.
	Text string
	// Trace is Lua's traceback, empty when there is none.
	Trace string
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

// SyntaxError says that a file cannot be compiled, and where.
type SyntaxError struct {
	Path string
	// Line and Column start at 1; 0 means not known.
	Line, Column int
	Text         string
}

// Error returns path:line:column: text, without what is not known.
func (e *SyntaxError) Error() string {
	switch {
	case e.Line == 0:
		return fmt.Sprintf("%s: %s", e.Path, e.Text)
	case e.Column == 0:
		return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Column, e.Text)
}
