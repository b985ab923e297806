// Package checker is what the author of a checker imports. A checker is a
// program that moonkeep starts once for many checks of one kind, such as
// HTTP_GET; it answers whether what a check asks for is well.
//
// An author writes the two small interfaces Checker and Probe and a main of
// one line:
//
//	func main() { checker.Serve(mine{}) }
//
// What a checker need not do: it has no schedule, counts no failures and
// knows no real servers. The host says when a probe is to run and how long it
// may take, and judges what the verdicts mean.
//
// What it can rely on: it runs as a user of its own without privileges, with
// a clean environment, in a process that can crash without harm; a panic
// costs one verdict. A failure that is the end of a time (Result.TimedOut), found
// after its process stood still for most of the probe, is sent as unknown. What it
// must do: stop a probe when its context ends. The host answers Unknown for a probe
// that is late and does not wait.
//
// plugins/README.md documents the protocol for other languages; the package
// checkertest tests a checker in go test.
package checker
