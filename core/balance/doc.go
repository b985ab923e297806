// Package balance is the load balancing of a node: which table IPVS should
// hold for its virtual servers, and the steps from one table to another.
//
// # What should be
//
// A real server has a configured weight, and its checks may add to it
// ([Weight]): one that tells a weight (MISC_CHECK with misc_dynamic, Lua, an
// agent, a plugin) tells an absolute one and adds what that differs from the
// configured weight by; a FILE_CHECK adds the product of number and weight.
// What a check told last counts, and nothing of it once the check fails, so
// that nothing accumulates. With one such check the weight is what it told;
// several add up, as in keepalived.
//
// A service has its [Quorum] when the weights of the servers that work come to
// it. To win it back takes hysteresis more, to lose it hysteresis less.
// [Serving] says which servers have places then: while the quorum is lost the
// sorry server, if there is one, instead of those that work.
//
// # From table to table
//
// A [Table] is what the kernel holds or should hold, as values. [Diff] is the
// ordered list of operations that turns one into another. The package knows no
// kernel, clock or configuration: core/node drives it, and core/kernel/ipvs
// reads and writes the tables.
package balance
