package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/core/control"
)

// topOptions are the flags of top.
type topOptions struct {
	runDir, sort string
	once, json   bool
	every        time.Duration
}

func newTopCommand() *cobra.Command {
	var o topOptions
	cmd := &cobra.Command{
		Use:   "top",
		Short: "show what goes through the virtual servers, now",
		Long: `top shows the virtual servers of the running daemon and their real servers with
connections, packets and bytes, as the kernel counts them, the busiest first.
Rates are averages by the kernel. An interrupt ends it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, known := orders()[o.sort]; !known {
				return fmt.Errorf("--sort %s: sort by connections, active, bytes or name", o.sort)
			}
			if o.every < 100*time.Millisecond {
				return fmt.Errorf("--every %v: at least 100ms", o.every)
			}
			return o.run(cmd)
		},
	}
	cmd.Flags().StringVar(&o.runDir, "run-dir", daemon.DefaultRunDir, "the daemon's run directory")
	cmd.Flags().StringVar(&o.sort, "sort", "connections", "what the busiest has most of: connections and bytes a second, active, or name")
	cmd.Flags().BoolVar(&o.once, "once", false, "print once, without clearing the screen")
	cmd.Flags().BoolVar(&o.json, "json", false, "print once, as JSON")
	cmd.Flags().DurationVar(&o.every, "every", time.Second, "the time between two looks")
	return cmd
}

func (o *topOptions) run(cmd *cobra.Command) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
	defer stop()
	client := control.NewClient(o.runDir)
	for {
		u, err := client.Usage(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return refusal(cmd.ErrOrStderr(), o.runDir, err)
		}
		if o.json {
			return printIndented(cmd.OutOrStdout(), u)
		}
		var text strings.Builder
		if !o.once {
			text.WriteString("\x1b[H\x1b[2J") // home, clear
		}
		printUsage(&text, &u, o.sort)
		if _, err := io.WriteString(cmd.OutOrStdout(), text.String()); err != nil || o.once {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(o.every):
		}
	}
}

// figures are what lines are ordered by.
type figures struct {
	name     string
	active   uint32
	counters *control.Traffic
}

// orders are the ways to sort, the busiest first, and by name among equals.
func orders() map[string]func(a, b figures) int {
	return map[string]func(a, b figures) int{
		"connections": func(a, b figures) int { return cmp.Compare(b.counters.ConnectionRate, a.counters.ConnectionRate) },
		"active":      func(a, b figures) int { return cmp.Compare(b.active, a.active) },
		"bytes": func(a, b figures) int {
			return cmp.Compare(b.counters.ByteRateIn+b.counters.ByteRateOut, a.counters.ByteRateIn+a.counters.ByteRateOut)
		},
		"name": func(figures, figures) int { return 0 },
	}
}

// printUsage writes a table of the services and their servers.
func printUsage(w io.Writer, u *control.Usage, by string) {
	order := orders()[by]
	services := slices.Clone(u.Services)
	active := func(s *control.ServiceUsage) (n uint32) {
		for i := range s.Servers {
			n += s.Servers[i].Active
		}
		return n
	}
	slices.SortStableFunc(services, func(a, b control.ServiceUsage) int {
		return cmp.Or(order(figures{a.Name, active(&a), &a.Counters}, figures{b.Name, active(&b), &b.Counters}), cmp.Compare(a.Name, b.Name))
	})
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "SERVICE\tWEIGHT\tACTIVE\tINACTIVE\tCONN/S\tIN/S\tOUT/S\tCONNS\tIN\tOUT")
	for i := range services {
		s := &services[i]
		line(tw, s.Name+" "+s.Scheduler, "", fmt.Sprint(active(s)), "", &s.Counters)
		servers := slices.Clone(s.Servers)
		slices.SortStableFunc(servers, func(a, b control.ServerUsage) int {
			return cmp.Or(order(figures{a.Name, a.Active, &a.Counters}, figures{b.Name, b.Active, &b.Counters}), cmp.Compare(a.Name, b.Name))
		})
		for k := range servers {
			r := &servers[k]
			line(tw, "  "+r.Name, fmt.Sprint(r.Weight), fmt.Sprint(r.Active), fmt.Sprint(r.Inactive), &r.Counters)
		}
	}
	tw.Flush() // strings.Builder does not fail
}

func line(w io.Writer, name, weight, active, inactive string, c *control.Traffic) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%d\t%s\t%s\n", name, weight, active, inactive, c.ConnectionRate,
		octets(c.ByteRateIn), octets(c.ByteRateOut), c.Connections, octets(c.BytesIn), octets(c.BytesOut))
}

// octets writes a number of octets in a few digits.
func octets(n uint64) string {
	unit, value := "", float64(n)
	for _, u := range []string{"K", "M", "G", "T", "P"} {
		if value < 1024 {
			break
		}
		unit, value = u, value/1024
	}
	if unit == "" {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%.1f%s", value, unit)
}
