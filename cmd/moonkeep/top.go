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
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/core/control"
)

// topOptions are the flags of top.
type topOptions struct {
	runDir, sort string
	once, json   bool
	zero         bool
	every        time.Duration
}

func newTopCommand() *cobra.Command {
	var o topOptions
	cmd := &cobra.Command{
		Use:   "top",
		Short: "show the traffic of the virtual servers, live",
		Long: `Shows the virtual servers of the running daemon and their real servers with
connections, packets and bytes as counted by the kernel, busiest first.

ACTIVE and INACTIVE are current connections, PERSIST clients held by persistence;
columns with /S are per second, averaged by the kernel; the others count since the
server was added, or since "top --zero", which those may use who may reload. IN is
from clients, OUT to them. On a terminal services are bold, and servers with weight
0, which get no new connections, are in colour unless NO_COLOR is set. Ctrl-C ends
it. Elsewhere, in a pipe or a file, it prints once, or with --every again and again.`,
		Example: `  moonkeep top
  moonkeep top --sort bytes --every 5s
  moonkeep top --once
  moonkeep top --zero`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, known := orders()[o.sort]; !known {
				return fmt.Errorf("--sort %s: sort by connections, active, packets, bytes or name", o.sort)
			}
			if o.every < 100*time.Millisecond {
				return fmt.Errorf("--every %v: at least 100ms", o.every)
			}
			if o.zero {
				return o.reset(cmd)
			}
			return o.run(cmd)
		},
	}
	cmd.Flags().StringVar(&o.runDir, "run-dir", daemon.DefaultRunDir, runDirHelp)
	cmd.Flags().StringVar(&o.sort, "sort", "connections", "sort by connections, packets or bytes (per second), active (connections), or name")
	cmd.Flags().BoolVar(&o.once, "once", false, "print once, without clearing the screen")
	cmd.Flags().BoolVar(&o.json, "json", false, "print once, as JSON")
	cmd.Flags().DurationVar(&o.every, "every", time.Second, "the refresh interval")
	cmd.Flags().BoolVar(&o.zero, "zero", false, "show nothing; set the counters to zero, also those of metrics")
	for _, other := range []string{"once", "sort", "every"} {
		cmd.MarkFlagsMutuallyExclusive("zero", other)
	}
	return cmd
}

// reset sets the counters to zero.
func (o *topOptions) reset(cmd *cobra.Command) error {
	z, err := control.NewClient(o.runDir).Zero(cmd.Context(), control.ZeroRequest{})
	if err != nil {
		return refusal(cmd.ErrOrStderr(), o.runDir, err)
	}
	if o.json {
		return printIndented(cmd.OutOrStdout(), z)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "set to zero: the counters of %d services in IPVS\n", z.Services)
	return err
}

func (o *topOptions) run(cmd *cobra.Command) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
	defer stop()
	client := control.NewClient(o.runDir)
	f, isFile := cmd.OutOrStdout().(*os.File)
	screen := isFile && terminal(f)
	once := o.once || !screen && !cmd.Flags().Changed("every")
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
		var table strings.Builder
		printUsage(&table, &u, o.sort, screen && colourful(os.Getenv))
		text := table.String()
		if len(u.Services) == 0 {
			text += "none: `moonkeep status` says which virtual servers there are, and what is wrong with IPVS\n"
		}
		if screen && !once {
			if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
				text = fit(text, int(size.Row), int(size.Col))
			}
			text = "\x1b[H\x1b[2J" + text // home, clear
		}
		if _, err := io.WriteString(cmd.OutOrStdout(), text); err != nil || once {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(o.every):
		}
	}
}

// fit cuts a text to what a terminal shows at once, with a last line that says how
// many lines are left out: the first ones, which matter most, would scroll away.
// One that tells no size has 0 rows and columns, and is shown all.
func fit(text string, rows, columns int) string {
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	if rows < 3 || columns < 1 {
		return text
	}
	shown := strings.NewReplacer(bold, "", magenta, "", plain, "", "\n", "")
	used := 0
	for i, line := range lines {
		takes := max(1, (utf8.RuneCountInString(shown.Replace(line))+columns-1)/columns)
		// The cursor stands on a row of its own, and what says what is left out needs one.
		if used+takes > rows-2 && (i < len(lines)-1 || used+takes > rows-1) {
			return strings.Join(lines[:i], "") + fmt.Sprintf("%d more lines: --once prints all\n", len(lines)-i)
		}
		used += takes
	}
	return text
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
		"packets": func(a, b figures) int {
			return cmp.Compare(b.counters.PacketRateIn+b.counters.PacketRateOut, a.counters.PacketRateIn+a.counters.PacketRateOut)
		},
		"bytes": func(a, b figures) int {
			return cmp.Compare(b.counters.ByteRateIn+b.counters.ByteRateOut, a.counters.ByteRateIn+a.counters.ByteRateOut)
		},
		"name": func(figures, figures) int { return 0 },
	}
}

// printUsage writes a table of the services and their servers.
func printUsage(w io.Writer, u *control.Usage, by string, colours bool) {
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
	// Colours are added to lines that are laid out: they would count as letters.
	var table strings.Builder
	shades := []string{bold}
	tw := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "SERVICE\tWEIGHT\tACTIVE\tINACTIVE\tPERSIST\tCONN/S\tPKT/S IN\tOUT\tBYTE/S IN\tOUT\tCONNS\tPKTS IN\tOUT\tBYTES IN\tOUT")
	for i := range services {
		s := &services[i]
		line(tw, s.Name+" "+s.Scheduler, "", fmt.Sprint(active(s)), "", "", &s.Counters)
		shades = append(shades, bold)
		servers := slices.Clone(s.Servers)
		slices.SortStableFunc(servers, func(a, b control.ServerUsage) int {
			return cmp.Or(order(figures{a.Name, a.Active, &a.Counters}, figures{b.Name, b.Active, &b.Counters}), cmp.Compare(a.Name, b.Name))
		})
		for k := range servers {
			r := &servers[k]
			line(tw, "  "+r.Name, fmt.Sprint(r.Weight), fmt.Sprint(r.Active), fmt.Sprint(r.Inactive), fmt.Sprint(r.Persistent), &r.Counters)
			shades = append(shades, map[bool]string{true: magenta, false: ""}[r.Weight == 0])
		}
	}
	tw.Flush() // strings.Builder does not fail
	n := 0
	for text := range strings.Lines(table.String()) {
		if shade := shades[n]; colours && shade != "" {
			text = shade + strings.TrimSuffix(text, "\n") + plain + "\n"
		}
		io.WriteString(w, text) // as above
		n++
	}
}

func line(w io.Writer, name, weight, active, inactive, persistent string, c *control.Traffic) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", name, weight, active, inactive, persistent, c.ConnectionRate,
		thousands(c.PacketRateIn), thousands(c.PacketRateOut), octets(c.ByteRateIn), octets(c.ByteRateOut),
		c.Connections, thousands(c.PacketsIn), thousands(c.PacketsOut), octets(c.BytesIn), octets(c.BytesOut))
}

// octets writes a number of octets in a few digits, in steps of 1024, and thousands
// one of anything else, in steps of 1000.
func octets(n uint64) string    { return short(n, 1024) }
func thousands(n uint64) string { return short(n, 1000) }

func short(n uint64, step float64) string {
	unit, value := "", float64(n)
	for _, u := range []string{"K", "M", "G", "T", "P"} {
		if value < step {
			break
		}
		unit, value = u, value/step
	}
	if unit == "" {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%.1f%s", value, unit)
}
