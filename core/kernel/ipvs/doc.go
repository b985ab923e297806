//go:build linux

// Package ipvs reads and writes the IPVS table of one network namespace, and keeps
// it as it should be.
//
// A Conn carries out operations of core/balance, reads the table back, and returns
// the counters. A Glance reads just enough of the table to see whether somebody
// changed it. A Keeper owns both: it holds the table that should be, compares the
// kernel's with it every two seconds and at each change, and puts right what
// differs; after a look it rests for twenty times as long as that took, so that where
// one takes over 0.1 s the next comes later than after two seconds.
// What should be in the table is decided elsewhere (core/balance). Nothing
// here empties a table unasked, or touches a service that is somebody else's.
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
// cmd/moonkeep/daemon drives the Keeper; tests run it against a fake that speaks the
// messages, and against the kernel.
package ipvs
