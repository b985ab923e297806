package http

import (
	"bytes"
	"fmt"
	"hash"
	"io"
	"strconv"
)

// body reads the body of an answer and counts it.
type body struct {
	a *answer
	// left is what is still to come of the body, or of a chunk; negative is
	// until the end.
	left int64
	// began says that a chunk was there, over that the last one was.
	began, over bool
	n           int64
	// strict holds the end of the connection against TLS.
	strict bool
	// raw takes the bytes of a body in chunks with what is around them.
	raw hash.Hash
}

func (a *answer) body(strict bool) *body {
	b := &body{a: a, left: a.length, strict: strict}
	if a.chunked {
		b.left = 0
	}
	return b
}

// errShort is a body that ends before it is whole.
type errShort struct{ got, want int64 }

func (e errShort) Error() string {
	if e.want < 0 {
		return fmt.Sprintf("the body ends after %d bytes, within a chunk", e.got)
	}
	return fmt.Sprintf("the body ends after %d of %d bytes", e.got, e.want)
}

// errUnclean is a connection by TLS that was cut instead of closed.
var errUnclean = errInvalid("the server cut the connection without closing TLS (tls_compliant)")

// Read returns what comes next of the content; io.EOF is its proper end.
func (b *body) Read(p []byte) (int, error) {
	if b.a.chunked {
		return b.readChunked(p)
	}
	if b.left == 0 {
		return 0, io.EOF
	}
	if b.left > 0 && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.a.read(p)
	b.n += int64(n)
	if b.left > 0 {
		if b.left -= int64(n); b.left == 0 {
			return n, io.EOF
		}
		if n == 0 && (err == io.EOF || err == io.ErrUnexpectedEOF) {
			return 0, errShort{b.n, b.a.length}
		}
	} else if err == io.ErrUnexpectedEOF { // TLS: the connection was cut
		if b.strict {
			return n, errUnclean
		}
		err = io.EOF
	}
	if n > 0 {
		err = nil
	}
	return n, err
}

// read takes what is there already, or reads past the buffer.
func (a *answer) read(p []byte) (int, error) {
	if a.r < a.w {
		n := copy(p, a.buf[a.r:a.w])
		a.r += n
		return n, nil
	}
	return a.conn.Read(p)
}

func (b *body) readChunked(p []byte) (int, error) {
	if b.left == 0 {
		if err := b.chunk(); err != nil {
			if err == io.EOF && !b.over || err == io.ErrUnexpectedEOF {
				err = errShort{b.n, -1}
			}
			return 0, err
		}
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.a.read(p)
	b.n += int64(n)
	b.left -= int64(n)
	if b.raw != nil {
		b.raw.Write(p[:n])
	}
	if n > 0 {
		return n, nil
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = errShort{b.n, -1}
	}
	return n, err
}

// rawLine is a line around the chunks.
func (b *body) rawLine() ([]byte, error) {
	line, err := b.a.line()
	if err == nil && b.raw != nil {
		b.raw.Write(line)
		b.raw.Write([]byte("\r\n"))
	}
	return line, err
}

// chunk reads up to the next chunk; io.EOF behind the last.
func (b *body) chunk() error {
	if b.over {
		return io.EOF
	}
	if b.began {
		if line, err := b.rawLine(); err != nil {
			return err
		} else if len(line) > 0 {
			return errInvalid("a chunk of the body is longer than it says")
		}
	}
	b.began = true
	line, err := b.rawLine()
	if err != nil {
		return err
	}
	digits, _, _ := bytes.Cut(line, []byte(";"))
	n, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 62)
	if err != nil {
		return errInvalid("a chunk of the body begins with " + short(string(line)))
	}
	if n > 0 {
		b.left = int64(n)
		return nil
	}
	for size := 0; ; { // trailers
		line, err := b.rawLine()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			b.over = true
			return io.EOF
		}
		if size += len(line); size > maxHead {
			return errInvalid("what follows the last chunk has no end")
		}
	}
}

// end reads the end of a connection behind a body whose length was known. Only
// tls_compliant asks how it came.
func (a *answer) end() error {
	n, err := a.read(a.scratch)
	switch {
	case n > 0:
		return errInvalid("more follows the body than its length says (tls_compliant)")
	case err == io.EOF:
		return nil
	case err == io.ErrUnexpectedEOF:
		return errUnclean
	}
	return err
}
