package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/plugins/checker"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

func newPluginTestCommand() *cobra.Command {
	var flags pluginFlags
	var address string
	var options []string
	cmd := &cobra.Command{
		Use:   "test NAME|PATH",
		Short: "try a checker as the daemon would run it",
		Long: `Starts a checker as the daemon does - without privileges, in a jail - and tries
what the daemon relies on, a line for each: that its file can be trusted, that
it greets and says who it is, that it refuses an option that it does not have,
that it keeps to the time it is given, and that it ends when it is told to.
With --target and --option it makes one check, too.

The exit status is 1 when something is not as it must be.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := flags.find(args[0])
			if err != nil {
				return err
			}
			t := trial{out: cmd.OutOrStdout(), plugin: p, options: map[string]string{}}
			for _, o := range options {
				name, value, ok := strings.Cut(o, "=")
				if !ok || name == "" {
					return fmt.Errorf("--option %s: write NAME=VALUE", o)
				}
				t.options[name] = value
			}
			if address != "" {
				if t.target.Address, err = resolve(cmd.Context(), address); err != nil {
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
	cmd.Flags().StringVar(&address, "target", "", "make a check of `HOST:PORT`, too")
	cmd.Flags().StringArrayVarP(&options, "option", "o", nil, "an option of that check, as `NAME=VALUE`")
	return cmd
}

// trial is one try of a plugin.
type trial struct {
	out     io.Writer
	plugin  pluginhost.Plugin
	options map[string]string
	target  checker.Target
	probes  bool
	failed  bool
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

// answers is the limit of a probe here, and slack what a machine may take.
const (
	trialLimit = 2 * time.Second
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
	if !t.step(fmt.Sprintf("it greets and says who it is (%s %s, %s)", info.Name, info.Version, took), errors.Join(err, validInfo(err, info))) {
		return nil
	}
	// With those that are given, as some may be required.
	odd := map[string]string{"no_such_option": "x"}
	maps.Copy(odd, t.options)
	raw, err := json.Marshal(odd)
	if err != nil {
		return fmt.Errorf("write an option: %w", err)
	}
	r, err := t.probe(ctx, h, checker.Target{Address: netip.MustParseAddrPort("127.0.0.1:9")}, raw)
	if err == nil && !strings.Contains(r.Message, "no_such_option") {
		err = fmt.Errorf("it took the option no_such_option, and answered %s: %q", r.Verdict, r.Message)
	}
	t.step("it refuses an option that it does not have, by its name", err)
	if t.probes {
		if raw, err = json.Marshal(t.options); err != nil {
			return fmt.Errorf("write the options: %w", err)
		}
		begin := time.Now()
		r, err := t.probe(ctx, h, t.target, raw)
		if took := time.Since(begin); err == nil && took > trialLimit+trialSlack {
			err = fmt.Errorf("it took %s; it had %s", took.Round(time.Millisecond), trialLimit)
		}
		if t.step("it keeps to its time", err) {
			fmt.Fprintf(t.out, "      %s: %s (%s)\n", r.Verdict, r.Message, r.Latency.Round(time.Microsecond))
			for _, d := range r.Details {
				fmt.Fprintf(t.out, "      %s: %s\n", d.Name, strings.ReplaceAll(d.Text, "\n", "\n      "))
			}
		}
	}
	t.step("it ends when it is told to", t.ends(ctx, h))
	return nil
}

// ends starts the process once more and asks it to end. The host gives it
// longer than it has here, so that who is still there is seen.
func (t *trial) ends(ctx context.Context, h *pluginhost.Host) error {
	set, err := h.Open(pluginhost.Plan{Plugins: []pluginhost.Plugin{t.plugin}, Checks: []pluginhost.Check{{
		Kind: t.plugin.Name, Identity: "end", Label: "test", Options: json.RawMessage("{}"),
		Target: checker.Target{Address: netip.MustParseAddrPort("127.0.0.1:9"), Timeout: trialLimit}, Limit: trialLimit, Patience: trialLimit + trialSlack,
	}}})
	if err != nil {
		return err
	}
	set.Probe(ctx, 0) // whatever comes of it, the process is there
	pid := 0
	for _, s := range h.Status() {
		if s.Name == t.plugin.Name && s.Pid != 0 {
			pid = s.Pid
		}
	}
	if err := set.Close(); err != nil {
		return err
	}
	if pid == 0 {
		return errors.New("it did not run")
	}
	for begin := time.Now(); syscall.Kill(pid, 0) != syscall.ESRCH; time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > trialLimit {
			return fmt.Errorf("process %d still ran %s after its input had ended; the daemon ends it by force", pid, trialLimit)
		}
	}
	return nil
}

func (t *trial) probe(ctx context.Context, h *pluginhost.Host, target checker.Target, options json.RawMessage) (checker.Result, error) {
	target.Timeout = trialLimit
	r, err := h.Probe(ctx, pluginhost.Check{
		Kind: t.plugin.Name, Identity: string(options), Label: "test", Target: target, Options: options, Limit: trialLimit, Patience: trialLimit + trialSlack,
	}, t.plugin)
	if err != nil {
		return r, err
	}
	for _, s := range h.Status() {
		if s.Failures > 0 {
			return r, fmt.Errorf("it failed: %s", r.Message)
		}
	}
	return r, nil
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
		if o.Name == "" || o.Name != strings.ToLower(o.Name) || o.Doc == "" {
			bad = append(bad, fmt.Errorf("option %q must have a name in lower case, and a text", o.Name))
		}
		if !slices.Contains([]string{"string", "bool", "int", "duration", "list", "block"}, o.Type) {
			bad = append(bad, fmt.Errorf("option %s has the type %q; there are string, bool, int, duration, list, block", o.Name, o.Type))
		}
	}
	return errors.Join(bad...)
}
