package main

import (
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// TestHarmless: what a server sent steers no terminal.
func TestHarmless(t *testing.T) {
	var out strings.Builder
	r := checker.Result{Verdict: checker.OK, Message: "a\x1b]0;x\ab\r\nHTTP_GET h:2: failed\n", Details: []checker.Detail{{Name: "he\x1bad\n", Text: "HTTP/1.1 200 OK\r\nX: \x1b[2J\u009b2Jä\tz\r\n"}}}
	if err := printProbe(&out, "HTTP_GET", "h:1", r); err != nil {
		t.Fatal(err)
	}
	want := "HTTP_GET h:1: ok: a?]0;x?b / HTTP_GET h:2: failed (0s)\n  he?ad          HTTP/1.1 200 OK\n                 X: ?[2J?2Jä\tz\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", &out, want)
	}
	out.Reset()
	(&trial{out: &out}).say(r)
	if strings.ContainsAny(out.String(), "\x1b\a\r\u009b") || !strings.Contains(out.String(), "X: ?[2J?2Jä\tz") {
		t.Errorf("a trial says %q", &out)
	}
}
