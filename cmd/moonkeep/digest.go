package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/http"
)

type digestOptions struct {
	virtualHost, protocol, server string
	sni, verbose                  bool
	timeout                       time.Duration
	fwmark                        uint32
}

func newDigestCommand() *cobra.Command {
	var o digestOptions
	cmd := &cobra.Command{
		Use:   "digest URL",
		Short: "print the MD5 sum of a page, for the digest of a check",
		Long: `Requests a page as HTTP_GET and SSL_GET do, and prints the MD5 sum of its body,
as digest in a url of a check expects it. keepalived's genhash prints the same
line, but for a body in chunks, of which it sums up the chunks' lengths, too: checks
take both.

A host name in the URL is resolved, and sent as the virtual host; --server gives
the address to connect to instead. --verbose also shows the request and the head
of the response.

Exit status 0: there was a response, whatever its status code. 2: wrong use, or
there was none.`,
		Example: `  moonkeep digest http://192.0.2.1:8080/index.html
  moonkeep digest https://192.0.2.1/ --virtualhost www.example.org --sni`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), args[0])
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.virtualHost, "virtualhost", "V", "", "the virtual host to request (default: the host of the URL)")
	f.StringVarP(&o.protocol, "protocol", "P", "1.0", "the HTTP version: 1.0, 1.0C, 1.1 or 1.1C")
	f.StringVarP(&o.server, "server", "s", "", "connect to `HOST[:PORT]` (default: the host and port of the URL)")
	f.BoolVarP(&o.sni, "sni", "I", false, "send the virtual host as the server name (SNI) in the TLS handshake")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show what was sent and received")
	f.DurationVarP(&o.timeout, "timeout", "t", 5*time.Second, "the time limit for connecting, and again for the response")
	f.Uint32VarP(&o.fwmark, "fwmark", "m", 0, "the firewall mark of the packets")
	return cmd
}

func (o *digestOptions) run(ctx context.Context, stdout, stderr io.Writer, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("read the URL: %w", err)
	}
	c, port := http.New(), "80"
	switch u.Scheme {
	case "http":
	case "https":
		c, port = http.NewSSL(), "443"
	default:
		return fmt.Errorf("%q begins with neither http:// nor https://", address)
	}
	if u.Hostname() == "" || o.timeout <= 0 {
		return fmt.Errorf("write a URL with a host, and a time above zero")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	hostport := net.JoinHostPort(u.Hostname(), port)
	if o.server != "" {
		if hostport = o.server; !hasPort(hostport) {
			hostport = net.JoinHostPort(strings.Trim(hostport, "[]"), port)
		}
	}
	target := checker.Target{Timeout: o.timeout, Fwmark: o.fwmark}
	if target.Address, err = resolve(ctx, hostport); err != nil {
		return err
	}
	if target.Address.Port() == 0 {
		return fmt.Errorf("%s has no port to connect to", hostport)
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	options := map[string]any{"http_protocol": o.protocol, "urls": []any{map[string]any{"path": path, "status_code": "100-599"}}}
	if o.virtualHost != "" {
		options["virtualhost"] = o.virtualHost
	} else {
		nameHost(c.Info(), options, net.JoinHostPort(u.Hostname(), port))
	}
	if o.sni {
		options["enable_sni"] = true
	}
	raw, err := json.Marshal(options)
	if err != nil {
		return fmt.Errorf("write the options: %w", err)
	}
	given, err := checker.NewOptions(raw)
	if err != nil {
		return err
	}
	prepared, err := c.Prepare(target, given)
	if err != nil {
		return err // of how it was called, and not of the server
	}
	if p, ok := prepared.(interface{ Close() }); ok {
		p.Close()
	}
	page, details, err := c.Fetch(checker.WithLog(ctx, nil, o.verbose), target, given)
	if o.verbose {
		for _, d := range details {
			fmt.Fprintf(stdout, "%s: %s\n", inLine(d.Name), harmless(d.Text))
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "moonkeep:", inLine(err.Error()))
		return exitUnknown
	}
	if page.Status/100 != 2 {
		fmt.Fprintf(stderr, "moonkeep: the server answers with the status %d\n", page.Status)
	}
	_, err = fmt.Fprintf(stdout, "%x\n", page.MD5)
	return err
}

// hasPort reports whether an address ends in a port.
func hasPort(hostport string) bool {
	_, _, err := net.SplitHostPort(hostport)
	return err == nil
}
