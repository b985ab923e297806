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
//	tree.go    words -> statements with nested bodies, braces balanced, one
//	           statement of the top level at a time
//	unchanged.go which of them need not be read, as they have not changed since
//	           the last time
//	walk.go    statements -> handlers, by the tables of table*.go; what the
//	           tables do not know is reported once and skipped: explain.go
//	bind.go    the tables' rows, made from the tags of the configuration's
//	           types, with bindwalk.go and bindvalue.go, which open the
//	           structs and set their fields
//	global.go, script.go, instance.go, address.go, track.go, notify.go, lvs*.go
//	and others the handlers of irregular keywords, and of the ends of blocks
//	complete.go what needs the whole file: defaults, references, clashes
//
// # What becomes an error
//
// What keepalived runs runs here. A line or a block that it complains about and
// leaves out is left out here too, with a warning (see gently), and what it makes
// of a number out of range is meant to be made here. testdata/outcomes.txt has
// whether keepalived 2.2.7 -t complains of a keyword's bad value, or stops, for
// those that have their value on their line; TestOutcomes holds that this package
// runs whatever that runs and says something where that does. It does not hold
// the lines of lists (addresses, routes, peers), nor what -t does not show: see
// exactNumbers. TestValues compares what becomes of values, of instances and scripts.
// An error is where keepalived stops, now
// or when it has read the file: a value that is missing, an instance without a
// number or an address to advertise, one number twice on an interface. And an
// error are the few things that keepalived runs with and nobody should:
//
//	unbalanced braces        unless one } is missing at the very end, or those that
//	                         are too many end no block that goes on behind them:
//	                         what follows would be lost, or the file was cut off
//	                         while it was written
//	a quote left open        nobody knows where the word ends; keepalived crashes
//	                         on some of these
//	${NAME} undefined        its braces would open and close blocks
//	more than 65536          each is a service in IPVS, with all real servers: a slip in
//	addresses in the         a range would fill it, or never end. Groups that no
//	virtual_server_groups    virtual_server names do not count
//	that are named
//	vrrp_strict with         2.2.5 to 2.3.4 run it by an oversight; those before and
//	unicast_peer             behind leave the instance out
//	NUL bytes, loops and     the text is damaged, or no configuration
//	bounds of includes and
//	repetitions
//	a mistake in auth_hmac,  signatures that were asked for would not be made
//	or in a Lua file's line, or what only moonkeep has would not run
//	or in moonkeep's own
//	keywords
//	a secret without value   moonkeep convert left it out
//	a text that says         it is rather a lost file than a configuration
//	nothing at all
//
// No message contains a password.
package keepalived
