package lua

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// TestHAProxyOfManyLines: what one backend is like is told of an HAProxy of 2,000
// servers within the limits of a call.
func TestHAProxyOfManyLines(t *testing.T) {
	var text strings.Builder
	columns := []string{"pxname", "svname", "scur", "status"}
	for i := range 91 {
		columns = append(columns, fmt.Sprintf("column_%d", i))
	}
	text.WriteString("# " + strings.Join(columns, ",") + ",\n")
	more := strings.Repeat(",0", 91)
	for i := range 1500 {
		fmt.Fprintf(&text, "px%d,s%d,5,UP%s,\n", i%100, i, more)
	}
	for i := range 100 {
		fmt.Fprintf(&text, "px%d,BACKEND,%d,UP%s,\n", i, i, more)
	}
	server := eachOn(t, func(conn net.Conn) {
		buf := make([]byte, 64)
		if _, err := conn.Read(buf); err == nil {
			_, _ = conn.Write([]byte(text.String()))
		}
	})
	r := runner(t, `local haproxy = require "client.haproxy" return function(ctx)
local b, why = haproxy.backend({address = ctx.args.at}, "px7")
if not b then return true, why end
return true, b.up .. " of " .. b.servers .. " " .. b.status .. " " .. b.sessions end`, Options{Args: map[string]any{"at": server}})
	_, got, err := r.Check(within(t, 10*time.Second))
	if got != "15 of 15 UP 7" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
