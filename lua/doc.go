// Package lua runs the scripts of users: checks, and functions called when a
// virtual router changes its role. It is the only importer of gopher-lua.
//
// A script is read and compiled once ([Compile]); any number of runners share
// the compiled form. A [Runner] is one running script: one Lua state, used by
// one call at a time, kept between calls so that a script can count or
// remember, and thrown away after a call that failed in any way.
//
// gopher-lua alone is no sandbox: it looks at its context only between
// instructions, has no notion of memory, and its standard library can end the
// process. What this package does about it:
//
//   - Every call has a deadline, the caller's. A call that does not end in
//     time is given up, though its goroutine be stuck inside one library call;
//     such goroutines are counted ([Lost]) and bound how much more is run.
//   - Every call has a budget of instructions and of memory. The virtual
//     machine asks a context once per instruction, which counts them
//     (meter.go). What allocates is charged: library functions are ours
//     (stdstring.go, stdbase.go), and the operators that allocate - .., {},
//     t[k] = v, function - are rewritten at compile time into calls that
//     charge first (rewrite.go). The charge is an estimate of what a call
//     allocates, not of what stays alive.
//   - What a script keeps from call to call is bounded by the same estimate
//     (kept.go).
//   - One processor of Go's is left to the rest of the process, whatever
//     scripts compute (slots.go).
//   - Patterns are matched by our own matcher, which counts its steps
//     (pattern.go).
//   - Of the standard library only what touches nothing outside the state is
//     open. Everything else is reached through modules written in Go, which
//     take the call's context and check what the configuration granted.
//
// There is no pool: states diverge as soon as a script keeps a variable, so that
// each use of a script has its own, which takes some 50 KiB between calls.
//
// There are no coroutines: a yield across a Go function breaks gopher-lua, and
// each runner may block without harm.
//
// The package does not schedule, retry or judge: internal callers decide when
// a check is due and what its result means. It reads no configuration and
// never logs by itself.
package lua
