package lua

import (
	"net"

	lua "github.com/yuin/gopher-lua"
)

// tcpConnect is tcp.connect(address, {timeout = seconds}).
func (s *state) tcpConnect(l *lua.LState) int {
	const name = "tcp.connect"
	s.act(l, name)
	address := l.CheckString(1)
	if _, _, err := net.SplitHostPort(address); err != nil {
		l.ArgError(1, "want host:port, or [IPv6]:port: "+err.Error())
	}
	ctx, cancel := s.limited(options(l, 2, name, "timeout").seconds("timeout"))
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return s.failed(l, "%v", err)
	}
	// Nothing was sent; an error in closing says nothing about the server.
	_ = conn.Close()
	l.Push(lua.LTrue)
	return 1
}
