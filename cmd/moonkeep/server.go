package main

import (
	"errors"
	"fmt"
	"strconv"
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
	cmd.Flags().StringVar(&o.runDir, "run-dir", daemon.DefaultRunDir, "the daemon's run directory")
	cmd.Flags().StringVar(&o.service, "service", "", "the virtual server that is meant, by name or address (default: every one that has the real server)")
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON")
}

const drainLong = `drain gives the server weight 0: connections that it has go on, no new ones
come. When there are none any more, or after --timeout, its place is taken away.`

func newServerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "server",
		Short: "take real servers out of service, and back",
		Long: `server takes a hand in real servers of the running daemon, whatever their checks
say. What is wanted holds after a reload and a restart, until it is taken back
with "up".

SERVER is ADDRESS or ADDRESS:PORT; it is meant in every virtual server that has
it, or in the one of --service. Without --service it is meant also where a
reload or a restart adds it later: a server in maintenance gets no clients
because its virtual server has another address or name.`,
	}
	for _, v := range []struct{ use, wish, short, long string }{
		{"up", "auto", "leave servers to their checks again", "up takes back what drain, down and maintenance asked for: the server serves as\nsoon as its checks say that it works, after maintenance as soon as they have said\nso anew, and with slow_start its weight rises from there. A weight that was given by hand stays; `weight SERVER auto` takes that back."},
		{"drain", "drain", "give servers no new connections, and take them out when theirs are gone", drainLong},
		{"down", "down", "take servers out at once, with their connections", "down removes the server from the virtual server at once: connections that it has\nbreak. Its checks go on."},
		{"maintenance", "maintenance", "drain servers, and let their checks rest", "maintenance does what drain does, and probes the server no more: its state stays\nwhat it was, nothing is told of it, and its log stays quiet. When it leaves\nmaintenance it is probed at once, and the first result decides."},
	} {
		cmd.AddCommand(newWishCommand(v.use+" SERVER...", v.wish, v.short, v.long))
	}
	return cmd
}

// newDrainCommand is `server drain` by its short name.
func newDrainCommand() *cobra.Command {
	return newWishCommand("drain SERVER...", "drain", "give real servers no new connections (server drain)", drainLong)
}

func newWishCommand(use, wish, short, long string) *cobra.Command {
	var o serverOptions
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.timeout < 0 {
				return errors.New("--timeout is negative")
			}
			for _, server := range args {
				r := control.ServersRequest{Server: server, Service: o.service, Wish: wish, Limit: o.timeout.Seconds()}
				if err := o.ask(cmd, r); err != nil {
					return err
				}
			}
			return nil
		},
	}
	o.flags(cmd)
	if wish == "drain" || wish == "maintenance" {
		cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "how long connections may go on (default: without end)")
	}
	return cmd
}

func newWeightCommand() *cobra.Command {
	var o serverOptions
	cmd := &cobra.Command{
		Use:   "weight SERVER N|auto",
		Short: "give a real server a weight by hand",
		Long: `weight gives a real server a weight that takes the place of the configured one
and of what checks make of it, until "auto" gives it back. It holds after a
reload and a restart.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			weight := -1
			if args[1] != "auto" {
				n, err := strconv.ParseUint(args[1], 10, 31)
				if err != nil {
					return fmt.Errorf("%q is no weight: a number from 0, or auto", args[1])
				}
				weight = int(n)
			}
			return o.ask(cmd, control.ServersRequest{Server: args[0], Service: o.service, Weight: &weight})
		},
	}
	o.flags(cmd)
	return cmd
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
