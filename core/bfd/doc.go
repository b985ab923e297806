// Package bfd decides what a BFD session does; it never does it.
//
// A Session is the state machine of RFC 5880 6.8 in asynchronous mode, for one
// hop (RFC 5881) or several (RFC 5883), without authentication, without echo
// and without demand mode of its own, as keepalived has it; a peer in demand
// mode is obeyed. It is told what happened and at which instant, and returns
// actions to be carried out in that order. A Table finds the session of a
// received packet and holds the rules by which one is discarded; the codec in
// the same package turns packets into octets and back.
//
// It has no clock, socket, goroutine, log or source of randomness: whoever
// makes a Session draws its discriminator and the seed of its jitter.
// core/node drives it. Nothing here is safe for concurrent use.
package bfd
