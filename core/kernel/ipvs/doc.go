//go:build linux

// Package ipvs reads and writes the IPVS table of one network namespace.
//
// A Conn carries operations of core/balance out, reads the table back, and
// says what the counters are. It keeps no state: what should be in the table is
// its caller's business, and so is when to look. It never empties a table by
// itself and touches no service that it is not told to.
//
// Changed services, time limits and flushing go through moby/ipvs. What that
// library lacks is done here over generic netlink: many operations in one message,
// destinations (their family, kinds of tunnels), dumps with 64-bit counters and
// persistence engines, connection synchronisation, and what the kernel says of
// itself. Two habits of the library are guarded against: it waits for ever for
// an answer that does not come, so that each call has a deadline after which
// its socket is closed; and it starts modprobe and remembers for ever that
// there was no IPVS, so that it is not opened before IPVS is there, and not
// before it is needed.
//
// The main program's lane for IPVS drives it; tests run it against a fake that
// speaks the messages, and against the kernel.
package ipvs
