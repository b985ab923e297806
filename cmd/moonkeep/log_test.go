package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestNewLog(t *testing.T) {
	for _, tt := range []struct{ format, level, err string }{
		{"text", "loud", "--log-level loud: use debug, info, warn or error"},
		{"xml", "info", "--log-format xml: use text or json"},
	} {
		if _, _, err := newLog(new(bytes.Buffer), tt.format, tt.level); err == nil || err.Error() != tt.err {
			t.Errorf("%s %s: error %v, want %s", tt.format, tt.level, err, tt.err)
		}
	}
	for format, want := range map[string]string{"text": `level=WARN msg="two words" n=1`, "json": `"level":"WARN","msg":"two words","n":1`} {
		var b bytes.Buffer
		log, flush, err := newLog(&b, format, "warn")
		if err != nil {
			t.Fatal(err)
		}
		log.Info("not this")
		log.Warn("two words", "n", 1)
		flush()
		if got := b.String(); !strings.Contains(got, want) || strings.Contains(got, "not this") {
			t.Errorf("%s: %q", format, got)
		}
	}
}

// gate is a writer that takes a line for each token.
type gate struct {
	tokens chan struct{}
	bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.tokens
	return g.Buffer.Write(p)
}

// TestLogNeverWaits holds that a log which nobody reads holds nobody up, loses
// the newest lines, says so, and ends in time.
func TestLogNeverWaits(t *testing.T) {
	g := &gate{tokens: make(chan struct{})}
	w := newLogWriter(g, func(n int64) { fmt.Fprintf(g, "lost %d\n", n) })
	log := slog.New(slog.NewTextHandler(w, nil))
	for i := range logLines + 50 {
		log.Info("line", "n", i)
	}
	begin := time.Now()
	w.close(50 * time.Millisecond)
	if took := time.Since(begin); took > patience {
		t.Errorf("close took %v", took)
	}
	close(g.tokens)
	<-w.done
	text := g.String()
	// One line may be on its way already, beside those that wait.
	for _, want := range []string{"n=0\n", fmt.Sprintf("n=%d\n", logLines-1), "lost "} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if strings.Contains(text, fmt.Sprintf("n=%d\n", logLines+49)) || strings.Count(text, "lost ") != 1 {
		t.Error("the newest line is there, or the loss was not told once")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestLogSurvivesErrors(t *testing.T) {
	w := newLogWriter(broken{}, func(int64) {})
	for range 3 * logLines {
		if n, err := w.Write([]byte("line\n")); n != 5 || err != nil {
			t.Fatalf("Write returned %d, %v", n, err)
		}
	}
	w.close(patience)
	select {
	case <-w.done:
	default:
		t.Error("the writer goes on after close")
	}
}

// TestLibrariesLogIsOurs: what net/http logs by itself, with data of a peer, is
// one structured line for who debugs, and nothing for others.
func TestLibrariesLogIsOurs(t *testing.T) {
	for _, level := range []string{"debug", "info"} {
		var out strings.Builder
		_, end, err := newLog(&out, "text", level)
		if err != nil {
			t.Fatal(err)
		}
		// An answer that nobody asked for, on a connection that is kept.
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan struct{})
		go func() {
			defer close(served)
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = c.Read(make([]byte, 1024))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			time.Sleep(50 * time.Millisecond)
			_, _ = io.WriteString(c, "HTTP/1.1 200 \x1b[2Jlevel=ERROR\r\n")
			_, _ = c.Read(make([]byte, 1024)) // until the client closes
		}()
		transport := &http.Transport{}
		answer, err := (&http.Client{Transport: transport}).Get("http://" + l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		<-served
		transport.CloseIdleConnections()
		l.Close()
		end()
		said := strings.Contains(out.String(), `level=DEBUG msg="a library says: Unsolicited response`)
		if said != (level == "debug") || strings.Contains(out.String(), "\x1b") || level == "info" && out.Len() > 0 {
			t.Errorf("at level %s: %q", level, out.String())
		}
	}
}
