// Package document is a configuration as its author wrote it, in no language:
// a tree of keys and values in the order of the file, with the comments that
// stand beside them.
//
// It reads and writes no file. The readers (config/source,
// config/keepalived) make a config.Config, Of makes the tree of that,
// Annotate hangs the comments into it, and the writers of the same two
// packages make text of it. moonkeep convert drives them; the daemon writes
// its running configuration down in the same way.
package document
