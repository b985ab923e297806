package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/lua"
)

func newLuaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lua",
		Short: "run and test Lua scripts by hand",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newLuaRunCommand(), newLuaTestCommand(), newLuaReplCommand(), newLuaDefinitionsCommand())
	return cmd
}

// scriptFlags are those of a script that is run by hand.
type scriptFlags struct {
	args   []string
	grants []string
	// timeout bounds a call.
	timeout time.Duration
}

func (f *scriptFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.args, "arg", nil, "an argument for the script, `NAME=VALUE`; true, false and numbers keep their type, everything else is text")
	cmd.Flags().StringSliceVar(&f.grants, "grant", nil, "what the script may do beyond reading, like allow in the configuration: `"+strings.Join(lua.Grants(), ",")+"`")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Second, "the time limit for the call")
}

// options are those for a runner.
func (f *scriptFlags) options(log func(slog.Level, string)) (lua.Options, error) {
	o := lua.Options{Allow: f.grants, Args: map[string]any{}, Log: log}
	for _, text := range f.args {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return o, fmt.Errorf("--arg %s: write NAME=VALUE", text)
		}
		o.Args[name] = config.ParseArg(value)
	}
	if f.timeout <= 0 {
		return o, fmt.Errorf("--timeout must be more than 0, not %v", f.timeout)
	}
	return o, nil
}

// luaRun are the flags of lua run.
type luaRun struct {
	scriptFlags
	event []string
	about lua.Subject
	json  bool
}

func newLuaRunCommand() *cobra.Command {
	var o luaRun
	cmd := &cobra.Command{
		Use:   "run FILE [FUNCTION]",
		Short: "call a function of a Lua script as the daemon would",
		Long: `Calls FUNCTION of FILE (default: check) within the daemon's limits, and prints
the verdict, the message, and the time and memory it took. What the script logs
goes to standard error.

A function whose name begins with on_ is called with an event. --event sets the
event's fields: instance, group, sync_group, from, to, why, priority, peer,
peer_priority, dropped, service, server.
A check or a weight of a real server is called with --server and --service.

Exit status 0: the check succeeded, or the function returned. 1: the check
failed, or accept_failover said no. 2: wrong use, or the script broke: an error,
a timeout, a limit.`,
		Example: `  moonkeep lua run checks/nginx.lua --arg url=http://127.0.0.1/
  moonkeep lua run notify.lua on_change --grant write --arg file=/tmp/changes --event to=BACKUP`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return errors.New("lua run needs a Lua file, and may have the name of a function behind it; `moonkeep lua run --help` says more")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			function := "check"
			if len(args) > 1 {
				function = args[1]
			}
			return o.run(cmd.Context(), args[0], function, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.add(cmd)
	cmd.Flags().StringArrayVar(&o.event, "event", nil, "a field of the event, `NAME=VALUE`")
	cmd.Flags().StringVar(&o.about.Server, "server", "", "the real server that is checked, `ADDRESS:PORT`, as ctx.server")
	cmd.Flags().StringVar(&o.about.Service, "service", "", "its virtual server, `ADDRESS:PORT`, as ctx.service")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the result as a JSON object")
	return cmd
}

// luaResult is what lua run says; its JSON is stable. Weight is nil when there
// is none.
type luaResult struct {
	Function string   `json:"function"`
	Result   string   `json:"result"` // ok, failed, error, timeout or limit
	Message  string   `json:"message"`
	Weight   *float64 `json:"weight"`
	Seconds  float64  `json:"seconds"`
	Memory   int      `json:"memory"` // octets, by estimate
	Count    int      `json:"instructions"`
}

func (o *luaRun) run(ctx context.Context, path, function string, stdout, stderr io.Writer) error {
	opts, err := o.options(func(level slog.Level, text string) {
		fmt.Fprintf(stderr, "%s: %s\n", strings.ToLower(level.String()), text)
	})
	if err != nil {
		return err
	}
	event, err := eventOf(function, o.event)
	if err != nil {
		return err
	}
	if o.about != (lua.Subject{}) && function != "check" && function != "weight" {
		return fmt.Errorf("--server and --service go with check and weight, not with %s; --event sets the fields of an event", function)
	}
	out := luaResult{Function: function, Result: "ok"}
	script, err := lua.Compile(path)
	var runner *lua.Runner
	if err == nil {
		runner, err = script.NewRunner(opts)
	}
	if err == nil {
		err = hasFunction(runner, function)
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, o.timeout)
		defer cancel()
		begin := time.Now()
		err = out.call(ctx, runner, o.about, event)
		out.Seconds = time.Since(begin).Seconds()
		used := runner.Usage()
		out.Memory, out.Count = used.Memory, used.Instructions
	}
	switch {
	case err == nil:
	case errors.Is(err, lua.ErrTimeout):
		out.Result = "timeout"
	case errors.Is(err, lua.ErrLimit):
		out.Result = "limit"
	default:
		out.Result = "error"
	}
	if err != nil {
		out.Message = err.Error()
		// The text of a missing grant ends in what the configuration must say.
		if _, grant, refused := strings.Cut(out.Message, "the configuration must grant it: allow: ["); refused {
			out.Message += "; here: --grant " + strings.TrimSuffix(grant, "]")
		}
	}
	if err := out.print(stdout, o.json); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	switch out.Result {
	case "ok":
		return nil
	case "failed":
		return exitNo
	}
	return exitUnknown
}

// hasFunction is an error when the script does not have the function, which names the
// one that hears of the same change if that is there.
func hasFunction(runner *lua.Runner, function string) error {
	_, err := runner.Has(context.Background(), function)
	if state := stateOf(function); err != nil && state != "" {
		if _, other := runner.Has(context.Background(), "on_change"); other == nil {
			return fmt.Errorf("%w; here: on_change --event to=%s", err, state)
		}
	}
	return err
}

// stateOf returns the state that a notify function is called for, if it is one.
func stateOf(function string) string {
	state := strings.ToUpper(strings.TrimPrefix(function, "on_"))
	if slices.Contains([]string{"MASTER", "BACKUP", "FAULT", "STOP"}, state) {
		return state
	}
	return ""
}

// call calls the function and notes its answer.
func (r *luaResult) call(ctx context.Context, runner *lua.Runner, about lua.Subject, event lua.Event) error {
	switch r.Function {
	case "check":
		v, err := runner.Verdict(ctx, about)
		if r.Message, r.Weight = v.Message, v.Weight; !v.OK {
			r.Result = "failed"
		}
		return err
	case "weight":
		weight, err := runner.WeightOf(ctx, about)
		r.Weight = &weight
		return err
	}
	if r.Function == "accept_failover" {
		ok, why, err := runner.Accept(ctx, lua.Move{Instance: event.Instance, Group: event.Group, Cause: "failover", Priority: event.Priority, MasterFor: time.Hour})
		if r.Message = why; !ok {
			r.Result = "failed"
		}
		return err
	}
	return runner.Notify(ctx, event)
}

func (r *luaResult) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printIndented(w, r)
	}
	text := r.Result
	if r.Message != "" {
		text += ": " + r.Message
	}
	if r.Weight != nil && r.Result == "ok" {
		text += fmt.Sprintf(": weight %g", *r.Weight+0) // no -0
	}
	_, err := fmt.Fprintf(w, "%s\n%s took %v, %d instructions, some %d KiB\n", text, r.Function,
		time.Duration(r.Seconds*1e9).Round(time.Microsecond), r.Count, (r.Memory+1023)/1024)
	return err
}

