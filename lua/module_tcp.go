package lua

import (
	"net"

	lua "github.com/yuin/gopher-lua"
)

func tcpModule() Module {
	return Module{
		Name: "tcp",
		Doc:  "Connections over TCP.",
		Functions: []Function{{
			Name: "connect", Doc: "connects and disconnects", Params: []Value{arg("address", "string", "host:port or [IPv6]:port")},
			Options: []Value{timeoutOption()}, Returns: []Value{ret("boolean", "true")}, Fails: true, Acts: true, call: tcpConnect,
		}},
	}
}

// tcpConnect is tcp.connect(address, {timeout = seconds}).
func tcpConnect(c call) int {
	l := c.l
	address := l.CheckString(1)
	if _, _, err := net.SplitHostPort(address); err != nil {
		l.ArgError(1, "want host:port, or [IPv6]:port: "+err.Error())
	}
	ctx, cancel := c.within(c.options())
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return c.fail("%v", err)
	}
	// Nothing was sent; an error in closing says nothing about the server.
	_ = conn.Close()
	l.Push(lua.LTrue)
	return 1
}
