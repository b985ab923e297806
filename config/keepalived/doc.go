// Package keepalived reads the language of keepalived.conf into a
// config.Config, with findings that say where the text does not do what its
// author means.
//
// It is a function of the text and of what it is handed: it opens a file only
// by Files, asks about the node only by Options, looks at no interface and
// knows no host. Whether a script exists or an interface is there is for those
// who run the configuration. Lint across instances or nodes (weights that
// cannot move an address, peers that disagree) is not its duty either.
// config/load calls ReadFiles for moonkeep check and run; the lab calls
// RewriteFiles.
//
// The way of a file through the package:
//
//	files.go   what is read: one text, or a file and those that it includes
//	feed.go    files -> lines without comments and directives, with
//	           include.go and glob.go (include), define.go and builtin.go
//	           ($NAME), repeat.go (~SEQ and ~LST)
//	source.go  all that was read, in order: where each byte was written
//	lex.go     lines -> words with positions
//	tree.go    words -> statements with nested bodies, braces balanced
//	walk.go    statements -> handlers, by the tables of table*.go; what the
//	           tables do not know is reported once and skipped
//	bind.go    the tables' rows, made from the tags of the configuration's
//	           types, with bindwalk.go and bindvalue.go, which open the
//	           structs and set their fields
//	global.go, script.go, instance.go, address.go, track.go, notify.go, lvs*.go
//	and others the handlers of irregular keywords, and of the ends of blocks
//	complete.go what needs the whole file: defaults, references, clashes
//
// # What becomes an error
//
// keepalived complains about a word that it does not know and runs on; so
// does this package, with a warning. An error is what keepalived refuses too,
// a structure that cannot be trusted (unbalanced braces, an open quote), and
// whatever would make a node advertise or hold something else than its author
// wants without his noticing: a tracker that does not exist, authentication
// that is not spoken, a number outside its range. No message contains a
// password.
package keepalived
