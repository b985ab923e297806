// Package track reduces observations to what they mean for a virtual router:
// an addend to its priority, or a fault.
//
// Script is the life of one vrrp_script: when it runs next and how many
// results in a row make it up or down. Effect is the arithmetic of weights,
// the same for every kind of tracker. The package runs nothing and observes
// nothing; core/node drives it.
package track
