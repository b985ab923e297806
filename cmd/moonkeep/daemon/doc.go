// Package daemon is the node that runs: it reads the configuration, makes what
// the configuration asks for out of the engine and the packages at its edges,
// joins them, and answers on the control socket. It is the only package that
// knows them all. What the commands that work without a running node need of it,
// because they must not differ from it, it exports.
//
// It decides nothing of VRRP, of checks or of the table of IPVS: that is
// core/node's. It does nothing to the kernel itself, parses no flags, and prints
// nothing for people: who runs it does.
//
// Package main drives it: Run for `moonkeep run`, once in a process.
package daemon
