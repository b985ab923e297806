package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// harmless is what a server sent, for a terminal: what would steer that is a question
// mark, but for tabs and the ends of lines.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, strings.ReplaceAll(text, "\r\n", "\n"))
}

// inLine is harmless of what is to stand on one line.
func inLine(text string) string {
	return strings.ReplaceAll(strings.TrimRight(harmless(text), "\n"), "\n", " / ")
}

func printProbe(w io.Writer, name, host string, r checker.Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", strings.TrimSpace(name+" "+host), r.Verdict)
	if r.Message != "" {
		b.WriteString(": " + inLine(r.Message))
	}
	if r.Weight != nil {
		fmt.Fprintf(&b, ", weight %d", *r.Weight)
	}
	fmt.Fprintf(&b, " (%s)\n", r.Latency.Round(time.Microsecond))
	for _, d := range r.Details {
		if d.Text == "" {
			continue
		}
		for i, text := range strings.Split(strings.TrimRight(harmless(d.Text), "\n"), "\n") {
			label := inLine(d.Name)
			if i > 0 {
				label = ""
			}
			fmt.Fprintf(&b, "  %-14s %s\n", label, text)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// probeJSON is the stable shape of a probe's result.
type probeJSON struct {
	Check   string       `json:"check"`
	Host    string       `json:"host,omitempty"`
	Verdict string       `json:"verdict"`
	Message string       `json:"message"`
	Micros  int64        `json:"latency_us"`
	Weight  *int         `json:"weight,omitempty"`
	Details []detailJSON `json:"details"`
}

type detailJSON struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

func printProbeJSON(w io.Writer, name, host string, r checker.Result) error {
	out := probeJSON{name, host, r.Verdict.String(), r.Message, r.Latency.Microseconds(), r.Weight, []detailJSON{}}
	for _, d := range r.Details {
		out.Details = append(out.Details, detailJSON(d))
	}
	return printIndented(w, out)
}
