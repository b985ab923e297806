package lua

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// maxOpen is how many connections one call may have open at a time.
const maxOpen = 32

// maxKeyFile is the size of the largest file with a certificate or a key of our own:
// to read a key of a megabyte takes minutes, in which nothing can be stopped.
const maxKeyFile = 64 << 10

// connection is a connection that a script has. It belongs to the call that
// made it and is closed with it.
type connection struct {
	net.Conn
	// unread is what was received and not yet taken.
	unread []byte
	host   string
	until  time.Time // zero: as long as the call
	stop   func() bool
	closed bool
}

// ownSocket reports whether a connection leads to a unix socket of this process:
// that is where the daemon is steered.
func ownSocket(conn net.Conn) bool {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return false
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return true // nobody knows; the safe answer
	}
	own := true
	_ = raw.Control(func(fd uintptr) {
		peer, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		own = err != nil || int(peer.Pid) == os.Getpid()
	})
	return own
}

// dial connects for a script. A socket of the daemon's own is for those that may
// steer it, and one where programs are run for those that may run programs: whoever
// speaks to it there is the daemon's user.
func (c call) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := dialer().DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	allowed := func(grant string) bool { return slices.Contains(c.s.opts.Allow, grant) }
	wanted := ""
	switch {
	case c.s.opts.Host.Control != nil && !allowed(GrantControl) && ownSocket(conn):
		wanted = GrantControl
	case !allowed(GrantExec):
		if takes := c.s.opts.Host.ordersOf(conn, address); takes == anyOrders || takes == ordersByHTTP && !c.reads {
			wanted = GrantExec
		}
	}
	if wanted == "" {
		return conn, nil
	}
	conn.Close()
	return nil, &notGranted{c.name, wanted}
}

// notGranted is the error of what only turned out to want a grant when it was
// done.
type notGranted struct{ function, grant string }

func (e *notGranted) Error() string {
	return fmt.Sprintf("%s: not allowed; the configuration must grant it: allow: [%s]", e.function, e.grant)
}

// dialer connects, and resolves names by Go's own resolver, which ends with
// the context. The C library's does not.
func dialer() *net.Dialer { return &net.Dialer{Resolver: resolver()} }

func resolver() *net.Resolver { return &net.Resolver{PreferGo: true} }

// adopt ties a new connection to the call: it ends with the call's context,
// and at the latest with the call.
func (c call) adopt(conn net.Conn, host string) *connection {
	x := &connection{Conn: conn, host: host}
	c.s.opened = append(c.s.opened, x)
	x.stop = context.AfterFunc(c.s.meter.ctx, func() {
		// Whoever waits is woken; the owner closes it.
		_ = conn.SetDeadline(time.Unix(1, 0))
	})
	return x
}

// end closes it. What was still to be sent is of no interest any more.
func (x *connection) end() {
	if !x.closed {
		x.closed = true
		x.stop()
		_ = x.Conn.Close()
		x.unread = nil // the script may keep the object
	}
}

// roomToOpen raises an error when the call has too many connections open.
func (c call) roomToOpen() {
	open := c.s.opened[:0]
	for _, x := range c.s.opened {
		if !x.closed {
			open = append(open, x)
		}
	}
	clear(c.s.opened[len(open):])
	c.s.opened = open
	if len(open) >= maxOpen {
		c.s.meter.stop(c.l, "more than %d open connections in one call", maxOpen)
	}
}

// closeOpened ends what a call left open.
func (s *state) closeOpened() {
	for _, x := range s.opened {
		x.end()
	}
	clear(s.opened)
	s.opened = s.opened[:0]
}

// object wraps a connection for the script.
func (c call) object(x *connection, class string) int {
	c.s.meter.charge(c.l, 1024)
	ud := c.l.NewUserData()
	ud.Value = x
	ud.Metatable = c.s.classes[class]
	return c.push(ud)
}

// connection returns the object that a method was called on; what is left of
// the arguments starts at 2.
func (c call) connection() *connection {
	if ud, ok := c.l.Get(1).(*lua.LUserData); ok {
		if x, ok := ud.Value.(*connection); ok {
			if x.closed {
				c.l.RaiseError("%s: the connection is closed; it lasts no longer than the call that made it", c.name)
			}
			return x
		}
	}
	c.l.RaiseError("%s: %s", c.name, notAsMethod)
	return nil
}

// notAsMethod is what is wrong with a call of a method that names no object.
const notAsMethod = "call it as a method, with a colon"

// split returns the network and the address to dial: host:port, or
// unix:/path.
func (c call) split(n int, network string) (net, address string) {
	address = c.l.CheckString(n)
	if path, ok := strings.CutPrefix(address, "unix:"); ok && network == "tcp" {
		return "unix", path
	}
	if _, _, err := splitHostPort(address); err != nil {
		c.l.ArgError(n, "want host:port, or [IPv6]:port: "+err.Error())
	}
	return network, address
}

