package lua

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// maxReceive is how much one receive or expect takes.
const maxReceive = 512 << 10

// listening is the network of an address to wait on, for split: it is no unix socket.
const listening = "listen"

func tcpModule() Module {
	wait := []Value{timeoutOption()}
	return Module{
		Name: "tcp",
		Doc:  "Connections over TCP and over unix sockets, with TLS from the beginning or later (STARTTLS). A connection is closed when the call ends that made it, and a call has 32 open ones at most.",
		Functions: []Function{
			{
				Name: "connect", Doc: "connects to a server", Params: []Value{arg("address", "string", "host:port, [IPv6]:port or unix:/path")},
				Options: slices.Concat(wait, []Value{opt("tls", "boolean", "speaks TLS at once"), opt("within", "number", "bounds all that is done with the connection together, from now on").in("s")}, tlsOptions()),
				Returns: []Value{ret("tcp.Connection", "the connection")}, Fails: true, Acts: true, call: tcpConnect, accept: func(c call) { c.split(1, "tcp") },
			},
			{
				Name: "accept", Doc: "waits on an address of this host for one client", Params: []Value{arg("address", "string", "host:port, [IPv6]:port, or :port for all addresses")},
				Options: wait, Returns: []Value{ret("tcp.Connection", "the connection")}, Fails: true, Grant: GrantListen, Acts: true, call: tcpAccept, accept: func(c call) { c.split(1, listening) },
			},
		},
		Classes: []Class{
			{
				Name: "tcp.Connection", Doc: "A connection.",
				Methods: []Function{
					{Name: "send", Doc: "sends all of a text", Params: []Value{arg("text", "string", "what to send")}, Options: wait, Returns: []Value{ret("boolean", "true")}, Fails: true, Acts: true, call: tcpSend},
					{
						Name: "receive", Doc: `takes what the other end sent: a number of octets; "line", a line without its end; "some", whatever is there, waiting for the first of it; "all", everything until the other end closes. At most 512 KiB`,
						Params: []Value{opt("what", "integer|string", `"line" unless given`)}, Options: wait, Returns: []Value{ret("string", "what was received")}, Fails: true, Acts: true, call: tcpReceive, accept: func(c call) { c.wanted() },
					},
					{
						Name: "expect", Doc: "receives until what was received matches a pattern, and takes it up to the end of the match", Params: []Value{arg("pattern", "string", "a pattern of Lua's")},
						Options: wait, Returns: []Value{ret("string", "the match, or its captures")}, Fails: true, Acts: true, call: tcpExpect, accept: func(c call) { c.find("") },
					},
					{Name: "starttls", Doc: "goes on in TLS", Options: slices.Concat(wait, tlsOptions()), Returns: []Value{ret("boolean", "true")}, Fails: true, Acts: true, call: tcpStartTLS},
					{Name: "tls", Doc: "what is known of the TLS session; nil without one", Returns: []Value{{Type: "tcp.TLS", Doc: "the session", Optional: true}}, call: tcpTLS},
					{Name: "close", Doc: "closes it", call: tcpClose},
				},
			},
			tlsClass("tcp"),
		},
	}
}

// tcpConnect is tcp.connect(address [, options]).
func tcpConnect(c call) int {
	network, address := c.split(1, "tcp")
	opts := c.options()
	c.roomToOpen()
	ctx, cancel := c.within(opts)
	defer cancel()
	var until time.Time
	if within := opts.seconds("within"); within > 0 {
		until = time.Now().Add(within)
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	conn, err := c.dial(ctx, network, address)
	if refused := new(notGranted); errors.As(err, &refused) {
		c.l.RaiseError("%s", refused.Error())
	}
	if err != nil {
		return c.fail("%s", netReason(err))
	}
	host := ""
	if network == "tcp" {
		host, _, _ = net.SplitHostPort(address)
	}
	x := c.adopt(conn, host)
	x.until = until
	if opts.flag("tls", false) {
		if err := c.upgrade(ctx, x, opts); err != nil {
			x.end()
			return c.fail("%s", netReason(err))
		}
	}
	return c.object(x, "tcp.Connection")
}

// tcpAccept is tcp.accept(address [, options]).
func tcpAccept(c call) int {
	_, address := c.split(1, listening)
	opts := c.options()
	c.roomToOpen()
	ctx, cancel := c.within(opts)
	defer cancel()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return c.fail("%s", netReason(err))
	}
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	conn, err := l.Accept()
	l.Close()
	if ctx.Err() != nil {
		if err == nil {
			conn.Close()
		}
		return c.fail("nobody came in time")
	}
	if err != nil {
		return c.fail("%s", netReason(err))
	}
	return c.object(c.adopt(conn, ""), "tcp.Connection")
}

