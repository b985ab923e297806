package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/core/doctor"
	"github.com/moonkeep/moonkeep/core/kernel/realserver"
)

func newDoctorCommand() *cobra.Command {
	var configID, runDir string
	var listen time.Duration
	var asJSON, probeMAC bool
	cmd := &cobra.Command{
		Use:   "doctor FILE",
		Short: "check whether this host can run a configuration",
		Long: `Checks whether this host can run FILE: capabilities, interfaces and sysctls; what
the kernel supports, which is tried in a network namespace of its own; other
daemons on this host; what this host lacks if it is a real server of FILE by DR
or TUN; and, by listening for a few seconds, whether another cluster uses a
virtual_router_id of FILE.

It changes nothing and sends nothing on the host's networks, and may be used
while the daemon runs. With --probe-mac it asks hosts on the networks of
instances with use_vmac by ARP, from a hardware address that it makes up, whether
such addresses pass the port; one that shuts down when it sees a second address
would, as it would for use_vmac. Mistakes in FILE itself, and programs and Lua files that
are missing here, are reported by moonkeep check.

Each line begins with ok, warning or problem; warnings and problems are followed
by what to do about them.

Exit status 0: no problem. 1: a problem, or FILE has errors. 2: wrong use, or
the host could not be examined.`,
		Example: `  moonkeep doctor /etc/keepalived/keepalived.conf
  moonkeep doctor keepalived.conf --probe-mac
  moonkeep doctor keepalived.conf --listen 0 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, found, err := load.FileAs(args[0], givenConfigID(configID))
			if err != nil {
				return err
			}
			if found.Errors() {
				fmt.Fprintf(cmd.ErrOrStderr(), "moonkeep: %s has errors; `moonkeep check` shows them\n", args[0])
				return exitNo
			}
			list := examine(c, runDir, listen, probeMAC)
			if asJSON {
				err = printIndented(cmd.OutOrStdout(), list)
			} else {
				err = printExamined(cmd.OutOrStdout(), list)
			}
			if err != nil {
				return fmt.Errorf("print what was found: %w", err)
			}
			for _, x := range list {
				if x.Level == doctor.Problem {
					return exitNo
				}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.DurationVar(&listen, "listen", 4*time.Second, "how long to listen for adverts; 0 to not listen")
	f.BoolVar(&probeMAC, "probe-mac", false, "send ARP probes to see whether hardware addresses other than the interface's pass, which use_vmac needs")
	f.BoolVar(&asJSON, "json", false, "print a JSON array of objects with level, what, text and advice")
	f.StringVar(&runDir, "run-dir", daemon.DefaultRunDir, runDirOwnHelp)
	f.StringVarP(&configID, "config-id", "i", "", configIDHelp)
	return cmd
}

// examine looks at everything; what needs no privilege comes first.
func examine(c *config.Config, runDir string, listen time.Duration, probeMAC bool) []doctor.Finding {
	list := []doctor.Finding{{Level: doctor.OK, What: "privileges", Text: "the capabilities are enough"}}
	if err := daemon.Permitted(); err != nil {
		list[0] = doctor.Finding{Level: doctor.Problem, What: "privileges", Text: err.Error(), Advice: "this was looked at for the user who runs doctor"}
	}
	list = append(list, doctor.Host(c, runDir)...)
	list = append(list, examineServer(c, runDir)...)
	return append(list, doctor.Network(c, listen, probeMAC)...)
}

// examineServer looks at this host as a real server of the configuration's
// services, if it is one; if it is not, it says how to look at those that are.
func examineServer(c *config.Config, runDir string) []doctor.Finding {
	const what = "real servers"
	failed := func(err error) []doctor.Finding {
		return []doctor.Finding{{Level: doctor.Warning, What: what, Text: err.Error()}}
	}
	h, err := realserver.Open(filepath.Join(runDir, realserverFile))
	if err != nil {
		return failed(err)
	}
	defer h.Close()
	own, err := h.Own()
	if err != nil {
		return failed(err)
	}
	if p, _ := serverPlan(c, nil, true); len(p.Direct)+len(p.Tunnelled)+len(p.Others) == 0 {
		return nil
	}
	p, _ := serverPlan(c, own, false)
	if len(p.Direct)+len(p.Tunnelled)+len(p.Others) == 0 {
		return []doctor.Finding{{Level: doctor.OK, What: what, Text: "those by DR and TUN need the services' addresses; on each of them `moonkeep realserver check` looks"}}
	}
	var list []doctor.Finding
	for _, part := range []struct {
		plan   realserver.Plan
		advice string
	}{
		{realserver.Plan{Direct: p.Direct, Tunnelled: p.Tunnelled}, "moonkeep realserver up makes it so"},
		{realserver.Plan{Others: p.Others}, "this is done by hand: moonkeep realserver up makes no such tunnel"},
	} {
		missing, err := h.Missing(part.plan)
		if err != nil {
			return failed(err)
		}
		for _, m := range missing {
			list = append(list, doctor.Finding{Level: doctor.Problem, What: what, Text: "this host is one: " + m, Advice: part.advice})
		}
	}
	if len(list) == 0 {
		list = append(list, doctor.Finding{Level: doctor.OK, What: what, Text: "this host is one, and has what it needs"})
	}
	return list
}

func printExamined(w io.Writer, list []doctor.Finding) error {
	var b strings.Builder
	counts := map[doctor.Level]int{}
	for _, x := range list {
		counts[x.Level]++
		fmt.Fprintf(&b, "%-8s %s: %s\n", x.Level, x.What, x.Text)
		if x.Advice != "" {
			fmt.Fprintf(&b, "         -> %s\n", x.Advice)
		}
	}
	fmt.Fprintf(&b, "%d ok, %s, %s\n", counts[doctor.OK], count(counts[doctor.Warning], "warning"), count(counts[doctor.Problem], "problem"))
	_, err := io.WriteString(w, b.String())
	return err
}
