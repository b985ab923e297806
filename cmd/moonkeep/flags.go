package main

import "github.com/moonkeep/moonkeep/config/source"

// What flags that several commands have mean is said once.
const (
	// runDirHelp is for commands that talk to the daemon, runDirOwnHelp for the
	// daemon itself and for what keeps a file beside its.
	runDirHelp    = "the run `directory` of the daemon to talk to"
	runDirOwnHelp = "the run `directory`, for the socket, the journal and the lock"

	configIDHelp = "the `ID` that lines beginning with @ID in a keepalived.conf are for (default: $MOONKEEP_CONFIG_ID, or the host's name up to the first dot)"
	// configIDsHelp is for several files.
	configIDsHelp = configIDHelp + "; given once for all files, or once for each in their order"

	jsonHelp = "print JSON, for programs"
)

// givenConfigID is the config id of one file: the flag's, or else that of the
// environment; empty without either.
func givenConfigID(flag string) string {
	if flag != "" {
		return flag
	}
	return source.NewSettings(nil).ConfigID()
}
