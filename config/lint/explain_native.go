package lint

// explainNative are what config/source finds only.
func explainNative() []explanation {
	return []explanation{
		{"unknown-tracker", FromText, `An instance or a group tracks a file, a process or a BFD session that no block of the configuration describes. moonkeep refuses it, because what somebody wanted watched would not be. The name is often misspelt.`},
		{"unknown-block", FromText, `A block refers to another one by a name that none has: a virtual server to a group, a check to a track_file or a bfd_instance, a static address to a track_group. The message says what was looked for and what is likely meant.`},
		{"unset-variable", FromText, `A value refers to the environment by ${NAME}, and no variable of this name is set. A service manager hands on few variables: name it in the unit (Environment= or EnvironmentFile=), or write ${NAME:-DEFAULT} for a value to fall back on.`},
		{"bad-reference", FromText, `A dollar with a brace behind it begins a reference to the environment: ${NAME}, or ${NAME:-DEFAULT}. A name has letters, digits and underscores. A dollar that is meant as such is written twice.`},
	}
}
