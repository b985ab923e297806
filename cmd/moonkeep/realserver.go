package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/kernel/realserver"
)

// realserverFile is where in the run directory it is written what was changed.
const realserverFile = "realserver.json"

func newRealserverCommand() *cobra.Command {
	var runDir, configID string
	var all bool
	cmd := &cobra.Command{
		Use:   "realserver up|down|check FILE",
		Short: "set this host up as a real server of the services in FILE",
		Long: `Sets up this host as a real server of the director that runs FILE, for services
that use DR or TUN. A real server of these needs the virtual addresses itself,
but must not answer ARP for them.

up sets arp_ignore and arp_announce (and rp_filter for tunnels), and then adds
the addresses to lo (DR) or to tunl0 and ip6tnl0 (TUN). It prints what it
changes, changes nothing twice, and removes what FILE no longer asks for. down
undoes what up changed, and nothing else; it needs no FILE. check prints what is
missing. What comes by GUE or GRE, or by IPv4 within IPv6 and the other way round,
is set up by hand: up changes nothing before the address stands, and says what takes
the packets. A firewall mark tells no addresses: up and check name it, and those that
the director marks are added by hand.

Only services count that have an address of this host among their real servers or
as their sorry server; --all takes every service that uses DR or TUN.

Exit status 0: done, or nothing is missing. 1: something is missing, or FILE has
errors. 2: wrong use, or it could not be done.`,
		Example: `  moonkeep realserver check keepalived.conf
  moonkeep realserver up keepalived.conf
  moonkeep realserver down`,
		Args:      cobra.RangeArgs(1, 2),
		ValidArgs: []string{"up", "down", "check"},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if !slices.Contains(cmd.ValidArgs, args[0]) || len(args) < 2 && args[0] != "down" {
				return fmt.Errorf("say %s, and which file", strings.Join(cmd.ValidArgs, ", "))
			}
			h, err := realserver.Open(filepath.Join(runDir, realserverFile))
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, h.Close()) }()
			tell := func(text string) { fmt.Fprintln(cmd.OutOrStdout(), text) }
			if args[0] == "down" {
				return h.Down(tell)
			}
			c, found, err := load.FileAs(args[1], givenConfigID(configID))
			if err != nil {
				return err
			}
			if found.Errors() {
				fmt.Fprintf(cmd.ErrOrStderr(), "moonkeep: %s has errors; `moonkeep check` shows them\n", args[1])
				return exitNo
			}
			own, err := h.Own()
			if err != nil {
				return err
			}
			p, marks := serverPlan(c, own, all)
			for _, text := range marks {
				fmt.Fprintf(cmd.ErrOrStderr(), "moonkeep: %s\n", text)
			}
			if len(p.Direct)+len(p.Tunnelled)+len(p.Others)+len(marks) == 0 {
				return fmt.Errorf("no service of %s reaches this host by DR or TUN: none of its real servers has an address of this host (--all takes all services)", args[1])
			}
			if args[0] == "up" {
				return h.Up(p, tell)
			}
			return printMissing(cmd.OutOrStdout(), h, p)
		},
	}
	cmd.Flags().StringVar(&runDir, "run-dir", daemon.DefaultRunDir, runDirOwnHelp)
	cmd.Flags().BoolVar(&all, "all", false, "take every service that uses DR or TUN, whatever the addresses of this host")
	cmd.Flags().StringVarP(&configID, "config-id", "i", "", configIDHelp)
	return cmd
}

func printMissing(w io.Writer, h *realserver.Host, p realserver.Plan) error {
	missing, err := h.Missing(p)
	if err != nil {
		return err
	}
	for _, line := range missing {
		fmt.Fprintln(w, line)
	}
	if len(missing) > 0 {
		return exitNo
	}
	return nil
}

// serverPlan says what a host with these addresses needs as a real server, and of
// which firewall marks it is not known.
func serverPlan(c *config.Config, own []netip.Addr, all bool) (p realserver.Plan, marks []string) {
	for _, l := range build.Layouts(c) {
		for _, s := range l.Reached() {
			if !all && !slices.Contains(own, s.Address.Addr()) {
				continue
			}
			for _, k := range l.Keys {
				if k.Fwmark != 0 {
					switch s.Forward {
					case balance.Direct:
						marks = append(marks, k.String()+" comes by DR, and a mark tells no address: add those that the director marks to lo by hand, with arp_ignore 1 and arp_announce 2")
					case balance.Tunnel:
						marks = append(marks, k.String()+" comes by TUN, and a mark tells no address: add those that the director marks to the interface of the tunnel by hand")
					}
					continue
				}
				switch s.Forward {
				case balance.Direct:
					p.Direct = append(p.Direct, k.Address.Addr())
				case balance.Tunnel:
					if needs := otherTunnel(s, k.Address.Addr()); needs != "" {
						p.Others = append(p.Others, realserver.Other{Address: k.Address.Addr(), Needs: needs})
						continue
					}
					p.Tunnelled = append(p.Tunnelled, k.Address.Addr())
				}
			}
		}
	}
	unique := func(list []netip.Addr) []netip.Addr {
		slices.SortFunc(list, netip.Addr.Compare)
		return slices.Compact(list)
	}
	p.Direct, p.Tunnelled = unique(p.Direct), unique(p.Tunnelled)
	slices.SortFunc(p.Others, func(a, b realserver.Other) int {
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Needs, b.Needs))
	})
	p.Others = slices.Compact(p.Others)
	slices.Sort(marks)
	return p, slices.Compact(marks)
}

// otherTunnel says what takes the packets of a service that come to a server by
// another tunnel than IP in IP of one family; "" for that one.
func otherTunnel(s balance.Destination, service netip.Addr) string {
	family := func(a netip.Addr) string {
		if a.Is4() {
			return "IPv4"
		}
		return "IPv6"
	}
	inner, outer := family(service), family(s.Address.Addr())
	within := fmt.Sprintf("its packets come as %s within %s", inner, outer)
	switch {
	case s.Tunnel == balance.GUE:
		return fmt.Sprintf("%s by GUE to UDP port %d; set up a receiver (ip fou add port %d gue, with -6 for IPv6), the tunnel that takes what it delivers, and the address on that", within, s.TunnelPort, s.TunnelPort)
	case s.Tunnel == balance.GRE:
		return within + " by GRE; set up a tunnel (ip link add NAME type gre, or ip6gre for IPv6) with the address"
	case inner != outer && outer == "IPv6":
		return within + "; set up a tunnel (ip link add NAME type ip6tnl mode ipip6) with the address"
	case inner != outer:
		return within + "; set up a tunnel (ip link add NAME type sit) with the address"
	}
	return ""
}
