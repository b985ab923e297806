package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/plugins/checker"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
	"github.com/moonkeep/moonkeep/plugins/standard"
)

func newPluginCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plugin",
		Short: "list, describe and test checkers",
		Long: `Checkers make the checks of real servers, each kind in a process of its own.
moonkeep's own are part of this program; third-party ones are programs in the
plugin_directory, or named by plugins in the configuration. plugins/README.md
explains how to write one.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(newPluginListCommand(), newPluginInfoCommand(), newPluginTestCommand())
	return cmd
}

// listed is a plugin as `plugin list` shows it.
type listed struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	// Path is empty for moonkeep's own.
	Path string `json:"path,omitempty"`
	Doc  string `json:"doc,omitempty"`
	// Problem is why it would not be started; empty when nothing speaks
	// against it.
	Problem string `json:"problem,omitempty"`
}

func newPluginListCommand() *cobra.Command {
	var file, dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the available checkers, and whether they can be started",
		Long: `Lists moonkeep's own checkers, those of the configuration if one is given, and
the files of the plugin directory. Nothing is started: the last column says
whether the file is executable and can be changed by root only.

Exit status 0: all can be started. 1: one cannot. 2: wrong use.`,
		Example: `  moonkeep plugin list
  moonkeep plugin list --config moonkeep.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := listPlugins(file, dir)
			if err != nil {
				return err
			}
			if err := printPlugins(cmd.OutOrStdout(), list, asJSON); err != nil {
				return err
			}
			if slices.ContainsFunc(list, func(l listed) bool { return l.Problem != "" }) {
				return exitNo
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "also list the plugins of this configuration `FILE`")
	cmd.Flags().StringVar(&dir, "directory", "", "the plugin directory (default: that of the configuration, or "+daemon.DefaultPluginDirectory+")")
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonHelp)
	return cmd
}

// listPlugins is all of them; without a file, those of moonkeep and of the
// directory.
func listPlugins(file, dir string) ([]listed, error) {
	var list []listed
	for _, name := range standard.Names() {
		info := standard.New(name).Info()
		list = append(list, listed{Name: name, Version: info.Version, Doc: info.Doc})
	}
	c := &config.Config{}
	if file != "" {
		var found config.Findings
		var err error
		if c, found, err = daemon.OpenConfig(file, ""); err != nil {
			return nil, err
		}
		if found.Errors() {
			return nil, fmt.Errorf("%s has errors; `moonkeep check %s` shows them", file, file)
		}
	}
	others, used, err := daemon.Plugins(c, dir)
	if err != nil {
		return nil, err
	}
	for i, p := range others {
		l := listed{Name: p.Name, Path: p.Path}
		if err := pluginhost.Verify(p); err != nil {
			l.Problem = err.Error()
		} else if i >= used && standard.New(p.Name) != nil {
			l.Problem = "is not used by this name: moonkeep has a checker of its own that is called so; give it another name, or its path in plugins"
		}
		list = append(list, l)
	}
	return list, nil
}

func printPlugins(w io.Writer, list []listed, asJSON bool) error {
	if asJSON {
		return printIndented(w, list)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tFILE\tSTATE")
	for _, l := range list {
		path, state := l.Path, "ok"
		if path == "" {
			path = "moonkeep"
		}
		if l.Problem != "" { // which begins with what the other columns say
			state = strings.TrimPrefix(strings.TrimPrefix(l.Problem, "plugin "+l.Name+": "), "program "+l.Path+" ")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", l.Name, path, state)
	}
	return t.Flush()
}

// byHand runs f with a host of its own. Lines that plugins log go to stderr.
func byHand(ctx context.Context, stderr io.Writer, f func(context.Context, *pluginhost.Host) error) (err error) {
	// Who interrupts it leaves nothing behind.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "moonkeep-plugin-")
	if err != nil {
		return fmt.Errorf("make a directory for sockets: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	h, err := pluginhost.New(pluginhost.Options{Dir: filepath.Join(dir, "plugins"), Log: log, Shown: true, Farewell: 2 * endLimit})
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err = errors.Join(err, h.Close(end))
	}()
	return f(ctx, h)
}

func newPluginInfoCommand() *cobra.Command {
	var flags pluginFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info NAME|PATH",
		Short: "describe a checker and its options",
		Long: `Describes one of moonkeep's own checkers, one from the plugin directory, or one
at a PATH. A third-party checker is started for this, as the daemon would start
it, and describes itself.`,
		Example: `  moonkeep plugin info HTTP_GET
  moonkeep plugin info /usr/lib/moonkeep/plugins/redis-role`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := flags.find(args[0])
			if err != nil {
				return err
			}
			if p.Path == "" {
				return printInfo(cmd.OutOrStdout(), standard.New(p.Name).Info(), asJSON)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 20*time.Second)
			defer cancel()
			return byHand(ctx, cmd.ErrOrStderr(), func(ctx context.Context, h *pluginhost.Host) error {
				info, err := h.Describe(ctx, p)
				if err != nil {
					return err
				}
				return printInfo(cmd.OutOrStdout(), info, asJSON)
			})
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return standard.Names(), cobra.ShellCompDirectiveDefault
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonHelp)
	return cmd
}

// printInfoJSON shows it for programs, in the words of plugins/README.md.
func printInfoJSON(w io.Writer, info checker.Info) error {
	type option struct {
		Name     string `json:"name"`
		Type     string `json:"type"`
		Unit     string `json:"unit,omitempty"`
		Default  string `json:"default,omitempty"`
		Doc      string `json:"doc"`
		Required bool   `json:"required,omitempty"`
		Secret   bool   `json:"secret,omitempty"`
	}
	options := make([]option, len(info.Options))
	for i, o := range info.Options {
		options[i] = option(o)
	}
	return printIndented(w, struct {
		Name    string   `json:"name"`
		Version string   `json:"version"`
		Doc     string   `json:"doc"`
		Needs   []string `json:"needs,omitempty"`
		Options []option `json:"options"`
	}{info.Name, info.Version, info.Doc, info.Needs, options})
}

// printInfo shows who a checker is.
func printInfo(w io.Writer, info checker.Info, asJSON bool) error {
	if asJSON {
		return printInfoJSON(w, info)
	}
	fmt.Fprintf(w, "%s, version %s\n%s\n", info.Name, info.Version, info.Doc)
	if len(info.Needs) > 0 {
		fmt.Fprintf(w, "needs %s\n", strings.Join(info.Needs, ", "))
	}
	if len(info.Options) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, o := range info.Options {
		kind := o.Type
		if o.Unit != "" {
			kind += " (" + o.Unit + ")"
		}
		about := o.Doc
		switch {
		case o.Required:
			about += " It must be given."
		case o.Default != "":
			about += " " + o.Default + " when left out."
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", o.Name, kind, about)
	}
	return t.Flush()
}
