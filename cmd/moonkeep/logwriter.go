package main

import (
	"bytes"
	"io"
	"sync/atomic"
	"time"
)

// logLines is how many lines wait for a slow reader of the log.
const logLines = 1024

// logWriter keeps those who log from waiting for those who read: a terminal
// that is stopped or a pipe that nobody empties must not hold up a role change
// or a stop. It takes whole lines and writes them in order from a goroutine of
// its own, until close. A line that finds the queue full is dropped and
// counted. A line that cannot be written, to a full disk or to a reader that
// is gone, is lost: there is nowhere to say so.
type logWriter struct {
	w     io.Writer
	lines chan []byte
	// dropped counts since the last line that was written.
	dropped atomic.Int64
	stop    chan struct{}
	done    chan struct{}
	// lost writes a line about dropped ones to w.
	lost func(count int64)
}

func newLogWriter(w io.Writer, lost func(count int64)) *logWriter {
	l := &logWriter{w: w, lines: make(chan []byte, logLines), stop: make(chan struct{}), done: make(chan struct{}), lost: lost}
	go l.work()
	return l
}

// Write queues one line. It never fails.
func (l *logWriter) Write(line []byte) (int, error) {
	select {
	case l.lines <- bytes.Clone(line):
	default:
		l.dropped.Add(1)
	}
	return len(line), nil
}

func (l *logWriter) work() {
	defer close(l.done)
	for {
		select {
		case line := <-l.lines:
			l.put(line)
		case <-l.stop:
			for i := len(l.lines); i > 0; i-- {
				l.put(<-l.lines)
			}
			return
		}
	}
}

func (l *logWriter) put(line []byte) {
	_, _ = l.w.Write(line) // see above
	if n := l.dropped.Swap(0); n > 0 {
		l.lost(n)
	}
}

// close writes what waits, for at most the limit. What is logged afterwards is
// lost. It is called once.
func (l *logWriter) close(limit time.Duration) {
	close(l.stop)
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-l.done:
	case <-t.C:
	}
}
