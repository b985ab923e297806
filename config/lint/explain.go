package lint

import "slices"

// Where says what a finding needs to come about.
type Where uint8

// The places that findings come from.
const (
	// FromText needs a file's text only.
	FromText Where = iota
	// FromOne needs one whole configuration.
	FromOne
	// FromSeveral needs the configurations of several nodes.
	FromSeveral
	// FromHost needs the host: another host may have what this one lacks.
	FromHost
	// FromAllow is about the comments and flags that silence findings.
	FromAllow
	// FromSteps is about a script for the lab, not about a configuration.
	FromSteps
	// FromConvert is about what one language of configuration cannot carry
	// into another.
	FromConvert
)

// Explain returns a paragraph on the finding of this name, by whatever
// package it was found; false when no finding has the name.
func Explain(name string) (string, bool) {
	e, ok := find(name)
	return e.text, ok
}

// Comes returns what the finding of this name needs to come about; false when
// no finding has the name.
func Comes(name string) (Where, bool) {
	e, ok := find(name)
	return e.where, ok
}

// Explained returns the names of all findings, in the order of FINDINGS.md,
// which explains them all.
func Explained() []string {
	var names []string
	for _, e := range explanations() {
		names = append(names, e.name)
	}
	return names
}

type explanation struct {
	name  string
	where Where
	text  string
}

func find(name string) (explanation, bool) {
	all := explanations()
	i := slices.IndexFunc(all, func(e explanation) bool { return e.name == name })
	if i < 0 {
		return explanation{}, false
	}
	return all[i], true
}

// explanations is the table of all findings. A test holds that every name in
// the code is in it, and nothing else.
func explanations() []explanation {
	return slices.Concat(explainOne(), explainService(), explainBalance(), explainReferences(), explainSeveral(), explainHost(), explainMeaning(), explainWords(), explainExpansion(), explainNative(), explainFiles(), explainAllow(), explainSteps(), explainConvert())
}

// explainHost are what config/load finds on the host.
func explainHost() []explanation {
	return []explanation{
		{"no-interface", FromHost, `Without its interface an instance can neither hear the other nodes nor hold its addresses, so moonkeep run refuses to start, unless dynamic_interfaces says that interfaces may come later: then what needs one is FAULT until it is there. moonkeep check only warns, since the file may be for another host.`},
		{"no-program", FromHost, `A check whose program cannot be run never succeeds, and a notification whose program cannot be run never arrives; better to learn of it now than at three in the morning. moonkeep run refuses to start. moonkeep check only warns, since the file may be for another host.`},
		{"no-user", FromHost, `Programs run as the user that the script, else script_user, names; if there is none, as keepalived_script if that account exists, else as the daemon's own user. moonkeep run refuses to start when that user does not exist, and with enable_script_security also when only the daemon's own user is left; script_user root says that root is meant.`},
		{"bad-key", FromHost, `A key of auth_hmac that stands in a file (file:PATH) or in a credential of systemd (credential:NAME) is read when the configuration is loaded, and again at a reload. It cannot be read, is no key of 32 to 64 bytes, or could be replaced by somebody else: then whoever did so could sign. moonkeep run refuses to start without it.`},
		{"exposed-key", FromHost, `Whoever can read the key of auth_hmac can sign adverts, and take the addresses. The file should be readable by root only.`},
		{"no-lua-file", FromHost, `Lua files are read when the configuration is loaded, and again at a reload. A path in a YAML, TOML or JSON file is relative to the folder of that file. moonkeep run refuses to start without one.`},
		{"unsafe-program", FromHost, `A program runs with the rights of its user, by default root. Whoever can write to it, to a directory on the way to it, or to what a symbolic link there points to, can have his own run in its place. The message names the one element that others can change, with the command that puts it right. With enable_script_security moonkeep run refuses to start with such a program that root would run, and looks again before each run; so it refuses such a Lua file, or one that requires such a file, at a start and a reload; without it this is a warning. keepalived with it leaves the program out and runs on. Directories with the sticky bit, such as /tmp, do not count by themselves.`},
		{"outside-subnet", FromHost, `Hosts ask by ARP or neighbour discovery for addresses of their own subnet only. A virtual address in another subnet than the interface's own addresses is reached only by those that have a route to it over this link, as is usual for a service address that a router sends to the balancers, and not otherwise. It is often a misspelt address or interface. Nothing is said where the interface has no other address, or where a route of the host or of the file leads to the address through the interface.`},
		{"bad-plugin", FromHost, `A checker runs as a process of its own: its file must be there, be executable for the user it runs under (plugin_user, by default nobody), be in nobody's hands but root's with every directory on the way, and have the sum that sha256 gives, if it gives one; the network namespace of a check must exist. moonkeep run refuses to start otherwise, and a reload is refused. moonkeep plugin test FILE shows more. With check --plugins, which starts them, it is also a plugin that does not start, or one that refuses an option of a check.`},
		{"bad-lua-file", FromHost, `A Lua file is compiled when the configuration is loaded, with everything that it requires by name, and must return the function that it is used for.`},
	}
}
