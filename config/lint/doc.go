// Package lint says what runs but will not do what its author thinks: in one
// configuration, and between those of the nodes of one cluster, which no node
// can know by itself.
//
// Everything it says is a Warning; what cannot run is for the readers to say.
// It looks at nothing but the configurations, so its advice is the same on
// every machine. It keeps to what can be shown by arithmetic or by the RFCs
// and has no opinion on style. moonkeep check prints what it says.
//
// Its texts are the same for every language of configuration. A key is called
// by keepalived's keyword, which is nearly always the key of moonkeep's own
// files too (garp_master_delay is master_delay under garp there); lists, whose
// names differ, are called by what they hold: virtual addresses, unicast
// peers. Findings point at the key, or at the block where the key was not
// written.
//
// Comparing nodes costs time in proportion to what they have, so that the
// largest sites are compared in milliseconds.
//
// Beside that it explains, by name, every finding of every package: Explain,
// and FINDINGS.md, which is made of the same table.
package lint
