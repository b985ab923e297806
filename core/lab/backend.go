//go:build linux

package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// responder answers the client's probes in one node. Its one socket takes
// what is sent to any address of the node, so it answers for a virtual address
// exactly as long as the node's kernel has it.
type responder struct {
	conn *net.UDPConn
	done chan struct{}
}

// startResponder opens the socket in the namespace and answers with node's
// number until close.
func startResponder(ns *netns.NS, node int) (*responder, error) {
	r := &responder{done: make(chan struct{})}
	err := ns.Do(func() error {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{Port: probePort})
		if err != nil {
			return err
		}
		r.conn = conn
		raw, err := conn.SyscallConn()
		if err != nil {
			return err
		}
		var set error
		err = raw.Control(func(fd uintptr) {
			set = errors.Join(
				unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1),
				enlarge(int(fd)))
		})
		return errors.Join(err, set)
	})
	if err != nil {
		if r.conn != nil {
			r.conn.Close()
		}
		return nil, fmt.Errorf("open the responder's socket: %w", err)
	}
	go r.serve(node)
	return r, nil
}

func (r *responder) serve(node int) {
	defer close(r.done)
	var b [answerSize]byte
	oob := make([]byte, unix.CmsgSpace(unix.SizeofInet4Pktinfo))
	for {
		n, k, _, from, err := r.conn.ReadMsgUDPAddrPort(b[:], oob)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n != probeSize {
			continue // the error of an earlier answer, or no probe
		}
		binary.BigEndian.PutUint32(b[probeSize:], uint32(node))
		// The packet information goes back as it came: out of the interface
		// and from the address that the probe was sent to. An answer that
		// cannot be sent is a lost probe, which the client counts.
		_, _, _ = r.conn.WriteMsgUDPAddrPort(b[:], oob[:k], from)
	}
}

func (r *responder) close() {
	r.conn.Close()
	<-r.done
}

// service is the web server in one node, on port 80 of all its addresses: what
// the checks of the examples ask.
type service struct {
	server *http.Server
	done   chan error
}

// startService listens in the namespace and answers "ok NAME" to everything.
func startService(ns *netns.NS, name string) (*service, error) {
	var l net.Listener
	err := ns.Do(func() error {
		var err error
		l, err = net.Listen("tcp4", ":80")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("start the web server: %w", err)
	}
	s := &service{done: make(chan error, 1), server: &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, "ok", name)
		}),
	}}
	go func() { s.done <- s.server.Serve(l) }()
	return s, nil
}

// close ends the service at once, open connections too.
func (s *service) close() error {
	err := s.server.Close()
	if end := <-s.done; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}
