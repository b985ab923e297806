package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/doctor"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// network is what is known of the virtual routers on one interface.
type network struct {
	Interface string `json:"interface"`
	// Speakers are the masters that were heard; Here the instances of the daemon on this
	// host that are in this network namespace, whose adverts do not come in.
	Speakers []doctor.Speaker `json:"speakers"`
	Here     []ownRouter      `json:"here"`
	// Deaf says why something on the interface could not be listened to.
	Deaf []string `json:"not_listened_to,omitempty"`
	// Free are the virtual router ids that neither uses, by family.
	Free4 []doctor.Range `json:"free_ipv4"`
	Free6 []doctor.Range `json:"free_ipv6"`
}

// ownRouter is an instance of the daemon on this host, in this network namespace.
type ownRouter struct {
	Name string `json:"instance"`
	VRID int    `json:"virtual_router_id"`
	Six  bool   `json:"ipv6"`
	Role string `json:"role"`
}

func newVRIDsCommand() *cobra.Command {
	var listen time.Duration
	var asJSON bool
	var runDir string
	cmd := &cobra.Command{
		Use:   "vrids [INTERFACE]...",
		Short: "list the virtual routers on a network, and free numbers",
		Long: `Listens on each INTERFACE, or on all that are up and have multicast, and lists the
masters that are heard, with address, version, virtual_router_id, priority, interval
and virtual addresses; then the instances of the daemon on this host, if it runs;
then the virtual_router_ids that none of them uses. All this is of the network
namespace that it is run in, as by ip netns exec, wherever the daemon runs.

Only masters speak, and only what comes to this host is heard: not a virtual router
without a master, and no unicast between others. What this host itself sends does
not come in; of another program's virtual routers on it nothing is known. An interval
of more than the time to listen may be missed: version 3 has up to 40.95 s.

It joins the multicast groups of VRRP, and sends nothing else. As root.

Exit status 0: done, whatever was heard. 2: wrong use, or nothing could be
listened to.`,
		Example: `  moonkeep vrids
  moonkeep vrids eth0 --listen 45s --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return vrids(cmd.Context(), args, listen, runDir, asJSON, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().DurationVar(&listen, "listen", 4*time.Second, "how long to listen for adverts")
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonHelp)
	cmd.Flags().StringVar(&runDir, "run-dir", daemon.DefaultRunDir, runDirHelp)
	return cmd
}

func vrids(ctx context.Context, names []string, long time.Duration, runDir string, asJSON bool, stdout, stderr io.Writer) error {
	s, err := control.NewClient(runDir).Status(ctx)
	switch {
	case errors.Is(err, control.ErrNotRunning):
	case err != nil:
		fmt.Fprintf(stderr, "moonkeep: the daemon's own virtual routers are not known: %v\n", err)
	}
	instances := present(&s, stderr)
	var own []string
	for i := range instances {
		own = append(own, instances[i].Interface)
	}
	below, err := doctor.Below(own)
	if err != nil {
		return err
	}
	all, err := doctor.Networks()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(name string) bool { return below[name] != "" })
	if len(all) == 0 {
		return errors.New("there is nothing to listen on: no interface but the loopback is up, with carrier and multicast")
	}
	for _, name := range names {
		if !slices.Contains(all, name) {
			return fmt.Errorf("%s: is not there, is down, has no multicast, or is a virtual router's own; those to listen on are: %s", name, strings.Join(all, ", "))
		}
	}
	if len(names) == 0 {
		names = all
	}
	heard, deaf, err := doctor.Speakers(names, long)
	if err != nil {
		return err
	}
	list := networks(names, below, heard, instances)
	for i := range list {
		list[i].Deaf = deaf[list[i].Interface]
	}
	if asJSON {
		return printIndented(stdout, list)
	}
	return printVRIDs(stdout, list)
}

// present returns the instances of the daemon that are in this network namespace, with the
// names that their interfaces have in it. Where it is not known of some whether they are,
// stderr is told. Those beside the daemon are taken to be, for a number that is listed as
// free in error does the greater harm.
func present(s *control.Status, stderr io.Writer) (list []control.Instance) {
	known := map[string]bool{} // whether a namespace is this one
	for i := range s.Instances {
		in := s.Instances[i]
		space, name := netspec.Split(in.Interface)
		is, seen := known[space]
		if !seen {
			what, counted, path := "net_namespace "+space, "not counted", space
			if space == "" {
				what, counted, path = "the daemon's network namespace", "counted", fmt.Sprintf("/proc/%d/ns/net", s.PID)
			}
			var err error
			if is, err = inside(path); err != nil {
				fmt.Fprintf(stderr, "moonkeep: the instances in %s are %s: whether it is this one is not known: %v\n", what, counted, err)
				is = space == ""
			}
			known[space] = is
		}
		if is {
			in.Interface = name
			list = append(list, in)
		}
	}
	return list
}

// inside reports whether a network namespace is the one of this process.
func inside(name string) (bool, error) {
	there, err := netns.Open(name)
	if err != nil {
		return false, err
	}
	defer there.Close()
	here, err := netns.Current()
	if err != nil {
		return false, err
	}
	defer here.Close()
	return here.Same(there), nil
}

// networks sorts what was heard, and what runs here, by interface; below names the
// interface below those of virtual routers' own.
func networks(names []string, below map[string]string, heard []doctor.Speaker, own []control.Instance) []network {
	list := make([]network, 0, len(names))
	for _, name := range names {
		n := network{Interface: name, Speakers: []doctor.Speaker{}, Here: []ownRouter{}}
		var taken [2][]int
		take := func(six bool, vrid int) {
			at := 0
			if six {
				at = 1
			}
			taken[at] = append(taken[at], vrid)
		}
		for _, x := range heard {
			if x.Interface == name {
				n.Speakers = append(n.Speakers, x)
				take(x.Address.Is6(), x.VRID)
			}
		}
		for i := range own {
			if x := &own[i]; or(below[x.Interface], x.Interface) == name {
				six := sixth(x)
				n.Here = append(n.Here, ownRouter{x.Name, x.VRID, six, x.Role})
				take(six, x.VRID)
			}
		}
		n.Free4, n.Free6 = doctor.Free(taken[0]), doctor.Free(taken[1])
		list = append(list, n)
	}
	return list
}

// sixth reports whether an instance is one of IPv6.
func sixth(i *control.Instance) bool {
	if a, err := netip.ParseAddr(i.Source); err == nil {
		return a.Is6()
	}
	if len(i.Addresses) == 0 {
		return false
	}
	p, err := netip.ParsePrefix(i.Addresses[0].Address)
	return err == nil && p.Addr().Is6()
}

func printVRIDs(w io.Writer, list []network) error {
	var b strings.Builder
	for i, n := range list {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(n.Interface + "\n")
		tw := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
		if len(n.Speakers) > 0 {
			fmt.Fprintln(tw, "  VRID\tMASTER\tVERSION\tPRIORITY\tEVERY\tHEARD\tADDRESSES")
		} else {
			b.WriteString("  nobody was heard\n")
		}
		for _, x := range n.Speakers {
			var addresses []string
			for _, a := range x.Addresses {
				addresses = append(addresses, a.String())
			}
			fmt.Fprintf(tw, "  %d\t%v\t%d\t%d\t%s\t%d\t%s\n", x.VRID, x.Address, x.Version, x.Priority, age(x.Interval), x.Adverts, or(strings.Join(addresses, " "), "-"))
		}
		_ = tw.Flush() // into memory
		for _, x := range n.Here {
			fmt.Fprintf(&b, "  here: %d (%s), instance %s, %s\n", x.VRID, familyName(x.Six), x.Name, x.Role)
			for _, s := range n.Speakers {
				if s.VRID == x.VRID && s.Address.Is6() == x.Six && x.Role == "MASTER" {
					fmt.Fprintf(&b, "    CLASH: %v speaks for it, too\n", s.Address)
				}
			}
		}
		for _, why := range n.Deaf {
			fmt.Fprintf(&b, "  not listened to: %s\n", why)
		}
		fmt.Fprintf(&b, "  free: IPv4 %s, IPv6 %s\n", ranges(n.Free4), ranges(n.Free6))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func familyName(six bool) string {
	if six {
		return "IPv6"
	}
	return "IPv4"
}

// ranges lists numbers for people.
func ranges(list []doctor.Range) string {
	var all []string
	for _, r := range list {
		text := fmt.Sprint(r.From)
		if r.To > r.From {
			text += fmt.Sprintf("-%d", r.To)
		}
		all = append(all, text)
	}
	return or(strings.Join(all, " "), "none")
}
