package daemon

import (
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/program"
)

// noProgram names the finding that a program is not on this host.
const noProgram = "no-program"

// spare makes a configuration from another machine run in a lab: programs
// that are not on this one are no reason to refuse. A check without its
// program is decided by the files of the check directory, and a notify
// program that is missing is left out.
func spare(c *config.Config, missing config.Findings) config.Findings {
	for i := range missing {
		if missing[i].Name == noProgram {
			missing[i].Severity = config.Warning
		}
	}
	keep := func(list ...**config.Program) {
		for _, p := range list {
			if *p != nil && (*p).Lua == "" && !program.Runnable((*p).Argv) {
				at := (*p).At
				missing = slices.DeleteFunc(missing, func(f config.Finding) bool { return f.At == at && f.Name == noProgram })
				missing.Add(at, config.Warning, noProgram, "%s is not on this machine: it is left out in this lab", (*p).Argv[0])
				*p = nil
			}
		}
	}
	for i := range c.Instances {
		n := &c.Instances[i].Notify
		keep(&n.Master, &n.Backup, &n.Fault, &n.Stop, &n.Any, &c.Instances[i].NotifyDeletedProgram, &c.Instances[i].NotifyLowerPrio)
	}
	g := &c.Global
	keep(&g.StartupScript, &g.ShutdownScript, &g.NotifyFIFOScript, &g.VRRPNotifyFIFOScript, &g.LVSNotifyFIFOScript)
	for i := range c.Groups {
		n := &c.Groups[i].Notify
		keep(&n.Master, &n.Backup, &n.Fault, &n.Stop, &n.Any)
	}
	return missing
}
