//go:build linux

package host

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// rhythm lets pacedOctets through in each pacedTime: who prints without an end
// then waits for its pipe, and does not keep the daemon busy.
type rhythm struct {
	since time.Time
	n     int
}

const (
	pacedOctets = 256 << 10
	pacedTime   = 50 * time.Millisecond
	// partOctets is what a line or a frame counts beside its octets: of empty ones
	// there would be millions in a second, and each costs something.
	partOctets = 100
)

// wait waits until more may go through.
func (p *rhythm) wait() {
	if p.n >= pacedOctets {
		time.Sleep(pacedTime - time.Since(p.since)) // negative is none
		p.n = 0
	}
	if p.n == 0 {
		p.since = time.Now()
	}
}

// paced is a reader at that pace.
type paced struct {
	r io.Reader
	rhythm
}

// Read reads on.
func (p *paced) Read(b []byte) (int, error) {
	p.wait()
	n, err := p.r.Read(b)
	p.n += n
	return n, err
}

// lines counts so many lines of what was read.
func (p *paced) lines(n int) { p.n += n * partOctets }

// pacedConn is a connection of HTTP/2 that is read at that pace, frames and octets:
// what answers nothing, such as pings and settings, the libraries take as fast as it
// comes, and a session sees none of it.
type pacedConn struct {
	net.Conn
	rhythm
	head [frameHead]byte
	have int // octets of head
	rest int // octets of the frame's content that are still to come
}

// frameHead is how long the head of a frame is; its first three octets are the length
// of the content.
const frameHead = 9

// Read reads on.
func (c *pacedConn) Read(b []byte) (int, error) {
	c.wait()
	n, err := c.Conn.Read(b)
	c.n += n + c.frames(b[:n])*partOctets
	return n, err
}

// frames follows what was read, and returns how many frames begin in it.
func (c *pacedConn) frames(b []byte) (n int) {
	for len(b) > 0 {
		if skip := min(c.rest, len(b)); skip > 0 {
			c.rest, b = c.rest-skip, b[skip:]
			continue
		}
		k := copy(c.head[c.have:], b)
		c.have, b = c.have+k, b[k:]
		if c.have == frameHead {
			c.have, c.rest = 0, int(c.head[0])<<16|int(c.head[1])<<8|int(c.head[2])
			n++
		}
	}
	return n
}

// printed takes what go-plugin brings of a plugin's output: in a plugin that it
// serves, os.Stdout and os.Stderr lead through the connection.
type printed struct {
	count *atomic.Int64     // nil counts nothing
	line  func(line string) // nil drops lines
	rest  []byte
	rhythm
}

// Write takes all of b, as fast as the pace is.
func (p *printed) Write(b []byte) (int, error) {
	p.wait()
	p.n += len(b)
	if p.count != nil {
		p.count.Add(int64(len(b)))
	}
	if p.line == nil {
		return len(b), nil
	}
	p.rest = append(p.rest, b...)
	for {
		end := bytes.IndexByte(p.rest, '\n')
		if end < 0 && len(p.rest) > maxLine {
			end = maxLine
		}
		if end < 0 {
			return len(b), nil
		}
		p.n += partOctets
		p.line(string(bytes.TrimRight(p.rest[:end], "\r")))
		p.rest = append(p.rest[:0], bytes.TrimPrefix(p.rest[end:], []byte("\n"))...)
	}
}
