package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/keepalived"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/core/lab"
)

// labOptions are the flags of the lab subcommand.
type labOptions struct {
	script string
	do     string
	json   bool
	with   []string
	probe  time.Duration
	binary string
	logs   string
	ids    []string
}

func newLabCommand() *cobra.Command {
	var o labOptions
	cmd := &cobra.Command{
		Use:   "lab FILE FILE...",
		Short: "run a cluster in network namespaces on this machine, and measure failovers",
		Long:  labHelp(),
		Example: `  moonkeep lab a.conf b.conf
  moonkeep lab a.conf b.conf --do 'settle; crash a; settle; show'
  moonkeep lab a.conf b.conf --script demo.steps --with keepalived=b`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return fmt.Errorf("lab needs the configuration files of two nodes or more, not %d; see moonkeep lab --help", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLab(cmd, &o, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.script, "script", "", "read the steps from this `file`; - is standard input")
	f.StringVar(&o.do, "do", "", "the `steps`, separated by semicolons")
	f.BoolVar(&o.json, "json", false, "print one JSON object per line")
	f.StringArrayVar(&o.with, "with", nil, "run keepalived in this node: keepalived=`NODE`, or keepalived:/path/to/keepalived=NODE")
	f.DurationVar(&o.probe, "probe", lab.DefaultProbe, "the interval between two probes of an address")
	f.StringArrayVarP(&o.ids, "config-id", "i", nil, configIDsHelp)
	f.StringVar(&o.binary, "binary", "", "the moonkeep `program` that the nodes run (default: this one)")
	f.StringVar(&o.logs, "logs", "", "keep the daemons' logs in this `directory`, as NODE.log")
	cmd.MarkFlagsMutuallyExclusive("script", "do")
	return cmd
}

func labHelp() string {
	var b strings.Builder
	b.WriteString(`Each file is a node: keepalived.conf, YAML, TOML or JSON. The nodes get the
interfaces that their files name, joined by one bridge for each name, and an
address in the network of the virtual addresses. A client probes every virtual
address all the time; the timeline shows which node answers, and for how long
none did. Nothing needs to be installed and nothing is left behind. It needs
root, or "unshare -r -n".

Nodes are called a, b, c in the order of the files, or by the files' names. Each
node has a web server on port 80 for checks to ask. A check whose program is not
on this machine succeeds until a step says otherwise; notify programs that exist
here are run.

Without steps from --script, --do or standard input there is a prompt on a
terminal, and elsewhere "settle; show" is run. A script ends at the first
expectation that fails.

Exit status 0: all expectations were met. 1: one was not, a daemon ended by
itself, or the lab broke. 2: wrong use, errors in a file or a step, or no right
to make network namespaces.

Steps:

`)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, u := range lab.Usages() {
		for i, line := range wrap(u.Help, 48) {
			form := u.Form
			if i > 0 {
				form = ""
			}
			fmt.Fprintf(w, "  %s\t%s\n", form, line)
		}
	}
	w.Flush() // into a Builder, which takes everything
	b.WriteString(labJSONHelp)
	return b.String()
}

// wrap breaks a text into lines of at most width characters where it can.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}

func runLab(cmd *cobra.Command, o *labOptions, files []string) error {
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	if o.probe <= 0 || o.probe > time.Second {
		return fmt.Errorf("--probe %s: use a time above zero and of at most 1s", o.probe)
	}
	ids, err := configIDs(o.ids, len(files))
	if err != nil {
		return err
	}
	plan, unbuilt, err := planLab(files, ids, stderr)
	if err != nil {
		return err
	}
	daemons, err := labDaemons(plan, o, ids)
	if err != nil {
		return err
	}
	if refusesUnbuilt(daemons, unbuilt, stderr) {
		return exitUsage
	}
	steps, prompt, err := labSteps(plan, o, cmd.InOrStdin(), stderr)
	if err != nil {
		return err
	}
	if o.logs != "" {
		if err := os.MkdirAll(o.logs, 0o755); err != nil {
			return fmt.Errorf("--logs: %w", err)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	screen := &promptWriter{w: stdout}
	var printer labPrinter = &labText{w: screen, plan: plan}
	if o.json {
		printer = newLabJSON(screen, plan)
	}
	printer.begin()
	failed := false
	var ends labEnds
	l, err := lab.New(lab.Options{Plan: plan, Daemons: daemons, Probe: o.probe, LogDir: o.logs, Tell: func(e lab.Event) {
		printer.event(e)
		if e.Kind == lab.Ended {
			failed = true
			ends.happened(fmt.Errorf("the daemon of node %s ended by itself: %s", plan.Nodes[e.Node].Name, e.Text))
		}
	}})
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w; run it as root or under \"unshare -r -n\"", err)
	}
	if err != nil {
		return labBroken(stderr, err)
	}
	if err = l.Boot(); err == nil {
		if prompt {
			err = promptLab(ctx, l, &ends, cmd.InOrStdin(), screen)
		} else {
			err = scriptLab(ctx, l, &ends, steps)
		}
	}
	moves, probing, at := l.Moves(), l.Probing(), l.Now()
	if closing := l.Close(); closing != nil {
		err = errors.Join(err, fmt.Errorf("take the lab down: %w", closing))
	}
	// After Close nothing more is told, so failed stands still.
	printer.end(at, moves, probing, err == nil && !failed)
	if err != nil {
		return labBroken(stderr, err)
	}
	if failed {
		return exitNo
	}
	return nil
}

// labBroken prints why the lab could not do what was asked.
func labBroken(stderr io.Writer, err error) error {
	fmt.Fprintln(stderr, "moonkeep lab:", err)
	return exitNo
}

// refusesUnbuilt prints what the nodes that run moonkeep would refuse to start
// with, and reports whether there is any.
func refusesUnbuilt(daemons []lab.Daemon, unbuilt []config.Findings, stderr io.Writer) bool {
	refused := false
	for i, d := range daemons {
		if _, ours := d.(lab.Moonkeep); !ours {
			continue
		}
		for _, f := range unbuilt[i] {
			fmt.Fprintln(stderr, f)
			refused = true
		}
	}
	return refused
}

// planLab reads the files. What is wrong with them is printed. Of each file it
// returns the findings about what is not built.
func planLab(files, ids []string, stderr io.Writer) (*lab.Plan, []config.Findings, error) {
	var configs []config.Config
	var unbuilt []config.Findings
	bad := false
	for i, file := range files {
		c, findings, err := daemon.OpenConfig(file, ids[i])
		if err != nil {
			fmt.Fprintln(stderr, "moonkeep lab:", err)
			bad = true
			continue
		}
		warnings := 0
		var missing config.Findings
		for _, f := range findings {
			if f.Name == "not-built" {
				missing = append(missing, f)
			}
			if f.Severity == config.Error {
				fmt.Fprintln(stderr, f)
				bad = true
				continue
			}
			warnings++
		}
		if warnings > 0 {
			fmt.Fprintf(stderr, "moonkeep lab: %s: %d warnings; `moonkeep check %s` shows them\n", file, warnings, file)
		}
		if !findings.Errors() && build.Drops(c) {
			fmt.Fprintf(stderr, "moonkeep lab: %s: packets to its virtual addresses are dropped (no_accept, or vrrp_strict without accept), so that the lab's client would hear nobody: put accept in their place for the lab\n", file)
			bad = true
		}
		if c != nil {
			configs = append(configs, *c)
			unbuilt = append(unbuilt, missing)
		}
	}
	if bad {
		return nil, nil, exitUsage
	}
	plan, err := lab.NewPlan(configs)
	return plan, unbuilt, err
}

// labDaemons chooses the daemon of each node, which has the config id of its
// place.
func labDaemons(plan *lab.Plan, o *labOptions, ids []string) ([]lab.Daemon, error) {
	binary := o.binary
	if binary == "" {
		var err error
		if binary, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
	} else if _, err := exec.LookPath(binary); err != nil {
		return nil, fmt.Errorf("--binary %s does not start: %w; give it the path of a moonkeep", binary, err)
	}
	daemons := make([]lab.Daemon, len(plan.Nodes))
	for i := range daemons {
		daemons[i] = lab.Moonkeep{Binary: binary, ConfigID: ids[i]}
	}
	for _, w := range o.with {
		what, node, ok := strings.Cut(w, "=")
		program, path, named := strings.Cut(what, ":")
		if !ok || program != "keepalived" {
			return nil, fmt.Errorf("--with %s: expected keepalived=NODE", w)
		}
		i, ok := plan.Node(node)
		if !ok {
			return nil, fmt.Errorf("--with %s: there is no node %q; the nodes are %s", w, node, strings.Join(plan.Names(), ", "))
		}
		if ext := filepath.Ext(plan.Nodes[i].File); slices.Contains([]string{".yaml", ".yml", ".toml", ".json"}, ext) {
			return nil, fmt.Errorf("--with %s: keepalived does not read %s; give the node a keepalived.conf", w, plan.Nodes[i].File)
		}
		if !named {
			path = findKeepalived()
		}
		if _, err := exec.LookPath(path); err != nil {
			return nil, fmt.Errorf("--with %s: %w; install keepalived or name it: --with keepalived:/path/of/keepalived=%s", w, err, node)
		}
		daemons[i] = lab.Keepalived{Binary: path, Rewrite: rewriter(plan.Nodes[i].File, ids[i])}
	}
	return daemons, nil
}

// rewriter rewrites the text of a file together with those that it includes.
func rewriter(path, configID string) func([]byte, func(string, string) (string, bool)) []byte {
	return func(text []byte, repl func(string, string) (string, bool)) []byte {
		return keepalived.RewriteFiles(path, text, load.Files(), load.Options(configID), repl)
	}
}

// findKeepalived is the path of keepalived, which is often not on a user's
// PATH.
func findKeepalived() string {
	for _, path := range []string{"keepalived", "/usr/sbin/keepalived", "/usr/local/sbin/keepalived"} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	return "keepalived"
}

// labSteps reads the steps, or says that there shall be a prompt.
func labSteps(plan *lab.Plan, o *labOptions, stdin io.Reader, stderr io.Writer) (steps []lab.Step, prompt bool, err error) {
	name, text := o.script, []byte(o.do)
	switch {
	case o.do != "":
		name = "--do"
	case o.script != "" && o.script != "-":
		if text, err = os.ReadFile(o.script); err != nil {
			return nil, false, fmt.Errorf("read the steps: %w", err)
		}
	case o.script == "" && terminal(stdin):
		return nil, true, nil
	default:
		name = "stdin"
		if text, err = io.ReadAll(stdin); err != nil {
			return nil, false, fmt.Errorf("read the steps: %w", err)
		}
	}
	steps, findings := lab.Parse(name, string(text))
	if findings = append(findings, plan.Resolve(steps)...); len(findings) > 0 {
		findings.Sort()
		for _, f := range findings {
			fmt.Fprintln(stderr, f)
		}
		return nil, false, exitUsage
	}
	if len(steps) == 0 {
		at := config.NewPosition(name, 0, 0)
		steps = []lab.Step{{At: at, Verb: lab.Settle}, {At: at, Verb: lab.Show}}
	}
	return steps, false, nil
}

func terminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
