package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/convert"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/config/plan"
	"github.com/moonkeep/moonkeep/core/control"
)

// planOptions are the flags of plan.
type planOptions struct {
	from, runDir, configID string
	asJSON                 bool
}

func newPlanCommand() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan FILE",
		Short: "show what a reload would do, item by item",
		Long: `Compares FILE with the configuration that the daemon runs, or with another file
(--from), and says for each difference what a reload would do: what goes on
undisturbed, what may send clients to other real servers, what may move addresses to
another node, what removes addresses and for how long, and what takes effect only
after a restart. Nothing is changed. A
reload that is refused unless it is forced is said to be, with the reasons.
Checkers of third parties are asked what they think of new checks, when root or the
daemon's user asks: the daemon starts them for that. Those whose file was replaced are
named to them, and so are certificates, keys and Lua files in which something else is
than what is in use.

The daemon gets FILE's configuration through its socket and does the comparison,
so that the configuration it runs never leaves it. FILE is a whole configuration, a
folder too: what a daemon that was given several files has in the others is missing
from it.

Exit status 0: done, whatever the differences are. 1: FILE has errors. 2: wrong
use, a file cannot be read, or no daemon answers.`,
		Example: `  moonkeep plan /etc/keepalived/keepalived.conf
  moonkeep plan new.conf --from old.conf`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return planFile(cmd.Context(), args[0], o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&o.from, "from", "", "compare with this `file` instead of the running configuration")
	cmd.Flags().StringVar(&o.runDir, "run-dir", daemon.DefaultRunDir, runDirHelp)
	cmd.Flags().BoolVar(&o.asJSON, "json", false, jsonHelp)
	cmd.Flags().StringVarP(&o.configID, "config-id", "i", "", configIDHelp)
	return cmd
}

func planFile(ctx context.Context, path string, o planOptions, stdout, stderr io.Writer) error {
	defer collectSeldom()()
	paths := []string{path}
	if o.from != "" {
		paths = append(paths, o.from)
	}
	configs, losses, err := sound(paths, o.configID, stderr)
	if err != nil {
		return err
	}
	var p plan.Report
	if o.from != "" {
		p = plan.NewReport(configs[1], configs[0])
		main, err := filepath.Abs(slices.Concat(configs[1].Files, paths[1:])[0])
		if err != nil {
			return err
		}
		p.Refused = refusals(daemon.Spoils(losses[1], losses[0]), daemon.Parts(staged(configs[1].Includes, main, configs[0]), configs[0].Includes), daemon.Empties(configs[1], configs[0]))
	} else {
		text, _, err := convert.To(convert.JSON, configs[0], nil, true)
		if err != nil {
			return err
		}
		client := control.NewClient(o.runDir)
		err = client.Plan(ctx, text, &p)
		if err == nil && len(losses[0])+len(configs[0].Includes) > 0 {
			var s control.Status
			s, err = client.Status(ctx)
			main := slices.Concat(s.ConfigFiles, []string{""})[0]
			p.Refused = append(refusals(daemon.Spoils(accepted(&s), losses[0]), daemon.Parts(staged(included(&s), main, configs[0]), configs[0].Includes)), p.Refused...)
		}
		switch {
		case errors.Is(err, control.ErrNotRunning):
			fmt.Fprintf(stderr, "moonkeep: no daemon answers in %s; --from OLD compares two files\n", o.runDir)
			return exitUnknown
		case err != nil:
			return refusal(stderr, o.runDir, err)
		}
	}
	if o.asJSON {
		return printIndented(stdout, p)
	}
	return printPlan(stdout, &p)
}

// refusals are those that there are.
func refusals(whys ...string) []string {
	return slices.DeleteFunc(whys, func(why string) bool { return why == "" })
}

// accepted is what of the running configuration is left out.
func accepted(s *control.Status) config.Findings {
	var out config.Findings
	for _, f := range s.Lost {
		out = append(out, config.Finding{Name: f.Name, Text: f.Text, Essence: f.Essence, Unseen: f.Unseen, Loses: true})
	}
	return out
}

// included are the patterns of the running configuration.
func included(s *control.Status) []config.Include {
	out := make([]config.Include, len(s.Includes))
	for i, x := range s.Includes {
		out[i] = config.Include{Pattern: x.Pattern, Matched: x.Matched}
	}
	return out
}

