package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/standard"
)

// exitUnknown is a probe that could not find out.
const exitUnknown exitError = 2

type probeOptions struct {
	options []string
	json    bool
}

func newProbeCommand() *cobra.Command {
	var o probeOptions
	cmd := &cobra.Command{
		Use:   "probe CHECK [HOST:PORT]",
		Short: "run one check once, and show what was sent and received",
		Long: `Runs one check of a real server once, as the daemon would, and shows its
verdict, what was sent and received, and how long each step took.

CHECK is one of ` + strings.Join(standard.Names(), ", ") + `.
Options are those of the check in a configuration; those of a url may be given
without it, for a check of one URL. A list is given item by item:

  moonkeep probe TCP_CHECK 192.0.2.1:22
  moonkeep probe HTTP_GET 192.0.2.1:80 --option path=/healthz --option regex=ok
  moonkeep probe SSL_GET www.example.org:443 --option path=/ --option headers='X-A: 1' --option headers='X-B: 2'
  moonkeep probe DNS_CHECK 192.0.2.1:53 --option type=A --option name=www.example.org
  moonkeep probe MISC_CHECK --option misc_path=/usr/local/bin/check

A name of a host is looked up once; HTTP_GET and SSL_GET ask for it as their
virtualhost unless that is given, and SSL_GET tells it to the server.

It exits with 0 when the check is ok, 1 when it failed, and 2 when it could not
find out.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			host := ""
			if len(args) > 1 {
				host = args[1]
			}
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), args[0], host)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return standard.Names(), cobra.ShellCompDirectiveNoFileComp
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.options, "option", "o", nil, "an option of the check, as NAME=VALUE; connect_timeout, bindto, bind_port, bind_if and fwmark too")
	f.BoolVar(&o.json, "json", false, "print the result as JSON")
	return cmd
}

// probeTimeout is connect_timeout when none is given, and probeMargin what the
// whole probe may take beyond what its steps may.
const (
	probeTimeout = 5 * time.Second
	probeMargin  = 30 * time.Second
)

func (o *probeOptions) run(ctx context.Context, stdout, stderr io.Writer, name, host string) error {
	c := standard.New(name)
	if c == nil {
		if c = standard.New(strings.ToUpper(name)); c == nil {
			return fmt.Errorf("there is no check %q; there are %s", name, strings.Join(standard.Names(), ", "))
		}
	}
	info := c.Info()
	target := checker.Target{Timeout: probeTimeout}
	rest, err := targetOptions(&target, o.options)
	if err != nil {
		return err
	}
	options, err := optionTree(info, rest)
	if err != nil {
		return err
	}
	if host != "" {
		if target.Address, err = resolve(ctx, host); err != nil {
			return err
		}
		switch info.Name {
		case "TCP_CHECK", "HTTP_GET", "SSL_GET":
			if target.Address.Port() == 0 {
				return fmt.Errorf("%s needs a port: give HOST:PORT", info.Name)
			}
		}
		nameHost(info, options, host)
	} else if info.Name != "MISC_CHECK" {
		return fmt.Errorf("%s needs a HOST:PORT", info.Name)
	}
	raw, err := json.Marshal(options)
	if err != nil {
		return fmt.Errorf("write the options: %w", err)
	}
	given, err := checker.NewOptions(raw)
	if err != nil {
		return err
	}
	p, err := c.Prepare(target, given)
	if err != nil {
		return fmt.Errorf("%s: %w", info.Name, err)
	}
	if closer, ok := c.(interface{ Close(context.Context) error }); ok {
		defer func() {
			end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			// What would not end is told in the verdict already.
			_ = closer.Close(end)
		}()
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	ctx, cancel := context.WithTimeout(checker.WithLog(ctx, log, true), target.Timeout+probeMargin)
	defer cancel()
	r := p.Probe(ctx)
	if closer, ok := p.(interface{ Close() }); ok {
		closer.Close()
	}
	print := printProbe
	if o.json {
		print = printProbeJSON
	}
	if err := print(stdout, info.Name, host, r); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	switch r.Verdict {
	case checker.OK:
		return nil
	case checker.Failed:
		return exitNo
	}
	return exitUnknown
}

// targetOptions takes what is about the connection from a list of NAME=VALUE.
func targetOptions(t *checker.Target, options []string) (rest []string, err error) {
	for _, o := range options {
		name, value, ok := strings.Cut(o, "=")
		if !ok {
			return nil, fmt.Errorf("--option %q: write NAME=VALUE", o)
		}
		switch name {
		case "connect_timeout":
			var d checker.Duration
			err = json.Unmarshal([]byte(value), &d)
			if err != nil {
				err = json.Unmarshal([]byte(strconv.Quote(value)), &d)
			}
			if t.Timeout = time.Duration(d); err == nil && d <= 0 {
				err = fmt.Errorf("it must be above zero")
			}
		case "bindto":
			t.BindTo, err = netip.ParseAddr(value)
		case "bind_port":
			var n uint64
			n, err = strconv.ParseUint(value, 10, 16)
			t.BindPort = uint16(n)
		case "bind_if":
			t.BindIf = value
		case "fwmark":
			var n uint64
			n, err = strconv.ParseUint(value, 0, 32)
			t.Fwmark = uint32(n)
		default:
			rest = append(rest, o)
		}
		if err != nil {
			return nil, fmt.Errorf("--option %s: %w", o, err)
		}
	}
	return rest, nil
}

// optionTree makes the object of options that a checker takes. A name that
// only stands in a block of the checker's is that of its first block.
func optionTree(info checker.Info, options []string) (map[string]any, error) {
	tree := map[string]any{}
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		option, block := findOption(info, name)
		if option == nil {
			return nil, fmt.Errorf("--option %s: %s has no option %q; it has %s", o, info.Name, name, strings.Join(optionNames(info), ", "))
		}
		into := tree
		if block != "" {
			list, _ := tree[block].([]any)
			if list == nil {
				list = []any{map[string]any{}}
				tree[block] = list
			}
			first, ok := list[0].(map[string]any)
			if !ok {
				return nil, fmt.Errorf("--option %s: %s is given as a whole already", o, block)
			}
			into = first
		}
		key := name[strings.LastIndexByte(name, '.')+1:]
		v, err := optionValue(option, value)
		if err != nil {
			return nil, fmt.Errorf("--option %s: %w", o, err)
		}
		if option.Type == "list" {
			before, _ := into[key].([]any)
			into[key] = append(before, v)
			continue
		}
		if _, twice := into[key]; twice {
			return nil, fmt.Errorf("--option %s: it is given twice", o)
		}
		into[key] = v
	}
	return tree, nil
}

// findOption finds an option by its name, or by that which it has in a block.
func findOption(info checker.Info, name string) (option *checker.Option, block string) {
	for _, full := range []bool{true, false} {
		for i := range info.Options {
			o := &info.Options[i]
			in, last, nested := strings.Cut(o.Name, ".")
			if !nested {
				in, last = "", o.Name
			}
			if full && o.Name == name || !full && nested && last == name {
				return o, in
			}
		}
	}
	return nil, ""
}

func optionNames(info checker.Info) []string {
	names := []string{"connect_timeout", "bindto", "bind_port", "bind_if", "fwmark"}
	for _, o := range info.Options {
		last := o.Name[strings.LastIndexByte(o.Name, '.')+1:]
		if !slices.Contains(names, last) {
			names = append(names, last)
		}
	}
	return names
}

// optionValue is a value in the type of its option.
func optionValue(o *checker.Option, value string) (any, error) {
	switch o.Type {
	case "bool":
		switch value {
		case "true", "yes", "on":
			return true, nil
		case "false", "no", "off":
			return false, nil
		}
		return nil, fmt.Errorf("write true or false")
	case "int":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("it must be a number")
		}
		return n, nil
	case "block":
		var v []any
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			return nil, fmt.Errorf("it must be a list of objects in JSON: %w", err)
		}
		return v, nil
	}
	return value, nil
}

// resolve looks a HOST:PORT up. The port may be missing, for what has none.
func resolve(ctx context.Context, hostport string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		host, port = strings.Trim(hostport, "[]"), "0"
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%s: %q is no port", hostport, port)
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("look up %s: %w", host, err)
		}
		addr = found[0].Unmap()
	}
	return netip.AddrPortFrom(addr, uint16(n)), nil
}

// nameHost asks for a host by its name when it was given by its name.
func nameHost(info checker.Info, options map[string]any, hostport string) {
	if info.Name != "HTTP_GET" && info.Name != "SSL_GET" {
		return
	}
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	if _, err := netip.ParseAddr(host); err == nil || options["virtualhost"] != nil {
		return
	}
	options["virtualhost"] = host
	if info.Name == "SSL_GET" && options["enable_sni"] == nil {
		options["enable_sni"] = true
	}
}

func printProbe(w io.Writer, name, host string, r checker.Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", strings.TrimSpace(name+" "+host), r.Verdict)
	if r.Message != "" {
		b.WriteString(": " + r.Message)
	}
	if r.Weight != nil {
		fmt.Fprintf(&b, ", weight %d", *r.Weight)
	}
	fmt.Fprintf(&b, " (%s)\n", r.Latency.Round(time.Microsecond))
	for _, d := range r.Details {
		for i, line := range strings.Split(strings.TrimRight(strings.ReplaceAll(d.Text, "\r\n", "\n"), "\n"), "\n") {
			label := d.Name
			if i > 0 {
				label = ""
			}
			fmt.Fprintf(&b, "  %-14s %s\n", label, line)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// probeJSON is the stable shape of a probe's result.
type probeJSON struct {
	Check   string       `json:"check"`
	Host    string       `json:"host,omitempty"`
	Verdict string       `json:"verdict"`
	Message string       `json:"message"`
	Micros  int64        `json:"latency_us"`
	Weight  *int         `json:"weight,omitempty"`
	Details []detailJSON `json:"details"`
}

type detailJSON struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

func printProbeJSON(w io.Writer, name, host string, r checker.Result) error {
	out := probeJSON{name, host, r.Verdict.String(), r.Message, r.Latency.Microseconds(), r.Weight, []detailJSON{}}
	for _, d := range r.Details {
		out.Details = append(out.Details, detailJSON(d))
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
