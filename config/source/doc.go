// Package source reads moonkeep's own configuration files, YAML, TOML and
// JSON, into a config.Config, and layers the daemon's own settings: flags
// over environment over files. The other way, Write makes such a file.
//
// Reading is a function of the bytes it is given: it opens no file and asks
// the host nothing; who wants includes and the environment hands in how to
// get them (Options). config/load does, and looks at what the host lacks;
// config/keepalived reads keepalived.conf; config/lint says what runs but
// will not do what its author thinks.
//
// # The way of a file
//
//	yaml.go, toml.go, json.go   text -> one tree of values with positions
//	environment.go              references to the environment in its texts
//	files.go                    several trees -> one
//	block.go, scalar.go         tree -> config.Config, strictly, by config/schema
//	short.go, address.go        what may be written shorter than a table
//	root.go                     the order of all this; config/inherit fills in
//	                            what blocks take from others
//	script.go, instance.go, group.go, track.go, clash.go
//	                            what several keys or blocks mean together
//	settings.go                 the settings, by viper
//	write.go, write_toml.go     config/document -> text
//
// viper reads none of the service's configuration: it folds the case of
// keys, merges those that then are equal, and keeps neither order nor
// positions.
//
// # The schema
//
// The keys, their types, ranges and defaults are the tags of package config.
// The words are keepalived's, and a word means what it means there, the
// defaults included (so version is 2 and advert_int 1s unless the file says
// otherwise). What differs, differs to be regular:
//
//   - What a user names is an item of a list with a name, never a key.
//   - A duration is text with its unit ("2s", "100ms"); a bare number is
//     refused. A boolean is true or false. Text that looks like a number
//     ("1111") is written in quotes.
//   - Nothing is ignored and nothing is guessed: an unknown key, a wrong
//     type, a number outside its range, a name given twice, a reference to
//     nothing and two keys that exclude each other are errors. All of them
//     are reported at once. A key that nothing acts on yet is a warning.
//   - A script is a list of words or one text that is split as a shell splits
//     words. There is no shell.
//   - A path of a script or of a Lua file with a slash in it (a Lua file's
//     without, too) is relative to the directory of its file.
//   - A check of a real server is a table with one key, its kind, or the kind
//     alone. Some tables can be one text: an address with its options, the
//     name of what is tracked, a path, the address of a peer or real server.
//   - v3_checksum is rfc5798 (with a pseudo header) by default although RFC
//     9568 says otherwise: keepalived and FRR send that form and, unless
//     configured, refuse the other. moonkeep accepts both.
//   - state MASTER without a priority is an error; keepalived would take the
//     node for the owner of the address, priority 255.
//
// # Several files and the environment
//
// The key include at the root names files to read behind the one that has
// it: patterns relative to its folder, a folder for the files in it. Lists at
// the root are joined, tables merged key by key; of another key given twice
// the last counts, with a warning.
//
// In a text ${NAME} stands for a variable of the environment, ${NAME:-DEFAULT}
// for the default when that is not set or empty, and $$ for a dollar. A text
// that is one reference may stand for a number, a duration or a boolean. A
// value from the environment is not repeated in messages: it may be secret.
package source
