//go:build linux

// Package host runs checkers as processes: it verifies their files, starts
// them without privileges, hands probes on to them and their results back,
// and puts a new process in the place of one that died, hangs, lies or was
// replaced on disk.
//
// It does not decide when a probe is due nor what a verdict means; that is
// core/node. It knows no configuration files. cmd/moonkeep/daemon drives it: a Host
// for the life of the daemon, and a Set for each configuration.
//
// One process serves all checks of one kind in one network namespace under
// one user, or as many as share them (Check.Share). A goroutine for each such
// group owns all its state; a probe costs
// a slot in a table that is made when the configuration is taken, and no
// goroutine. Probes that begin at about the same time leave in one message,
// and so do results.
//
// The promise on which the node relies: each probe is answered exactly once,
// at its deadline at the latest, whatever a plugin does. What a plugin does
// not answer is Unknown, never Failed.
//
// A plugin is started in two steps: Launch, in a process of its own of this
// same program, takes everything away - user, groups, capabilities, the right
// to new ones, files, memory, system calls - and then becomes the plugin.
package host
