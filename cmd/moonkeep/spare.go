package main

import (
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/lab"
)

// spare makes a configuration from another machine run in a lab: programs
// that are not on this one are no reason to refuse. A check without its
// program is decided by the files of the check directory, and a notify
// program that is missing is left out.
func spare(c *config.Config, missing config.Findings) config.Findings {
	for i := range missing {
		if missing[i].Name == "no-program" {
			missing[i].Severity = config.Warning
		}
	}
	keep := func(list ...**config.Program) {
		for _, p := range list {
			if *p != nil && !lab.Runnable((*p).Argv) {
				missing.Add((*p).At, config.Warning, "no-program", "%s is not on this machine: it is left out in this lab", (*p).Argv[0])
				*p = nil
			}
		}
	}
	for i := range c.Instances {
		n := &c.Instances[i].Notify
		keep(&n.Master, &n.Backup, &n.Fault, &n.Stop, &n.Any)
	}
	for i := range c.Groups {
		n := &c.Groups[i].Notify
		keep(&n.Master, &n.Backup, &n.Fault, &n.Stop, &n.Any)
	}
	return missing
}
