// Package source reads moonkeep's own configuration files, YAML, TOML and
// JSON, into a config.Config, and layers the daemon's own settings: flags
// over environment over file.
//
// Read is a function of the bytes it is given: it opens no file, asks the host
// nothing and expands nothing. config/load reads the file and looks at what
// the host lacks; config/keepalived reads keepalived.conf; config/lint says
// what runs but will not do what its author thinks.
//
// # The way of a file
//
//	yaml.go, toml.go, json.go   text -> one tree of values with positions
//	decode.go                   the strict decoder's tools: each getter takes
//	                            a key, done reports what nobody took
//	root.go, script.go, instance.go, address.go, notify.go, group.go
//	                            tree -> config.Config, by the schema
//	settings.go                 the settings, by viper
//
// viper reads none of the service's configuration: it folds the case of
// keys, merges those that then are equal, and keeps neither order nor
// positions.
//
// # The schema
//
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
//     are reported at once.
//   - A script is a list of words or one text that is split as a shell splits
//     words. There is no shell and no expansion.
//   - A path of a script or of a Lua file with a slash in it (a Lua file's
//     without, too) is relative to the file's own directory.
//   - v3_checksum is rfc5798 (with a pseudo header) by default although RFC
//     9568 says otherwise: keepalived and FRR send that form and, unless
//     configured, refuse the other. moonkeep accepts both.
//   - state MASTER without a priority is an error; keepalived would take the
//     node for the owner of the address, priority 255.
package source
