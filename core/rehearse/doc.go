// Package rehearse runs many nodes on a simulated network and clock.
//
// A Cluster is a deterministic discrete-event simulation: the same nodes, the
// same seed and the same steps give the same run, event by event. The nodes
// are those that core/engine runs for real; what is simulated is the network
// between them (loss, delay, reordering, partitions), their kernels (which
// addresses stand, how long setting one takes), their processes (crash, kill,
// pause, restart) and one client that follows gratuitous ARP.
//
// It is for tests only: those of this package play thousands of seeds and hold the
// invariants of the protocol in each. The package judges nothing by itself, and
// touches no clock, socket or goroutine.
package rehearse
