// Package lab builds hosts out of network namespaces on one machine, runs a
// daemon in each, does to them what a script says, and measures what a client
// on the same network sees of it.
//
// Its duty is the network, the processes and the measurement. It does not
// know the protocol: who holds an address is what the client's probes say, not
// what a daemon claims. It reads no configuration files (the caller hands it
// config.Config values) and prints nothing; what happens is told as Event
// values. cmd/moonkeep's lab subcommand and the tests drive it.
//
// # Parts
//
// Plan (plan.go) says from the configurations which hosts, interfaces and
// addresses there are. Step (step.go) is one line of a script: data, so that
// the same scenario can be played on a simulated network. Watch (watch.go)
// turns the fate of single probes into moves and outages, and Attribute
// (moves.go) finds the step that caused each. These four are pure. Lab
// (lab.go) is the machinery around them.
//
// # Network
//
// Interfaces of the same name are on one bridge; the bridges are in a
// namespace of their own, as are every node and the client. No namespace has a
// name, so the kernel removes all of them with the last process and descriptor
// that refers to them, whatever way the lab ends. Daemons are killed by the
// kernel when the thread that started them is gone.
//
// # Goroutines
//
//	prober     one, on a thread in the client's namespace; ended by Close
//	changes    one, takes the prober's changes and tells them; ends with it
//	responder  one per node, answers probes; ended by closing its socket
//	service    one per node while its service is up (net/http's own besides);
//	           ended by service down or Close
//	launcher   one per node, owns the thread that starts daemons and with
//	           whose end they are killed; ended by Close
//	waiter     one per running daemon, reaps it; ends with the daemon
//
// The prober never waits for anybody: when the changes are not taken fast
// enough, those beyond the queue's 4096 are counted and dropped, and the end
// event tells how many.
package lab