// eventOf returns the event for a notify function: a likely one, with the
// fields that were given.
func eventOf(function string, given []string) (lua.Event, error) {
	e := lua.Event{Function: function, Instance: "VI_1", From: "BACKUP", To: "MASTER", Why: "moonkeep lua run", Priority: 100, Addresses: []string{"192.0.2.1/24"}, Seq: 1, Node: "node"}
	if state := stateOf(function); state != "" {
		e.To = state
		if state != "MASTER" {
			e.From = "MASTER"
		}
	}
	if function == "on_dual_master" {
		e.From, e.Peer, e.PeerPriority, e.DualTimes = "MASTER", "192.0.2.2", 90, 1
	}
	ofService := function == "on_real_server" || function == "on_quorum"
	if ofService {
		e = lua.Event{Function: function, Service: "TCP 192.0.2.1:80", To: "DOWN", Why: e.Why, Seq: e.Seq, Node: e.Node}
		if function == "on_real_server" {
			e.Server = "192.0.2.11:80"
		}
	}
	if len(given) > 0 && !strings.HasPrefix(function, "on_") {
		return e, fmt.Errorf("--event goes with a function that begins with on_, not with %s", function)
	}
	fields := map[string]*string{"instance": &e.Instance, "group": &e.Group, "sync_group": &e.SyncGroup, "from": &e.From, "to": &e.To, "why": &e.Why, "peer": &e.Peer, "service": &e.Service, "server": &e.Server}
	seen := map[string]bool{}
	for _, text := range given {
		name, value, _ := strings.Cut(text, "=")
		seen[name] = true
		switch field := fields[name]; {
		case field != nil:
			*field = value
		case name == "priority" || name == "peer_priority" || name == "dropped":
			n, ok := config.ParseArg(value).(float64)
			if !ok || n < 0 {
				return e, fmt.Errorf("--event %s: the %s is a number", text, strings.ReplaceAll(name, "_", " "))
			}
			switch name {
			case "priority":
				e.Priority = int(n)
			case "peer_priority":
				e.PeerPriority = int(n)
			default:
				e.Dropped = uint64(n)
			}
		default:
			return e, fmt.Errorf("--event %s: there is no field %q; they are instance, group, sync_group, from, to, why, priority, peer, peer_priority, dropped, service and server", text, name)
		}
	}
	if seen["group"] {
		if seen["instance"] {
			return e, errors.New("--event: an event is of an instance or of a group; the group that an instance is in is sync_group")
		}
		e.Instance = ""
	}
	if ofService && e.From == "" {
		e.From = map[string]string{"UP": "DOWN", "DOWN": "UP"}[e.To]
	}
	return e, nil
}
