//go:build linux

package host

import (
	"bytes"
	"io"
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
		p.line(string(bytes.TrimRight(p.rest[:end], "\r")))
		p.rest = append(p.rest[:0], bytes.TrimPrefix(p.rest[end:], []byte("\n"))...)
	}
}
