package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/source"
	"github.com/moonkeep/moonkeep/plugins/checker"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
	"github.com/moonkeep/moonkeep/plugins/standard"
)

// targetOptions takes what every check has - the connection, and who makes it -
// from a list of NAME=VALUE.
func targetOptions(check *pluginhost.Subject, options []string) (rest []string, err error) {
	t := &check.Target
	for _, o := range options {
		name, value, ok := strings.Cut(o, "=")
		if !ok {
			return nil, fmt.Errorf("--option %q: write NAME=VALUE", o)
		}
		switch {
		case check.Kind == "MISC_CHECK" && name == "user":
			check.User = value
			continue
		case check.Kind == "MISC_CHECK" && name == "group":
			check.Group = value
			continue
		}
		switch name {
		case "connect_timeout":
			var d checker.Duration
			err = json.Unmarshal([]byte(value), &d)
			if err != nil {
				err = json.Unmarshal([]byte(strconv.Quote(value)), &d)
			}
			if t.Timeout = time.Duration(d); err == nil && d <= 0 {
				err = errors.New("it must be above zero")
			}
		case "bindto":
			if t.BindTo, err = netip.ParseAddr(value); err != nil {
				err = errors.New("write an address, such as 192.0.2.1")
			}
		case "bind_port":
			var n uint64
			if n, err = strconv.ParseUint(value, 10, 16); err != nil || n == 0 {
				err = errors.New("write a port from 1 to 65535")
			}
			t.BindPort = uint16(n)
		case "bind_if":
			t.BindIf = value
		case "fwmark":
			var n uint64
			if n, err = strconv.ParseUint(value, 0, 32); err != nil {
				err = errors.New("write a number from 0 to 4294967295")
			}
			t.Fwmark = uint32(n)
		case "net_namespace":
			check.NetNS = value
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
		if len(info.Options) == 0 && standard.New(info.Name) == nil { // it describes none
			tree[name] = value
			continue
		}
		option, block := findOption(info, name)
		if option == nil {
			hint := "; it has"
			if near := config.Nearest(name, optionNames(info)); near != "" {
				hint = ", did you mean " + near + "? It has"
			}
			return nil, fmt.Errorf("--option %s: %s has no option %q%s %s", o, info.Name, name, hint, strings.Join(optionNames(info), ", "))
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
	return tree, splitProgram(info, tree)
}

// splitProgram takes a program that is given as one text for a command line, as in a
// configuration; given as several it has each as it stands.
func splitProgram(info checker.Info, tree map[string]any) error {
	argv, _ := tree["misc_path"].([]any)
	if info.Name != "MISC_CHECK" || len(argv) != 1 {
		return nil
	}
	words, err := source.SplitWords(fmt.Sprint(argv[0]))
	if err != nil {
		return fmt.Errorf("--option misc_path: %w", err)
	}
	argv = argv[:0]
	for _, w := range words {
		argv = append(argv, w)
	}
	tree["misc_path"] = argv
	return nil
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

// optionNames are the names that options have by hand.
func optionNames(info checker.Info) []string {
	names := []string{"connect_timeout", "bindto", "bind_port", "bind_if", "fwmark", "net_namespace"}
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
	if strings.Contains(hostport, "://") {
		return netip.AddrPort{}, fmt.Errorf("%s is a URL: give HOST:PORT, and --option path=PATH", hostport)
	}
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
			return netip.AddrPort{}, lookupError(host, err)
		}
		addr = found[0].Unmap()
	}
	return netip.AddrPortFrom(addr, uint16(n)), nil
}

// lookupError is why a name was not found, without saying the name again.
func lookupError(host string, err error) error {
	var e *net.DNSError
	if !errors.As(err, &e) {
		return fmt.Errorf("look up %s: %w", host, err)
	}
	if e.IsNotFound {
		return fmt.Errorf("look up %s: there is no such host", host)
	}
	return fmt.Errorf("look up %s: %s says: %s", host, cmp.Or(e.Server, "the resolver"), e.Err)
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
