package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/plugins/checker"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

func newPluginTestCommand() *cobra.Command {
	var flags pluginFlags
	var address string
	var options []string
	cmd := &cobra.Command{
		Use:   "test NAME|PATH",
		Short: "test a checker the way the daemon runs it",
		Long: `Starts a checker as the daemon does, without privileges and in a sandbox, and
tests what the daemon relies on, with a line for each: that its file can be
trusted; that it starts and identifies itself; that it refuses unknown options
and invalid values; that a server which does not answer delays neither it nor
other probes; that it uses standard output for messages only; that it leaves no
process behind; and that it ends when told to. With --target it also makes one
check of that server; --option gives the options the check requires.

Exit status 0: all is well. 1: a test failed. 2: wrong use, or the checker could
not be tested.`,
		Example: `  moonkeep plugin test ./redis-role
  moonkeep plugin test ./redis-role --target 192.0.2.11:6379 --option role=master`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := flags.find(args[0])
			if err != nil {
				return err
			}
			t := trial{out: cmd.OutOrStdout(), plugin: p}
			rest, err := targetOptions(&t.model, options)
			if err != nil {
				return err
			}
			t.given = rest
			if address != "" {
				if t.model.Target.Address, err = resolve(cmd.Context(), address); err != nil {
					return err
				}
				t.probes = true
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
			defer cancel()
			if err := byHand(ctx, cmd.ErrOrStderr(), t.run); err != nil {
				return err
			}
			if t.failed {
				return exitNo
			}
			return nil
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&address, "target", "", "also make one check of `HOST:PORT`")
	cmd.Flags().StringArrayVarP(&options, "option", "o", nil, "an option of that check, `NAME=VALUE`")
	return cmd
}

// trial is one try of a plugin.
type trial struct {
	out    io.Writer
	plugin pluginhost.Plugin
	given  []string           // NAME=VALUE
	model  pluginhost.Subject // of the target, when there is one
	probes bool
	failed bool
}

// step prints how a step came out, and reports whether it did well.
func (t *trial) step(what string, err error) bool {
	if err != nil {
		t.failed = true
		fmt.Fprintf(t.out, "FAIL  %s: %v\n", what, err)
		return false
	}
	fmt.Fprintf(t.out, "ok    %s\n", what)
	return true
}

// trialLimit is the limit of a probe here, and slack what a machine may take.
const (
	trialLimit = time.Second
	trialSlack = time.Second
)

// run tries one thing after the other. Its error is one of this program; what
// the plugin does wrong is printed.
func (t *trial) run(ctx context.Context, h *pluginhost.Host) error {
	if !t.step("its file is root's and can be run", pluginhost.Verify(t.plugin)) {
		return nil
	}
	begin := time.Now()
	info, err := h.Describe(ctx, t.plugin)
	took := time.Since(begin).Round(time.Millisecond)
	who := "it greets and says who it is"
	if err == nil {
		who = fmt.Sprintf("%s (%s %s, %s)", who, info.Name, info.Version, took)
	}
	if !t.step(who, errors.Join(err, validInfo(err, info))) {
		return nil
	}
	silent, err := newMute()
	if err != nil {
		return err
	}
	defer silent.close()
	options, err := optionTree(info, t.given)
	if err != nil {
		return err
	}
	if t.plugin.Path == "" && t.plugin.Name == "MISC_CHECK" && t.model.User == "" {
		t.model.User = daemon.OwnUser()
	}
	takes, asked, err := t.refuses(ctx, h, info, options, silent.address)
	if err != nil || !asked {
		return err
	}
	return t.works(ctx, h, options, takes, silent.address)
}

// works runs it: against a server that says nothing, and against the target.
func (t *trial) works(ctx context.Context, h *pluginhost.Host, options map[string]any, takes error, silent netip.AddrPort) error {
	raw, err := json.Marshal(options)
	if err != nil {
		return fmt.Errorf("write the options: %w", err)
	}
	plan := pluginhost.Plan{Plugins: []pluginhost.Plugin{t.plugin}, Checks: []pluginhost.Check{t.check(silent, raw)}}
	if t.probes {
		target := t.check(t.model.Target.Address, raw)
		target.Number, target.Identity = 1, "target"
		target.Target.BindTo, target.Target.BindPort, target.Target.BindIf, target.Target.Fwmark = t.model.Target.BindTo, t.model.Target.BindPort, t.model.Target.BindIf, t.model.Target.Fwmark
		plan.Checks = append(plan.Checks, target)
	}
	for n := range together {
		c := t.check(silent, raw)
		c.Number, c.Identity = uint32(2+n), fmt.Sprint("silent ", n)
		plan.Checks = append(plan.Checks, c)
	}
	set, err := h.Open(plan)
	if err != nil {
		return err
	}
	defer set.Close()
	begin := time.Now()
	r := set.Probe(ctx, 0)
	took := time.Since(begin)
	switch {
	case takes != nil && t.probes:
		t.step("it takes the options", takes)
	case takes != nil:
		fmt.Fprintf(t.out, "-     no check is tried, for which --option has to say more: %v\n", takes)
	default:
		if err = t.died(h); err == nil && took >= trialLimit+trialSlack {
			err = fmt.Errorf("it took %s; it had %s", took.Round(time.Millisecond), trialLimit)
		}
		inTime := t.step("a server that says nothing does not hold it up", err)
		t.say(r)
		if inTime && took > trialLimit/2 { // it waits for such a server
			t.step("it makes probes side by side", sideBySide(ctx, set))
		}
		if inTime && t.probes {
			r := set.Probe(ctx, 1)
			t.step("it makes the check", t.died(h))
			t.say(r)
		}
	}
	pid := t.status(h).Pid
	if err := t.died(h); err != nil || pid == 0 {
		t.step("it goes on after a check", cmp.Or(err, errors.New("it does not run")))
		return nil
	}
	if takes == nil && took < trialLimit+trialSlack {
		t.step("it leaves no process behind", leaves(func() { set.Probe(ctx, 0) }, pid))
	}
	t.step("it keeps its standard output for messages", t.quiet(h))
	started := offspring(pid)
	if err := set.Close(); err != nil {
		return err
	}
	t.step("it ends when it is told to", ends(pid, started))
	return nil
}

// together is how many servers that say nothing are asked at once.
const together = 4

// sideBySide has servers that say nothing asked at the same time: who waits for
// one after the other is late for all but the first.
func sideBySide(ctx context.Context, set *pluginhost.Set) error {
	begin := time.Now()
	var all sync.WaitGroup
	for n := range together {
		all.Go(func() { set.Probe(ctx, uint32(2+n)) })
	}
	all.Wait()
	if took := time.Since(begin); took >= trialLimit+trialSlack {
		return fmt.Errorf("%d probes of servers that say nothing took it more than %s, where one takes %s; it must not wait for one before it begins the next", together, took.Round(time.Millisecond), trialLimit)
	}
	return nil
}

func (t *trial) check(address netip.AddrPort, options json.RawMessage) pluginhost.Check {
	return pluginhost.Check{Subject: &pluginhost.Subject{
		Kind: t.plugin.Name, Identity: "silent", User: t.model.User, Group: t.model.Group, Label: "test", Options: options,
		Target: checker.Target{Address: address, Timeout: trialLimit}, Limit: trialLimit, Patience: trialLimit + trialSlack,
	}}
}

// say prints the result of a probe.
func (t *trial) say(r checker.Result) {
	fmt.Fprintf(t.out, "      %s: %s (%s)\n", r.Verdict, inLine(r.Message), r.Latency.Round(time.Microsecond))
	for _, d := range r.Details {
		fmt.Fprintf(t.out, "      %s: %s\n", inLine(d.Name), strings.ReplaceAll(strings.TrimRight(harmless(d.Text), "\n"), "\n", "\n      "))
	}
}

// refuses tries options that are none, and reports why it does not take those
// that are given; and whether it could be asked at all.
func (t *trial) refuses(ctx context.Context, h *pluginhost.Host, info checker.Info, options map[string]any, address netip.AddrPort) (takes error, asked bool, err error) {
	const none = "no such value"
	wrong := []option{{}, {"no_such_option", "x"}}
	complete := true
	for _, o := range info.Options {
		if o.Required && !strings.ContainsRune(o.Name, '.') {
			wrong = append(wrong, option{o.Name, ""})
			complete = complete && options[o.Name] != nil
		}
	}
	for _, o := range info.Options {
		// What is in a block no configuration gives to a plugin; and of one whose
		// required option is missing nothing else need be said.
		if complete && !strings.ContainsRune(o.Name, '.') && slices.Contains([]string{"int", "bool", "duration"}, o.Type) {
			wrong = append(wrong, option{o.Name, none})
		}
	}
	checks := make([]pluginhost.Check, len(wrong))
	for i, o := range wrong {
		odd := maps.Clone(options)
		if odd[o.name] = o.value; o.value == "" {
			delete(odd, o.name)
		}
		raw, err := json.Marshal(odd)
		if err != nil {
			return nil, false, fmt.Errorf("write an option: %w", err)
		}
		checks[i] = t.check(address, raw)
	}
	_, refused, failed := h.Refusals(ctx, t.plugin, checks)
	if failed != nil {
		t.step("it says which options it takes", failed)
		return nil, false, nil
	}
	var bad []error
	for i, o := range wrong[1:] {
		switch why := refused[i+1]; {
		case why == nil && o.value == "":
			bad = append(bad, fmt.Errorf("it did without the option %s, which it calls required", o.name))
		case why == nil:
			bad = append(bad, fmt.Errorf("it took the option %s=%q", o.name, o.value))
		case !strings.Contains(why.Error(), o.name):
			bad = append(bad, fmt.Errorf("of the option %s=%q it says %q, which does not name it", o.name, o.value, why))
		}
	}
	t.step("it refuses an option that it does not have, and values that are none, by their names", errors.Join(bad...))
	return refused[0], true, nil
}

// option is one with its value.
type option struct{ name, value string }

// status is how the process stands.
func (t *trial) status(h *pluginhost.Host) (s pluginhost.Status) {
	for _, s := range h.Status() {
		if s.Name == t.plugin.Name {
			return s
		}
	}
	return s
}

// died is why a process did not go on; nil when it did.
func (t *trial) died(h *pluginhost.Host) error {
	if s := t.status(h); s.Failures > 0 {
		return fmt.Errorf("it failed: %s", s.Failure)
	}
	return nil
}

// quiet finds output that nobody reads.
func (t *trial) quiet(h *pluginhost.Host) error {
	// It is counted when the host looks the next time.
	time.Sleep(time.Second)
	if n := t.status(h).Printed; n > 0 {
		return fmt.Errorf("it wrote %d bytes to its standard output, which nobody reads; write to standard error, or to checker.Log", n)
	}
	return t.died(h)
}

// validInfo finds what is wrong with how a plugin describes itself; nothing,
// when it did not.
func validInfo(failed error, info checker.Info) error {
	if failed != nil {
		return nil
	}
	var bad []error
	if info.Name == "" || strings.ContainsAny(info.Name, " /\n") {
		bad = append(bad, fmt.Errorf("its name %q is none; write one such as REDIS_ROLE", info.Name))
	}
	if info.Version == "" || info.Doc == "" {
		bad = append(bad, errors.New("it has no version, or says nothing about what it does"))
	}
	for _, o := range info.Options {
		if o.Name == "" || o.Name != strings.ToLower(o.Name) {
			bad = append(bad, fmt.Errorf("option %q must have a name in lower case", o.Name))
		}
		if o.Doc == "" {
			bad = append(bad, fmt.Errorf("option %q has no doc, which plugin info shows", o.Name))
		}
		if !slices.Contains([]string{"string", "bool", "int", "duration", "list", "block"}, o.Type) {
			bad = append(bad, fmt.Errorf("option %s has the type %q; there are string, bool, int, duration, list, block", o.Name, o.Type))
		}
	}
	return errors.Join(bad...)
}
