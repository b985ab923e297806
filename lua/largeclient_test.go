package lua

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// statColumns are those of HAProxy's "show stat", which are numbered from 0 on: pxname,
// svname and scur (4), status (17), type (32) and last_chk (56) among others.
func statColumns() []string {
	names := make([]string, 95)
	for i := range names {
		names[i] = fmt.Sprintf("column_%d", i)
	}
	names[0], names[1], names[4], names[17], names[32], names[56] = "pxname", "svname", "scur", "status", "type", "last_chk"
	return names
}

// statLine is a line of it, some 450 octets long as those of a server in use are.
func statLine(px, sv string, sessions int, status string, kind int, check string) string {
	fields := make([]string, 95)
	for i := range fields {
		fields[i] = "1234"[:1+i%4]
	}
	fields[0], fields[1], fields[4], fields[17], fields[32], fields[56] = px, sv, fmt.Sprint(sessions), status, fmt.Sprint(kind), check
	fields[94] = strings.Repeat("0", 120)
	return strings.Join(fields, ",") + ",\n"
}

// statServer answers "show stat".
func statServer(t *testing.T, lines ...string) string {
	text := "# " + strings.Join(statColumns(), ",") + ",\n" + strings.Join(lines, "") + "\n"
	return eachOn(t, func(conn net.Conn) {
		buf := make([]byte, 64)
		if _, err := conn.Read(buf); err == nil {
			_, _ = conn.Write([]byte(text)) // who has seen enough goes
		}
	})
}

// TestHAProxyOfManyLines: what one backend is like is told of an HAProxy of 2,000
// servers within the limits of a call, although they are more than what is received at
// once; its sockets are no servers, and a field with commas is one.
func TestHAProxyOfManyLines(t *testing.T) {
	var lines []string
	for i := range 100 {
		px := fmt.Sprintf("px%d", i)
		lines = append(lines, statLine(px, "FRONTEND", 5, "OPEN", 0, ""), statLine(px, "sock-1", 5, "OPEN", 3, ""))
		for j := range 20 {
			lines = append(lines, statLine(px, fmt.Sprintf("s%d", j), 5, "UP", 2, `"L7OK, ""it"" is well"`))
		}
		lines = append(lines, statLine(px, "BACKEND", i, "UP", 1, ""))
	}
	if n := len(strings.Join(lines, "")); n < 900_000 {
		t.Fatalf("the lines have %d octets", n)
	}
	saysAll(t, `local haproxy = require "client.haproxy"`, Options{Args: map[string]any{"a": statServer(t, lines...)}}, []row{
		{`local b, why = haproxy.backend({address = ctx.args.a}, "px97") return true, why or b.up .. " of " .. b.servers .. " " .. b.status .. " " .. b.sessions`, "20 of 20 UP 97"},
		{`local b, why = haproxy.backend({address = ctx.args.a}, "px") return true, why`, "there is no backend px"},
	})
	few := statServer(t, statLine("web", "one", 1, "UP", 2, `"L7OK, ""it"" is well"`), statLine("web", "two", 1, "DOWN", 2, ""), statLine("web", "BACKEND", 2, "UP", 1, ""))
	saysAll(t, `local haproxy = require "client.haproxy"`, Options{Args: map[string]any{"a": few}}, []row{
		{`local b = haproxy.backend({address = ctx.args.a}, "web") return true, b.up .. " of " .. b.servers`, "1 of 2"},
		{`local s = haproxy.stat{address = ctx.args.a} return true, #s .. s[1].last_chk .. s[1].column_57 .. s[2].status`, `3L7OK, "it" is well12DOWN`},
	})
}

// TestHAProxyStops: an answer that ends before its end is none.
func TestHAProxyStops(t *testing.T) {
	server := eachOn(t, func(conn net.Conn) {
		buf := make([]byte, 64)
		if _, err := conn.Read(buf); err == nil {
			_, _ = conn.Write([]byte("# " + strings.Join(statColumns(), ",") + ",\n" + statLine("web", "one", 1, "UP", 2, ""))) // it is read
		}
	})
	saysAll(t, `local haproxy = require "client.haproxy"`, Options{Args: map[string]any{"a": server}}, []row{
		{`local s, why = haproxy.stat{address = ctx.args.a} return true, tostring(s) .. why`, "nilthe other end closed the connection"},
		{`local s, why = haproxy.backend({address = ctx.args.a}, "web") return true, tostring(s) .. why`, "nilthe other end closed the connection"},
	})
}
