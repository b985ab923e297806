package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/core/control"
)

// serverOptions are the flags of what people do to real servers.
type serverOptions struct {
	runDir, service string
	timeout         time.Duration
	json            bool
}

func (o *serverOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.runDir, "run-dir", daemon.DefaultRunDir, runDirHelp)
	cmd.Flags().StringVar(&o.service, "service", "", "only in this virtual server, given by name or address (default: in every one that has the real server)")
	cmd.Flags().BoolVar(&o.json, "json", false, jsonHelp)
}

// newServerCommand holds what people do to real servers. Those of every day have
// a short name at the root, too.
func newServerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "server",
		Short: "take real servers out of service, bring them back, set their weight",
		Long: `Overrides what the checks say of real servers of the running daemon. It holds
across reloads and restarts, until it is ended with "up", or for a weight with
"weight SERVER auto".

SERVER is ADDRESS or ADDRESS:PORT. It is meant in every virtual server that has
it, or only in that of --service. Without --service that includes virtual servers
that a later reload or restart adds: a server in maintenance does not return to
service because its virtual server gets another address or name.

"drain", "up" and "weight" also work without the word "server".`,
	}
	for _, w := range serverVerbs() {
		cmd.AddCommand(newWishCommand(w))
	}
	cmd.AddCommand(newServerWeightCommand())
	return cmd
}

// newServerShortcuts are those commands of `server` that have a short name.
func newServerShortcuts() []*cobra.Command {
	var list []*cobra.Command
	short := func(cmd *cobra.Command) {
		cmd.Example = strings.ReplaceAll(cmd.Example, "moonkeep server ", "moonkeep ")
		cmd.Short = "short for server " + cmd.Name()
		list = append(list, cmd)
	}
	for _, w := range serverVerbs() {
		if w.verb == "drain" || w.verb == "up" {
			short(newWishCommand(w))
		}
	}
	short(newServerWeightCommand())
	return list
}

// serverVerb is a command that says what is wanted of real servers.
type serverVerb struct {
	verb string
	// asks is what the daemon is asked for.
	asks                 string
	short, long, example string
}

func serverVerbs() []serverVerb {
	return []serverVerb{
		{"up", "auto", "return servers to service, as their checks say",
			`Ends drain, down and maintenance: a server serves as soon as its checks say that
it works, after maintenance as soon as a new check says so; with slow_start its
weight rises from there. A weight set by hand stays; "weight SERVER auto" ends
that.`,
			`  moonkeep server up 192.0.2.11:80`},
		{"drain", "drain", "send servers no new connections; remove them when the old ones have ended",
			`Gives the servers weight 0: established connections go on, new ones go
elsewhere. Once its connections have ended, or after --timeout, a server is
removed from the table. "up" brings it back.`,
			`  moonkeep server drain 192.0.2.11:80
  moonkeep server drain 192.0.2.11 192.0.2.12 --timeout 5m`},
		{"down", "down", "remove servers at once, breaking their connections",
			`Removes servers from the table at once; their connections break. Their checks
go on. "up" brings them back.`,
			`  moonkeep server down 192.0.2.11:80 --service web`},
		{"maintenance", "maintenance", "drain servers, and pause their checks",
			`Drains servers as drain does, and pauses their checks: they keep their last
state, and cause no notifications and no log lines. "up" brings them back: they
are checked at once, and the first result counts.`,
			`  moonkeep server maintenance 192.0.2.11 --timeout 1m`},
	}
}

// serversAtOnce is how many real servers one request names at most.
const serversAtOnce = 4096

func newWishCommand(w serverVerb) *cobra.Command {
	var o serverOptions
	cmd := &cobra.Command{
		Use: w.verb + " SERVER...", Short: w.short, Long: w.long, Example: w.example, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.timeout < 0 {
				return errors.New("--timeout is negative")
			}
			for some := range slices.Chunk(args, serversAtOnce) {
				r := control.ServersRequest{Server: some[0], Servers: some[1:], Service: o.service, Wish: w.asks, Limit: o.timeout.Seconds()}
				if err := o.ask(cmd, r); err != nil {
					return err
				}
			}
			return nil
		},
	}
	o.flags(cmd)
	if w.verb == "drain" || w.verb == "maintenance" {
		cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "how long established connections may go on (default: no limit)")
	}
	return cmd
}

func newServerWeightCommand() *cobra.Command {
	var o serverOptions
	cmd := &cobra.Command{
		Use:   "weight SERVER N|auto",
		Short: "set the weight of a real server",
		Long: `Sets the weight of a real server, overriding the configuration and the checks.
It holds across reloads and restarts, until "auto" ends it.`,
		Example: `  moonkeep server weight 192.0.2.11 50
  moonkeep server weight 192.0.2.11:80 auto --service web`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			weight := -1
			if args[1] != "auto" {
				n, err := strconv.ParseUint(args[1], 10, 31)
				if err != nil {
					return noWeight(args[1])
				}
				weight = int(n)
			}
			return o.ask(cmd, control.ServersRequest{Server: args[0], Service: o.service, Weight: &weight})
		},
	}
	o.flags(cmd)
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// A number below zero is taken for flags.
		if _, number, is := strings.Cut(err.Error(), " in -"); is && number[0] >= '0' && number[0] <= '9' {
			return noWeight("-" + number)
		}
		return cmd.Root().FlagErrorFunc()(cmd, err)
	})
	return cmd
}

func noWeight(word string) error {
	return fmt.Errorf("%q is no weight: a number from 0 (no new connections), or auto", word)
}

// ask asks the daemon and prints what is wanted now.
func (o *serverOptions) ask(cmd *cobra.Command, r control.ServersRequest) error {
	h, err := control.NewClient(o.runDir).Servers(cmd.Context(), r)
	if err != nil {
		return refusal(cmd.ErrOrStderr(), o.runDir, err)
	}
	if o.json {
		return printIndented(cmd.OutOrStdout(), h)
	}
	for _, s := range h.Servers {
		text := "left to its checks"
		switch s.Wish {
		case "drain", "maintenance":
			text = s.Wish
			if s.Limit > 0 {
				text += fmt.Sprintf(", connections end within %v", time.Duration(s.Limit*float64(time.Second)))
			}
		case "down":
			text = "down"
		}
		if s.Weight != nil {
			text += fmt.Sprintf(", weight %d", *s.Weight)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s of %s: %s\n", s.Server, s.Service, text)
	}
	return nil
}
