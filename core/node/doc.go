// Package node joins the machines of one node into one deterministic machine:
// its virtual routers, its sync groups, its BFD sessions, and the interfaces,
// scripts, sessions, files and processes that they track; its virtual servers, their
// real servers with the checks and what people want of them by hand, and the table
// of IPVS that comes of it; and what it holds statically.
//
// It holds no clock, socket, goroutine, log or random source. Given the same
// configuration and the same events at the same instants it returns the same
// actions; core/engine runs one for real, core/rehearse many on a simulated
// network. A Node is not safe for concurrent use.
package node
