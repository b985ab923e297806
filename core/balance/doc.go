// Package balance is the load balancing of a node: which table IPVS should
// hold for its virtual servers, and the steps from one table to another.
//
// A [Table] is what the kernel holds or should hold, as values. [Diff] is the
// ordered list of operations that turns one into another. The package knows no
// kernel, clock or configuration: core/node drives it, and core/kernel/ipvs
// reads and writes the tables.
package balance