func splitHostPort(address string) (host, port string, err error) {
	if strings.ContainsRune(address, 0) {
		return "", "", errors.New("an address has no zero octets")
	}
	return net.SplitHostPort(address)
}

// tlsOptions are what functions that speak TLS take.
func tlsOptions() []Value {
	return []Value{
		opt("verify", "boolean", "whether the server's certificate must be good; true unless given"),
		opt("ca", "string", "a file of PEM certificates to trust in place of the system's"),
		opt("cert", "string", "a file with our own certificate, PEM"),
		opt("key", "string", "a file with its key, PEM; the one of cert unless given"),
		opt("server_name", "string", "the name that is asked for (SNI) and that the certificate must have; the host's unless given"),
	}
}

// tlsConfig reads the options of tlsOptions. host is the name to verify.
func (c call) tlsConfig(opts fields, host string) (*tls.Config, error) {
	config := &tls.Config{ServerName: host, InsecureSkipVerify: !opts.flag("verify", true)}
	if name := opts.text("server_name"); name != "" {
		config.ServerName = name
	}
	if path := opts.text("ca"); path != "" {
		pem, err := c.readUpTo(c.s.resolve(path), maxString)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: %s has no PEM certificate", path)
		}
	}
	if path := opts.text("cert"); path != "" {
		key := opts.text("key")
		if key == "" {
			key = path
		}
		cert, err := c.readUpTo(c.s.resolve(path), maxKeyFile)
		if err != nil {
			return nil, fmt.Errorf("cert: %w", err)
		}
		secret, err := c.readUpTo(c.s.resolve(key), maxKeyFile)
		if err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		pair, err := tls.X509KeyPair(cert, secret)
		if err != nil {
			return nil, fmt.Errorf("cert: %s: %w", path, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// readUpTo reads a regular file of at most limit octets.
func (c call) readUpTo(path string, limit int64) ([]byte, error) {
	file, err := c.open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("read %s: it is larger than %d KiB", path, limit>>10)
	}
	return text, nil
}

// tlsClass describes what is known of a TLS session, under a module's name.
func tlsClass(module string) Class {
	return Class{Name: module + ".TLS", Doc: "A TLS session and the server's certificate.", Fields: []Value{
		arg("version", "string", "for example TLS 1.3"),
		arg("cipher", "string", "the cipher suite"),
		arg("subject", "string", "whom the certificate is for"),
		arg("issuer", "string", "who signed it"),
		arg("names", "string[]", "the names and addresses that it is for"),
		arg("expires_in", "number", "until it expires; negative when it has").in("s"),
	}}
}

// tlsTable renders a TLS session.
func (c call) tlsTable(cs *tls.ConnectionState) *lua.LTable {
	c.s.meter.charge(c.l, 2048)
	tb := c.l.NewTable()
	tb.RawSetString("version", lua.LString(tls.VersionName(cs.Version)))
	tb.RawSetString("cipher", lua.LString(tls.CipherSuiteName(cs.CipherSuite)))
	if len(cs.PeerCertificates) > 0 {
		cert := cs.PeerCertificates[0]
		tb.RawSetString("subject", lua.LString(oneLine(cert.Subject.String())))
		tb.RawSetString("issuer", lua.LString(oneLine(cert.Issuer.String())))
		tb.RawSetString("expires_in", lua.LNumber(time.Until(cert.NotAfter).Seconds()))
		names := c.l.NewTable()
		for _, name := range cert.DNSNames {
			c.s.meter.charge(c.l, costItem+len(name))
			names.Append(lua.LString(name))
		}
		for _, ip := range cert.IPAddresses {
			names.Append(lua.LString(ip.String()))
		}
		tb.RawSetString("names", names)
	}
	return tb
}

// until sets the deadline of the next operation on a connection.
func (c call) until(x *connection, opts fields) {
	deadline, _ := c.s.meter.ctx.Deadline()
	if !x.until.IsZero() && x.until.Before(deadline) {
		deadline = x.until
	}
	if timeout := opts.seconds("timeout"); timeout > 0 {
		if own := time.Now().Add(timeout); own.Before(deadline) {
			deadline = own
		}
	}
	_ = x.SetDeadline(deadline) // fails only for a closed one, as does what follows
	// The context may have ended before the deadline was set.
	if c.s.meter.ctx.Err() != nil {
		_ = x.SetDeadline(time.Unix(1, 0))
	}
}

// netReason renders an error of the network.
func netReason(err error) string {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the other end closed the connection"
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op != "dial" && op.Op != "listen" {
		return op.Err.Error()
	}
	return err.Error()
}
