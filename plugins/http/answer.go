package http

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// An answer's head may be so long, and one of its lines.
const (
	maxHead = 64 << 10
	maxLine = 16 << 10
)

// answer reads an HTTP/1 response from a connection. It is used again for the
// next one.
type answer struct {
	conn io.Reader
	// buf[r:w] was read and not used yet.
	buf  []byte
	r, w int
	// head counts the bytes of the head; record keeps them when it is wanted.
	head   int
	want   bool
	record []byte
	// what the head says
	status   int
	chunked  bool
	length   int64 // -1: until the end
	location string
	// scratch is where what follows the head is read to; nil before.
	scratch []byte
}

// shortBuffer is room for most lines.
const shortBuffer = 4 << 10

// room is what bodies are read to. Thousands of probes may wait for a head, and need none.
type room [8 << 10]byte

func newAnswer() *answer {
	return &answer{buf: make([]byte, shortBuffer)}
}

func (a *answer) reset(conn io.Reader, want bool) {
	*a = answer{conn: conn, buf: a.buf, want: want, length: -1}
	if len(a.buf) > shortBuffer { // one long line does not make it long for good
		a.buf = make([]byte, shortBuffer)
	}
}

// errInvalid is what is no answer of HTTP.
type errInvalid string

func (e errInvalid) Error() string { return string(e) }

// fill reads more behind what is there.
func (a *answer) fill() error {
	if a.r > 0 {
		a.w = copy(a.buf, a.buf[a.r:a.w])
		a.r = 0
	}
	if a.w == len(a.buf) {
		if len(a.buf) >= maxLine {
			return errInvalid(fmt.Sprintf("a line of the answer is longer than %d bytes", maxLine))
		}
		a.buf = append(a.buf, make([]byte, len(a.buf))...)
	}
	n, err := a.conn.Read(a.buf[a.w:])
	a.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// line returns the next line without its end. It is valid until the next call.
func (a *answer) line() ([]byte, error) {
	for from := a.r; ; {
		if i := bytes.IndexByte(a.buf[from:a.w], '\n'); i >= 0 {
			line := a.buf[a.r : from+i]
			a.r = from + i + 1
			return bytes.TrimSuffix(line, []byte("\r")), nil
		}
		seen := a.w - a.r
		if err := a.fill(); err != nil {
			return nil, err
		}
		from = a.r + seen
	}
}

// errEmpty is a connection that was closed without an answer.
var errEmpty = errors.New("the server closed the connection without an answer")

// readHead reads the status line and the headers. Interim answers are skipped.
func (a *answer) readHead(method string) error {
	for {
		if err := a.statusLine(); err != nil {
			return err
		}
		if err := a.headers(); err != nil {
			return err
		}
		if a.status >= 200 || a.status == 101 {
			break
		}
		a.chunked, a.length, a.location = false, -1, ""
	}
	if method == "HEAD" || a.status == 204 || a.status == 304 {
		a.chunked, a.length = false, 0
	}
	return nil
}

func (a *answer) headLine() ([]byte, error) {
	line, err := a.line()
	if err != nil {
		return nil, err
	}
	if a.head += len(line) + 2; a.head > maxHead {
		return nil, errInvalid(fmt.Sprintf("the head of the answer is longer than %d bytes", maxHead))
	}
	if a.want {
		a.record = append(append(a.record, line...), '\n')
	}
	return line, nil
}

func (a *answer) statusLine() error {
	line, err := a.headLine()
	if err != nil {
		if (err == io.EOF || err == io.ErrUnexpectedEOF) && a.w == a.r && a.head == 0 {
			return errEmpty
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return errInvalid("the answer is no HTTP: " + short(string(a.buf[a.r:a.w])))
		}
		return err
	}
	// HTTP/1.1 200 OK
	bad := errInvalid("the answer is no HTTP: " + short(string(line)))
	version, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || !isHTTP(version) {
		return bad
	}
	rest = bytes.TrimLeft(rest, " ")
	if len(rest) < 3 || !digit(rest[0]) || !digit(rest[1]) || !digit(rest[2]) || len(rest) > 3 && rest[3] != ' ' {
		return bad
	}
	a.status = int(rest[0]-'0')*100 + int(rest[1]-'0')*10 + int(rest[2]-'0')
	if a.status < 100 {
		return bad
	}
	return nil
}

// isHTTP reports whether the first word of an answer says that it is one. Gateways of
// HTTP/2 and HTTP/3 write a version without a minor number, and servers of streams that
// speak as SHOUTcast does write ICY. keepalived takes any word.
func isHTTP(version []byte) bool {
	if string(version) == "ICY" {
		return true
	}
	number, ok := bytes.CutPrefix(version, []byte("HTTP/"))
	major, minor, dotted := bytes.Cut(number, []byte("."))
	return ok && digits(major) && (!dotted || digits(minor))
}

func digits(b []byte) bool {
	return len(b) > 0 && !bytes.ContainsFunc(b, func(r rune) bool { return r < '0' || r > '9' })
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func (a *answer) headers() error {
	for {
		line, err := a.headLine()
		if err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return errInvalid("the answer ends in its head")
			}
			return err
		}
		if len(line) == 0 {
			return nil
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue // keepalived looks at no header; those without effect are not judged
		}
		value = bytes.TrimSpace(value)
		switch len(name) { // most headers are none of these
		case len("Content-Length"):
			if bytes.EqualFold(name, []byte("Content-Length")) {
				n, err := strconv.ParseUint(string(value), 10, 63)
				if err != nil || a.length >= 0 && a.length != int64(n) {
					return errInvalid("the answer's Content-Length is " + short(string(value)))
				}
				a.length = int64(n)
			}
		case len("Transfer-Encoding"):
			if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
				last := value[bytes.LastIndexByte(value, ',')+1:]
				a.chunked = bytes.EqualFold(bytes.TrimSpace(last), []byte("chunked"))
			}
		case len("Location"):
			if bytes.EqualFold(name, []byte("Location")) {
				a.location = string(value[:min(len(value), 200)])
			}
		}
	}
}
