// Package checkertest tests a checker in go test: Probe runs one check once,
// Start is a host in memory, and Conform holds a checker to what every host
// relies on.
//
// Everything goes through the protocol, as messages between the checker and a
// host in the same process; no process is started and nothing is written to
// disk. What the operating system does to a plugin is tested by plugins/host.
package checkertest
