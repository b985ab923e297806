// Package rehearse runs many nodes on a simulated network and clock.
//
// A Cluster is a deterministic discrete-event simulation: the same nodes, the
// same seed and the same steps give the same run, event by event. The nodes
// are those that core/engine runs for real; what is simulated is the network
// between them (loss, delay, reordering, partitions), their kernels (which
// addresses stand, how long setting one takes), their processes (crash, kill,
// pause, restart) and one client that follows gratuitous ARP.
//
// The package judges nothing by itself: its tests hold the invariants of the
// protocol against thousands of seeds, and `moonkeep rehearse` prints what
// happened. It touches no clock, socket or goroutine.
package rehearse
