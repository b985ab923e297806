package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
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
