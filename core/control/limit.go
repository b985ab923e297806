package control

import (
	"net"
	"sync"
)

// limitListener holds back new connections while as many as it allows are
// open: they wait in the kernel's queue.
type limitListener struct {
	net.Listener
	places chan struct{} // one value for each open connection
	closed chan struct{}
	once   sync.Once // closes closed
}

func newLimitListener(l net.Listener, most int) *limitListener {
	return &limitListener{Listener: l, places: make(chan struct{}, most), closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &limitConn{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// Close implements net.Listener.
func (l *limitListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// limitConn gives its place back when it is closed, however often it is.
type limitConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *limitConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