// upgrade begins TLS on a connection.
func (c call) upgrade(ctx context.Context, x *connection, opts fields) error {
	if len(x.unread) > 0 {
		return errors.New("the other end sent more in clear than its consent to TLS")
	}
	config, err := c.tlsConfig(opts, x.host)
	if err != nil {
		return err
	}
	secure := tls.Client(x.Conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return err
	}
	x.Conn = secure
	return nil
}

func tcpSend(c call) int {
	x, text := c.connection(), c.l.CheckString(2)
	c.until(x, c.methodOptions())
	if _, err := io.WriteString(x, text); err != nil {
		return c.fail("%s", netReason(err))
	}
	return c.push(lua.LTrue)
}

func tcpStartTLS(c call) int {
	x, opts := c.connection(), c.methodOptions()
	c.until(x, opts)
	ctx, cancel := c.within(opts)
	defer cancel()
	if err := c.upgrade(ctx, x, opts); err != nil {
		x.end()
		return c.fail("%s", netReason(err))
	}
	return c.push(lua.LTrue)
}

func tcpTLS(c call) int {
	x := c.connection()
	if secure, ok := x.Conn.(*tls.Conn); ok {
		cs := secure.ConnectionState()
		return c.push(c.tlsTable(&cs))
	}
	return c.push(lua.LNil)
}

func tcpClose(c call) int {
	c.connection().end()
	return 0
}

// tcpReceive is connection:receive([what [, options]]).
func tcpReceive(c call) int {
	x := c.connection()
	c.until(x, c.methodOptions())
	n, what := c.wanted()
	switch what {
	case "line":
		return c.line(x)
	case "some":
		return c.take(x, func(got []byte) int {
			if len(got) > 0 {
				return len(got)
			}
			return -1
		}, "")
	case "all":
		return c.all(x)
	}
	return c.take(x, func(got []byte) int {
		if len(got) >= n {
			return n
		}
		return -1
	}, "")
}

// wanted is what connection:receive is to take: so many octets, or a word for it.
func (c call) wanted() (n int, what string) {
	switch v := c.l.Get(2).(type) {
	case lua.LNumber:
		n := int(v)
		if n < 1 || n > maxReceive || lua.LNumber(n) != v {
			c.l.ArgError(2, "want 1 to 524288 octets")
		}
		return n, ""
	case *lua.LNilType:
		return 0, "line"
	case lua.LString:
		if v == "line" || v == "some" || v == "all" {
			return 0, string(v)
		}
	}
	c.l.ArgError(2, `want a number of octets, "line", "some" or "all"`)
	return 0, ""
}

// line takes a line and drops its end.
func (c call) line(x *connection) int {
	seen := 0
	return c.take(x, func(got []byte) int {
		i := slices.Index(got[seen:], '\n')
		if i < 0 {
			seen = len(got)
			return -1
		}
		return seen + i + 1
	}, "\r\n")
}

// take receives until enough says how much to take, and takes that, without
// the characters of cut at its end.
func (c call) take(x *connection, enough func([]byte) int, cut string) int {
	for {
		if n := enough(x.unread); n >= 0 {
			text := string(x.unread[:n])
			x.unread = x.unread[n:]
			return c.text(strings.TrimRight(text, cut))
		}
		if err := c.more(x); err != nil {
			return c.fail("%s", netReason(err))
		}
	}
}

// all receives until the other end closes.
func (c call) all(x *connection) int {
	for {
		err := c.more(x)
		if errors.Is(err, io.EOF) {
			text := string(x.unread)
			x.unread = nil
			return c.text(text)
		}
		if err != nil {
			return c.fail("%s", netReason(err))
		}
	}
}

// more receives some more, and charges for it.
func (c call) more(x *connection) error {
	if len(x.unread) >= maxReceive {
		c.s.meter.stop(c.l, "more than %d KiB received at once", maxReceive>>10)
	}
	c.s.meter.live(c.l)
	var piece [4096]byte
	n, err := x.Read(piece[:])
	if n > 0 {
		c.s.meter.charge(c.l, 3*n)
		x.unread = append(x.unread, piece[:n]...)
		return nil
	}
	return err
}

// tcpExpect is connection:expect(pattern [, options]).
func tcpExpect(c call) int {
	x := c.connection()
	c.until(x, c.methodOptions())
	for {
		text := string(x.unread)
		var m *matcher
		var from, to int
		c.s.compute(func() { m, from, to = c.find(text) })
		if from >= 0 {
			x.unread = x.unread[to:]
			return c.s.pushCaptures(c.l, m, from, to, true)
		}
		if err := c.more(x); err != nil {
			got := text
			if len(got) > 80 {
				got = got[:80] + "..."
			}
			return c.fail("%s; received so far: %q", netReason(err), got)
		}
	}
}

// find looks in what was received for the pattern of connection:expect.
func (c call) find(text string) (m *matcher, from, to int) {
	pattern := c.l.CheckString(2)
	c.s.meter.charge(c.l, len(text))
	m = c.s.newMatcher(c.l, text, pattern)
	from, to = c.s.search(c.l, m, 0)
	return m, from, to
}
