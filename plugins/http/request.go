package http

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// control reports what would end a line of a request, or could. A blank is sent as
// it is, as by keepalived; whether it is right is the server's affair.
func control(r rune) bool { return r < ' ' || r == 0x7f }

// bytes is the request as keepalived sends it.
func (p *plan) bytes() ([]byte, error) {
	minor, closes := "0", true
	switch p.protocol {
	case "", "1.0":
		closes = false
	case "1.0C", "1.0c":
	case "1.1", "1.1C", "1.1c":
		minor = "1"
	default:
		return nil, fmt.Errorf("http_protocol %q is none of 1.0, 1.0C, 1.1 and 1.1C", p.protocol)
	}
	if i := strings.IndexFunc(p.method, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r) }); i >= 0 {
		return nil, fmt.Errorf("method %q is no method", p.method)
	}
	switch {
	case p.path == "":
		return nil, errors.New("path is missing")
	case strings.ContainsFunc(p.path, control):
		return nil, fmt.Errorf("path %q has a control character, which has to be written as %%0A and the like", p.path)
	case strings.ContainsFunc(p.host, control):
		return nil, fmt.Errorf("virtualhost %q is no name of a host", p.host)
	}
	host, agent, connection := "Host: "+p.host, "User-Agent: KeepAliveClient", ""
	if closes {
		connection = "Connection: close"
	}
	var more []string
	for _, h := range p.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) || strings.ContainsAny(value, "\r\n\x00") {
			return nil, fmt.Errorf("header %q must be NAME: VALUE", h)
		}
		h = name + ": " + strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "host":
			host = h
		case "user-agent":
			agent = h
		case "connection":
			connection = h
		case "content-length", "transfer-encoding":
			return nil, fmt.Errorf("header %q follows from the body", name)
		default:
			more = append(more, h)
		}
	}
	var b strings.Builder
	b.WriteString(p.method + " " + p.path + " HTTP/1." + minor + "\r\n")
	for _, h := range append([]string{agent, connection, host}, more...) {
		if h != "" {
			b.WriteString(h + "\r\n")
		}
	}
	if p.body != "" {
		b.WriteString("Content-Length: " + strconv.Itoa(len(p.body)) + "\r\n")
	}
	b.WriteString("\r\n" + p.body)
	return []byte(b.String()), nil
}
