package daemon

import (
	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/standard"
)

// ServeChecker is `moonkeep plugin KIND`, by which the daemon starts its own
// checkers. Nothing else of the command is made for it; it returns when the
// command line is another one.
func ServeChecker(args []string) {
	if len(args) != 3 || args[1] != "plugin" {
		return
	}
	if c := standard.New(args[2]); c != nil {
		checker.Serve(c)
	}
}
