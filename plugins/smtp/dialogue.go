package smtp

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// RFC 5321 section 4.5.3.1.5 has lines of 512 bytes; servers send longer ones.
// An answer of so many lines is none.
const (
	maxLine  = 2048
	maxLines = 100
)

// dialogue is what is said on a connection.
type dialogue struct {
	want    bool
	begin   time.Time
	conn    io.ReadWriter
	renew   func() // gives the next answer connect_timeout anew
	r       *bufio.Reader
	last    string
	details []checker.Detail
}

// start goes on on a connection.
func (d *dialogue) start(conn io.ReadWriter) {
	d.conn, d.r = conn, bufio.NewReaderSize(conn, maxLine)
}

// pending reports whether something was received that nobody read.
func (d *dialogue) pending() bool { return d.r.Buffered() > 0 }

func (d *dialogue) note(name, text string) {
	if d.want {
		d.details = append(d.details, checker.Detail{Name: name, Text: text})
	}
}

// reply reads an answer of one line or more: its code and its last line.
func reply(r *bufio.Reader) (code int, line string, err error) {
	for n := 0; ; n++ {
		b, err := r.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			return 0, "", fmt.Errorf("a line of the answer is longer than %d bytes", maxLine)
		}
		if err != nil {
			if err == io.EOF && len(b) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return 0, "", err
		}
		for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
			b = b[:len(b)-1]
		}
		this := 0
		if len(b) >= 3 {
			this, _ = strconv.Atoi(string(b[:3]))
		}
		if this < 100 || this > 599 || len(b) > 3 && b[3] != ' ' && b[3] != '-' || n > 0 && this != code {
			return 0, "", fmt.Errorf("the answer is no SMTP: %q", b[:min(len(b), 100)])
		}
		code = this
		if len(b) == 3 || b[3] == ' ' {
			return code, string(b), nil
		}
		if n == maxLines {
			return 0, "", fmt.Errorf("the answer has more than %d lines", maxLines)
		}
	}
}

// expect reads an answer and holds its code.
func (d *dialogue) expect(what string, want int) (checker.Result, bool) {
	d.renew()
	code, line, err := reply(d.r)
	if err != nil {
		return checker.Failure(err, what), false
	}
	d.note("received", fmt.Sprintf("%q after %v", line, time.Since(d.begin).Round(time.Microsecond)))
	if code != want {
		return failed(fmt.Sprintf("%s: %q, expected %d", what, line[:min(len(line), 100)], want)), false
	}
	d.last = fmt.Sprintf("%q", line[:min(len(line), 100)])
	return checker.Result{}, true
}

// say sends a line and holds the code of its answer.
func (d *dialogue) say(line, at string, want int) (checker.Result, bool) {
	d.note("sent", line)
	if _, err := io.WriteString(d.conn, line+"\r\n"); err != nil {
		return checker.Failure(err, "send "+line+" to "+at), false
	}
	return d.expect("the answer of "+at+" to "+line, want)
}

// quit ends the dialogue. It waits for the answer, so that the server need not
// write to a connection that is gone; it has what is left of the time of the answer
// before, for it does not count.
func (d *dialogue) quit() {
	d.note("sent", "QUIT")
	if _, err := io.WriteString(d.conn, "QUIT\r\n"); err != nil {
		return // the verdict stands
	}
	if _, line, err := reply(d.r); err == nil {
		d.note("received", fmt.Sprintf("%q", line))
	}
}
