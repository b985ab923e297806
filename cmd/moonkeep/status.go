package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/core/control"
)

func newStatusCommand() *cobra.Command {
	var runDir string
	var asJSON bool
	var format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "show what this node holds, and why",
		Long: `Prints what the running daemon holds: the role of each instance, since when and
why, how its priority is made up, which addresses the kernel has right now, the
adverts last sent and heard, and what the checks say.

Exit status 0: printed. 2: wrong use, or no daemon answers.`,
		Example: `  moonkeep status
  moonkeep status --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var s control.Status
			var text json.RawMessage
			var err error
			switch format {
			case "", "moonkeep":
				s, err = control.NewClient(runDir).Status(cmd.Context())
			case "keepalived":
				text, err = control.NewClient(runDir).Keepalived(cmd.Context())
			default:
				return fmt.Errorf("there is no format %q; there are moonkeep and keepalived", format)
			}
			if err != nil {
				return refusal(cmd.ErrOrStderr(), runDir, err)
			}
			switch {
			case text != nil:
				return printIndented(cmd.OutOrStdout(), text)
			case asJSON:
				if s.IPVS != nil {
					u, err := control.NewClient(runDir).Usage(cmd.Context())
					if s.IPVS.Services = u.Services; err != nil {
						s.IPVS.Uncounted = err.Error()
					}
				}
				return printIndented(cmd.OutOrStdout(), s)
			}
			return printStatus(cmd.OutOrStdout(), &s)
		},
	}
	cmd.Flags().StringVar(&runDir, "run-dir", daemon.DefaultRunDir, runDirHelp)
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonHelp)
	cmd.Flags().StringVar(&format, "format", "", "moonkeep, or keepalived: the JSON that keepalived writes on a signal, without passwords")
	return cmd
}

// printStatus writes the status for people.
func printStatus(w io.Writer, s *control.Status) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: moonkeep %s, pid %d, up %s, at %s\n", s.RouterID, s.Version, s.PID, age(s.Uptime), s.At.Format("15:04:05.000"))
	fmt.Fprintf(&b, "configuration %s, read %s ago\n", s.Config, age(s.At.Sub(s.Reloaded).Seconds()))
	if s.ReloadError != "" {
		fmt.Fprintf(&b, "  THE LAST RELOAD WAS REFUSED, the earlier configuration runs on: %s\n", s.ReloadError)
	}
	if s.Maintenance {
		b.WriteString("  IN MAINTENANCE: never MASTER until `moonkeep maintenance off`\n")
	}
	for i := range s.Instances {
		printInstance(&b, &s.Instances[i])
	}
	for _, g := range s.Groups {
		fmt.Fprintf(&b, "\nsync group %s: %s for %s (%s)\n", g.Name, g.Role, age(g.SinceAge), strings.Join(g.Members, ", "))
	}
	for _, x := range s.Static {
		printStatic(&b, &x)
	}
	if len(s.Scripts) > 0 {
		b.WriteString("\nchecks\n")
		tw := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
		for _, c := range s.Scripts {
			printScript(tw, &c)
		}
		tw.Flush() // strings.Builder does not fail
	}
	printWatched(&b, s)
	if len(s.Sessions) > 0 {
		b.WriteString("\nBFD sessions\n")
		for i := range s.Sessions {
			printSession(&b, &s.Sessions[i])
		}
	}
	printServices(&b, s)

	if len(s.Plugins) > 0 {
		b.WriteString("\nplugins\n")
		for i := range s.Plugins {
			fmt.Fprintf(&b, "  %s\n", pluginLine(&s.Plugins[i]))
		}
	}
	if s.Dropped > 0 {
		fmt.Fprintf(&b, "\n%d packets were dropped because the daemon was busy\n", s.Dropped)
	}
	printNotifications(&b, &s.Notifications)
	_, err := io.WriteString(w, b.String())
	return err
}

// printNotifications says what became of what was to be told, if there was
// anything.
func printNotifications(b *strings.Builder, n *control.Notifications) {
	if n.Told+n.Failed+n.Dropped+uint64(n.Waiting) == 0 && len(n.FIFOs) == 0 && n.Mail == nil {
		return
	}
	fmt.Fprintf(b, "\nnotifications\n  programs   %d run, %d failed, %d waiting, %d dropped\n", n.Told, n.Failed, n.Waiting, n.Dropped)
	for _, f := range n.FIFOs {
		fmt.Fprintf(b, "  FIFO       %s: %d lines, %d dropped\n", f.Path, f.Written, f.Dropped)
	}
	if m := n.Mail; m != nil {
		fmt.Fprintf(b, "  mail       %d sent, %d failed, %d waiting, %d dropped\n", m.Sent, m.Failed, m.Waiting, m.Dropped)
	}
}

func printInstance(b *strings.Builder, i *control.Instance) {
	fmt.Fprintf(b, "\n%s: %s for %s (%s)\n", i.Name, i.Role, age(i.SinceAge), i.Why)
	if i.Leaving {
		b.WriteString("  handing over: the addresses are kept until the new master is heard\n")
	}
	switch {
	case i.Maintenance:
		b.WriteString("  maintenance: never MASTER until `moonkeep maintenance off`\n")
	case i.Resting && i.RestEnd != nil:
		fmt.Fprintf(b, "  no preempt after a failover, for %s, or until `moonkeep failover --cancel`\n", age(*i.RestEnd))
	case i.Resting:
		b.WriteString("  no preempt after a failover, until the other node fails, or `moonkeep failover --cancel`\n")
	}
	if i.DualMaster != "" {
		fmt.Fprintf(b, "  TWO MASTERS: %s is MASTER too, for %s\n", i.DualMaster, age(*i.DualMasterAge))
	}
	if i.DualMasters > 0 {
		fmt.Fprintf(b, "  conflicts  another node was MASTER too %s, %s in all\n", times(i.DualMasters), age(i.DualMasterTime))
	}
	for _, f := range i.Faults {
		fmt.Fprintf(b, "  fault      %s\n", f)
	}
	for _, f := range i.Waiting {
		fmt.Fprintf(b, "  waits for  %s\n", f)
	}
	fmt.Fprintf(b, "  priority   %s\n", i.Arithmetic())
	state := func(held, kept bool) string {
		text := "not held"
		if held {
			text = "HELD"
		}
		if i.HeldError != "" {
			return "unknown: " + i.HeldError
		}
		switch {
		case held && kept:
			text += ", as the host's own it stays in every role"
		case held != (i.Role == "MASTER"):
			text += "  <- unexpected for " + i.Role
		}
		return text
	}
	for _, a := range i.Addresses {
		fmt.Fprintf(b, "  address    %s on %s: %s\n", a.Address, a.Device, state(a.Held, a.Kept))
	}
	for _, d := range i.Directions {
		fmt.Fprintf(b, "  %-10s %s: %s\n", d.Kind, d.Text, state(d.Held, false))
	}
	if i.Lacks != "" {
		fmt.Fprintf(b, "  lacks      %s\n", i.Lacks)
	}
	if i.Repaired > 0 {
		fmt.Fprintf(b, "  repaired   %s: somebody removed what it holds\n", times(i.Repaired))
	}
	group := ""
	if i.Group != "" {
		group = ", sync group " + i.Group
	}
	fmt.Fprintf(b, "  VRRP       version %d, VRID %d on %s from %s, every %s%s\n", i.Version, i.VRID, i.Interface, or(i.Source, "-"), age(i.AdvertInterval), group)
	switch i.Authentication {
	case "", "none":
	case "HMAC":
		fmt.Fprintf(b, "  signed     HMAC, mode %s, key %d\n", i.HMACMode, i.ActiveKey)
	default:
		fmt.Fprintf(b, "  signed     %s\n", i.Authentication)
	}
	if text := announces(i); text != "" {
		fmt.Fprintf(b, "  announces  %s\n", text)
	}
	if len(i.Peers) > 0 {
		fmt.Fprintf(b, "  peers      %s\n", strings.Join(i.Peers, ", "))
	}
	heard := "never"
	if i.HeardAge != nil {
		heard = fmt.Sprintf("%s ago from %s (priority %d)", age(*i.HeardAge), i.HeardFrom, *i.HeardPriority)
	}
	sent := "never"
	if i.SentAge != nil {
		sent = age(*i.SentAge) + " ago"
	}
	fmt.Fprintf(b, "  adverts    last sent %s, last heard %s\n", sent, heard)
	if i.MasterDownIn != nil && !i.Maintenance {
		fmt.Fprintf(b, "  take-over  in %s unless the master is heard\n", age(*i.MasterDownIn))
	}
	if n := i.Counters.OtherAddresses; n > 0 {
		fmt.Fprintf(b, "  mismatch   %d adverts were taken although they list other addresses\n", n)
	}
	if n := i.Counters.Unsigned; n > 0 {
		fmt.Fprintf(b, "  unsigned   %d adverts were taken without a signature\n", n)
	}
	for _, rule := range slices.Sorted(maps.Keys(i.Counters.Rejected)) {
		fmt.Fprintf(b, "  discarded  %d packets: %s\n", i.Counters.Rejected[rule], or(i.Counters.RejectedWhy[rule], rule))
	}
}

func printStatic(b *strings.Builder, s *control.Static) {
	state := map[bool]string{false: "not held", true: "HELD"}
	fmt.Fprintf(b, "\n%s\n", s.Name)
	if s.Failure != "" {
		fmt.Fprintf(b, "  fault      %s\n", s.Failure)
	}
	for _, a := range s.Addresses {
		fmt.Fprintf(b, "  address    %s on %s: %s\n", a.Address, a.Device, state[a.Held])
	}
	for _, d := range s.Directions {
		fmt.Fprintf(b, "  %-10s %s: %s\n", d.Kind, d.Text, state[d.Held])
	}
}

func printScript(w io.Writer, c *control.Script) {
	if !c.Used {
		fmt.Fprintf(w, "  %s\tnot run: nothing tracks it\n", c.Name)
		return
	}
	last := "no result yet"
	if c.RunAge != nil {
		last = fmt.Sprintf("%s %s ago in %s", c.Result, age(*c.RunAge), age(c.Took))
	}
	if c.Message != "" {
		last += ": " + c.Message
	}
	fmt.Fprintf(w, "  %s\t%s for %s\t%s\n", c.Name, c.State, age(c.SinceAge), last)
}

func printSession(b *strings.Builder, s *control.Session) {
	kind := ""
	if s.Multihop {
		kind = " multihop"
	}
	fmt.Fprintf(b, "  %s%s with %s: %s for %s (%s)\n", s.Name, kind, s.Neighbor, s.State, age(s.SinceAge), s.Diagnostic)
	heard := "never heard"
	if s.HeardAge != nil {
		heard = fmt.Sprintf("heard %s ago as %s", age(*s.HeardAge), s.RemoteState)
	}
	if s.Detection != nil {
		heard += ", given up after " + age(*s.Detection)
	}
	sent := "sends nothing"
	if s.Interval != nil {
		sent = "sends every " + age(*s.Interval)
	}
	fmt.Fprintf(b, "    %s; %s\n", heard, sent)
	if len(s.TrackedBy) > 0 {
		fmt.Fprintf(b, "    %s for %s\n", s.TrackedAs, some(s.TrackedBy))
	}
	if s.SendError != "" {
		fmt.Fprintf(b, "    cannot send: %s\n", s.SendError)
	}
	for _, rule := range slices.Sorted(maps.Keys(s.Rejected)) {
		fmt.Fprintf(b, "    discarded %d packets: %s\n", s.Rejected[rule], rule)
	}
}

// some lists names, the first few of many.
func some(names []string) string {
	const most = 6
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// age renders seconds for people.
func age(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// announces says when the addresses of a MASTER are announced, and nothing when nobody
// said anything of that.
func announces(i *control.Instance) string {
	if i.Announcing == nil {
		return ""
	}
	g := *i.Announcing
	if !slices.ContainsFunc(i.Addresses, four) {
		g.Interval = 0 // it is between gratuitous ARPs
	}
	if g == (control.Announcing{Repeat: 5, Delay: 5, RefreshRepeat: 1, LowerPrioRepeat: 5, LowerPrioDelay: 5}) {
		return ""
	}
	bursts := func(repeat int, delay float64) string {
		text := times(uint64(repeat))
		if delay > 0 {
			text += fmt.Sprintf(", and %s after %s", text, age(delay))
		}
		return text
	}
	text := "each address " + bursts(g.Repeat, g.Delay)
	if g.Refresh > 0 {
		text += fmt.Sprintf(", then %s every %s", times(uint64(g.RefreshRepeat)), age(g.Refresh))
	}
	if g.Interval > 0 {
		text += fmt.Sprintf(", %s apart", age(g.Interval))
	}
	switch {
	case g.LowerPrioRepeat == 0:
		text += "; after an advert of lower priority not at all"
	case g.LowerPrioRepeat != g.Repeat || g.LowerPrioDelay != g.Delay:
		text += "; after an advert of lower priority " + bursts(g.LowerPrioRepeat, g.LowerPrioDelay)
	}
	if g.Preset != "" {
		text += " (garp preset " + g.Preset + ")"
	}
	return text
}

// four reports whether an address is one of IPv4.
func four(a control.Address) bool {
	p, err := netip.ParsePrefix(a.Address)
	return err == nil && p.Addr().Is4()
}