// staged are the patterns of the running configuration, whose first file is main, as a
// copy of it has them in the folder of next. A pattern that next has too stays.
func staged(running []config.Include, main string, next *config.Config) []config.Include {
	if len(next.Files) == 0 || !filepath.IsAbs(main) {
		return running // what a relative name of the daemon's counts from is not known
	}
	path, err := filepath.Abs(next.Files[0])
	if err != nil {
		return running // as if the folders were the same
	}
	from, to := filepath.Dir(main), filepath.Dir(path)
	out := slices.Clone(running)
	for i := range out {
		pattern := out[i].Pattern
		rest, under := strings.CutPrefix(pattern, strings.TrimSuffix(from, "/")+"/")
		if under && !slices.ContainsFunc(next.Includes, func(x config.Include) bool { return x.Pattern == pattern }) {
			out[i].Pattern = filepath.Join(to, rest)
		}
	}
	return out
}

// sound reads configurations that must have no errors, at once; the errors
// are printed. With each comes what of it is left out.
func sound(paths []string, configID string, stderr io.Writer) ([]*config.Config, []config.Findings, error) {
	type reading struct {
		config *config.Config
		found  config.Findings
		err    error
	}
	readings := make([]reading, len(paths))
	var all sync.WaitGroup
	for i, path := range paths {
		all.Go(func() {
			r := &readings[i]
			r.config, r.found, r.err = load.FileAs(path, givenConfigID(configID))
			if r.err == nil && !r.found.Errors() {
				r.found = append(r.found, build.Strict(r.config)...)
			}
		})
	}
	all.Wait()
	configs, losses := make([]*config.Config, len(paths)), make([]config.Findings, len(paths))
	for i, r := range readings {
		if r.err != nil {
			return nil, nil, r.err
		}
		configs[i] = r.config
		if !r.found.Errors() {
			losses[i] = r.found.Losing()
			continue
		}
		texts, err := readTexts(r.config.Files)
		if err != nil {
			return nil, nil, err
		}
		found := slices.DeleteFunc(r.found, func(f config.Finding) bool { return f.Severity != config.Error })
		if err := printFindings(stderr, found, texts, checkOptions{}); err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(stderr, "moonkeep: %s has errors; put them right first\n", paths[i])
		return nil, nil, exitNo
	}
	return configs, losses, nil
}

// printPlan writes a plan for people: the changes, then what they do.
func printPlan(w io.Writer, p *plan.Report) error {
	var b strings.Builder
	marks := map[string]string{"added": "+", "removed": "-", "changed": "~", "reordered": "~"}
	counts := map[string]int{}
	for _, c := range p.Changes {
		counts[c.Effect]++
		line := marks[c.What] + " " + c.Path
		switch {
		case c.Old != "" || c.New != "":
			line += ": " + shown(c.Old) + " -> " + shown(c.New)
		case c.What == "reordered":
			line += ": in another order"
		case c.What == "changed":
			line += ": changed"
		}
		fmt.Fprintf(&b, "%s\n    %s: %s\n", line, effectWords(c.Effect, c.Outage), c.Why)
	}
	for _, why := range p.Refused {
		fmt.Fprintf(&b, "A RELOAD IS REFUSED: %s\n", why)
	}
	for _, text := range p.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", text)
	}
	switch {
	case len(p.Changes) == 0 && len(p.Refused) > 0:
		// What keeps it from running is not in the configuration.
	case len(p.Changes) == 0:
		b.WriteString("nothing would change\n")
	default:
		fmt.Fprintf(&b, "\n%s", count(len(p.Changes), "change"))
		for e := plan.Refused; ; e-- {
			if n := counts[e.String()]; n > 0 {
				fmt.Fprintf(&b, ", %d %s", n, effectWords(e.String(), 0))
			}
			if e == plan.Ignored {
				break
			}
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func shown(value string) string {
	if value == "" {
		return "none"
	}
	return value
}

func effectWords(effect string, outage float64) string {
	words := map[string]string{
		"ignored": "no effect", "nothing": "no interruption", "restart": "needs a restart", "shifts": "may send clients to other servers", "moves": "may move the address",
		"divides": "divides the nodes", "interrupts": "interrupts", "refused": "refused",
	}[effect]
	if outage > 0 {
		words += fmt.Sprintf(" for up to %v", time.Duration(outage*float64(time.Second)).Round(time.Millisecond))
	}
	return words
}
