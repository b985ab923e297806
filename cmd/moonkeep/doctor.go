package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/load"
)

// level says how bad it is what doctor found.
type level uint8

const (
	levelOK level = iota
	// levelWarning is what may be meant so.
	levelWarning
	// levelProblem is what keeps the node from doing what its file says.
	levelProblem
)

var levelNames = [...]string{"ok", "warning", "problem"}

func (l level) MarshalText() ([]byte, error) { return []byte(levelNames[l]), nil }

// examined is one thing that doctor looked at.
type examined struct {
	Level level `json:"level"`
	// What was looked at, and what was found there.
	What string `json:"what"`
	Text string `json:"text"`
	// Advice says what to do, in case of a warning or a problem.
	Advice string `json:"advice,omitempty"`
}

func newDoctorCommand() *cobra.Command {
	var configID, runDir string
	var listen time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor FILE",
		Short: "say whether this host can do what a configuration asks of it",
		Long: `doctor looks at this host with the eyes of a node that would run FILE: its
capabilities, interfaces and settings; what its kernel can do, which it tries in
a network namespace of its own; what else runs here; what this host lacks as a
real server of FILE by DR or TUN; and, for some seconds, which adverts come in on
the interfaces, and whether another cluster uses a virtual router of FILE.

It changes nothing and sends nothing on the host's networks. It may be used
while a node runs. What is wrong with FILE itself, and which programs and Lua
files of it are missing here, says moonkeep check.

Each line begins with ok, warning or problem; below the last two stands what to
do. Exit status 0: no problem. 1: a problem, or FILE has errors. 2: wrong use,
or it could not be looked at.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, found, err := load.FileAs(args[0], configID)
			if err != nil {
				return err
			}
			if found.Errors() {
				fmt.Fprintf(cmd.ErrOrStderr(), "moonkeep: %s has errors; `moonkeep check` shows them\n", args[0])
				return exitNo
			}
			list, err := doctor(c, runDir, listen)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				err = e.Encode(list)
			} else {
				err = printExamined(cmd.OutOrStdout(), list)
			}
			if err != nil {
				return fmt.Errorf("print what was found: %w", err)
			}
			for _, x := range list {
				if x.Level == levelProblem {
					return exitNo
				}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.DurationVar(&listen, "listen", 4*time.Second, "how long to listen for adverts; 0 does not listen")
	f.BoolVar(&asJSON, "json", false, "print a JSON array of objects with level, what, text and advice")
	f.StringVar(&runDir, "run-dir", defaultRunDir, "the run directory that the node would have")
	f.StringVarP(&configID, "config-id", "i", "", "the config id that decides lines with @NAME (default: this host's name)")
	return cmd
}

// doctor looks at everything; what needs no privilege comes first.
func doctor(c *config.Config, runDir string, listen time.Duration) ([]examined, error) {
	needs := needsOf(c)
	list := examineProcess(runDir, needs)
	for _, n := range needs.links {
		list = append(list, examineLink(n, lookAt(n.device))...)
	}
	list = append(list, examineSettings(needs, readSetting)...)
	if needs.clock {
		list = append(list, examineClock(clockState()))
	}
	list = append(list, examineKernel(needs)...)
	list = append(list, examineServer(c, runDir)...)
	if listen > 0 && len(needs.links) > 0 {
		heard, err := hear(needs, listen)
		if err != nil {
			return append(list, examined{levelWarning, "adverts", "were not listened to: " + err.Error(), "run doctor as root"}), nil
		}
		list = append(list, examineHeard(needs, heard, listen)...)
	}
	return list, nil
}

func printExamined(w io.Writer, list []examined) error {
	var b strings.Builder
	counts := [3]int{}
	for _, x := range list {
		counts[x.Level]++
		fmt.Fprintf(&b, "%-8s %s: %s\n", levelNames[x.Level], x.What, x.Text)
		if x.Advice != "" {
			fmt.Fprintf(&b, "         -> %s\n", x.Advice)
		}
	}
	fmt.Fprintf(&b, "%d ok, %d warnings, %d problems\n", counts[levelOK], counts[levelWarning], counts[levelProblem])
	_, err := io.WriteString(w, b.String())
	return err
}
