package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/plugins/checker"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
	"github.com/moonkeep/moonkeep/plugins/standard"
)

type probeOptions struct {
	flags   pluginFlags
	options []string
	json    bool
}

func newProbeCommand() *cobra.Command {
	var o probeOptions
	cmd := &cobra.Command{
		Use:   "probe CHECK [HOST:PORT]",
		Short: "run one check once, and show what was sent and received",
		Long: `Runs one check of a real server once, in a process without privileges, as the
daemon would. Prints the verdict, what was sent and received, and how long each
step took.

CHECK is one of ` + strings.Join(standard.Names(), ", ") + `;
or a checker from the plugin directory, from the configuration given by --config,
or at a path. The options are those of the check in a configuration; plugin info
lists them. Those of a url block are given directly, for a check of one URL. A
list is given one item at a time; the program of a MISC_CHECK may be one text with its
arguments, as in a configuration.

A host name is resolved once. HTTP_GET and SSL_GET use it as the virtualhost
unless that option is given, and SSL_GET sends it as the server name (SNI).

Exit status 0: the check succeeded. 1: it failed. 2: wrong use, or the verdict
is unknown.`,
		Example: `  moonkeep probe TCP_CHECK 192.0.2.1:22
  moonkeep probe HTTP_GET 192.0.2.1:80 --option path=/healthz --option regex=ok
  moonkeep probe SSL_GET www.example.org:443 --option path=/ --option headers='X-A: 1' --option headers='X-B: 2'
  moonkeep probe DNS_CHECK 192.0.2.1:53 --option type=A --option name=www.example.org
  moonkeep probe MISC_CHECK --option misc_path=/usr/local/bin/check --option user=www-data
  moonkeep probe ./redis-role 192.0.2.1:6379 --option role=master`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			host := ""
			if len(args) > 1 {
				host = args[1]
			}
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), args[0], host)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return standard.Names(), cobra.ShellCompDirectiveDefault
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.options, "option", "o", nil, "an option of the check, `NAME=VALUE`; also connect_timeout, bindto, bind_port, bind_if, fwmark and net_namespace")
	f.BoolVar(&o.json, "json", false, jsonHelp)
	o.flags.add(cmd)
	return cmd
}

// probeTimeout is connect_timeout when none is given, and probeMargin what the
// whole probe of a checker of moonkeep's own may take beyond it: each of its steps
// has connect_timeout.
const (
	probeTimeout = 5 * time.Second
	probeMargin  = 30 * time.Second
)

func (o *probeOptions) run(ctx context.Context, stdout, stderr io.Writer, name, host string) error {
	plugin, err := o.flags.find(name)
	if err != nil {
		return err
	}
	check := pluginhost.Subject{Kind: plugin.Name, Identity: "probe", Label: plugin.Name, Target: checker.Target{Timeout: probeTimeout}}
	rest, err := targetOptions(&check, o.options)
	if err != nil {
		return err
	}
	if host != "" {
		if check.Target.Address, err = resolve(ctx, host); err != nil {
			return err
		}
	}
	var info checker.Info
	var r checker.Result
	err = byHand(ctx, stderr, func(ctx context.Context, h *pluginhost.Host) error {
		if plugin.Path == "" {
			info = standard.New(plugin.Name).Info()
		} else if info, err = h.Describe(ctx, plugin); err != nil {
			return err
		}
		if check.Options, err = checkOptionsOf(info, rest, host); err != nil {
			return err
		}
		if plugin.Path == "" {
			if err := daemon.FinishCheck(&check, host); err != nil {
				return err
			}
		}
		if check.Limit = check.Target.Timeout; plugin.Path == "" {
			check.Limit += probeMargin
		}
		check.Patience = check.Limit + daemon.AnswerSlack
		r, err = h.Probe(ctx, pluginhost.Check{Subject: &check}, plugin)
		return err
	})
	if err != nil {
		return err
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

// pluginFlags are those by which a plugin is started by hand.
type pluginFlags struct {
	file, user, sha256, dir string
	processes               int
}

func (f *pluginFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.file, "config", "c", "", "take plugins, and how they run, from this configuration `FILE`")
	cmd.Flags().StringVar(&f.user, "user", "", "run a third-party checker as this `USER` (default: nobody)")
	cmd.Flags().StringVar(&f.sha256, "sha256", "", "the SHA-256 `SUM` its file must have")
	cmd.Flags().IntVar(&f.processes, "processes", 0, "allow it to start `N` processes")
	cmd.Flags().StringVar(&f.dir, "directory", "", "look for named checkers in this `DIR` (default: plugin_directory of the configuration, or "+daemon.DefaultPluginDirectory+")")
}

// find finds a plugin by its name or its path.
func (f *pluginFlags) find(name string) (pluginhost.Plugin, error) {
	c := &config.Config{}
	if f.file != "" {
		var found config.Findings
		var err error
		if c, found, err = daemon.OpenConfig(f.file, ""); err != nil {
			return pluginhost.Plugin{}, err
		}
		if found.Errors() {
			return pluginhost.Plugin{}, fmt.Errorf("%s has errors; `moonkeep check %s` shows them", f.file, f.file)
		}
	}
	p, err := daemon.FindPlugin(c, f.dir, name)
	if f.user != "" {
		p.User, p.Group = f.user, ""
	}
	if f.sha256 != "" {
		p.SHA256 = f.sha256
	}
	if f.processes > 0 {
		p.Processes = f.processes
	}
	return p, err
}

// checkOptionsOf are the options of a check as an object of JSON, from a list
// of NAME=VALUE.
func checkOptionsOf(info checker.Info, given []string, host string) (json.RawMessage, error) {
	options, err := optionTree(info, given)
	if err != nil {
		return nil, err
	}
	if host != "" {
		nameHost(info, options, host)
	}
	raw, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("write the options: %w", err)
	}
	return raw, nil
}
