package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/excerpt"
	"github.com/moonkeep/moonkeep/config/silence"
	"github.com/moonkeep/moonkeep/core/control"
)

// printFindings prints findings in the form that is asked for. Programs that
// read them get one line for each; people who look at a terminal get the
// lines of the file as well, and colours.
func printFindings(w io.Writer, found config.Findings, texts []silence.Text, o checkOptions) error {
	if o.json {
		return printJSON(w, found)
	}
	f, isFile := w.(*os.File)
	looking := isFile && terminal(f)
	p := findingPrinter{colours: looking && colourful(os.Getenv)}
	if o.excerpt || looking && !o.brief {
		p.sources = sources(found, texts)
	}
	for _, x := range found {
		p.print(x)
	}
	_, err := io.WriteString(w, p.out.String())
	return err
}

// sources makes those texts ready to be shown that findings are about.
func sources(found config.Findings, texts []silence.Text) map[string]*excerpt.Text {
	out := map[string]*excerpt.Text{}
	for _, t := range texts {
		if slices.ContainsFunc(found, func(f config.Finding) bool { return f.At.File() == t.File }) {
			out[t.File] = excerpt.New(t.File, t.Data)
		}
	}
	return out
}

// colourful reports whether a terminal is to be written to in colours:
// NO_COLOR (no-color.org) and terminals that have none say no.
func colourful(env func(string) string) bool {
	return env("NO_COLOR") == "" && env("TERM") != "dumb" && env("TERM") != ""
}

// The colours, as compilers have them.
const (
	plain   = "\x1b[0m"
	bold    = "\x1b[1m"
	red     = "\x1b[1;31m"
	magenta = "\x1b[1;35m"
	green   = "\x1b[1;32m"
)

// findingPrinter writes findings for people.
type findingPrinter struct {
	out     strings.Builder
	colours bool
	// sources are the texts to show lines of, by file; none without excerpts.
	sources map[string]*excerpt.Text
}

func (p *findingPrinter) print(f config.Finding) {
	shade := magenta
	if f.Severity == config.Error {
		shade = red
	}
	// The line is that of Finding.String; only the colours are added.
	line := f.String()
	place := f.At.String() + ": "
	severity := f.Severity.String() + ": "
	fmt.Fprintln(&p.out, p.in(bold, place)+p.in(shade, severity)+strings.TrimPrefix(line, place+severity))
	source := p.sources[f.At.File()]
	if source == nil {
		return
	}
	if text, caret, ok := source.Line(f.At.Line(), f.At.Column()); ok {
		fmt.Fprintf(&p.out, "    %s\n    %s\n", text, strings.TrimSuffix(caret, "^")+p.in(green, "^"))
	}
}

// in returns a text in a colour.
func (p *findingPrinter) in(colour, text string) string {
	if !p.colours {
		return text
	}
	return colour + text + plain
}

func printJSON(w io.Writer, found config.Findings) error {
	all := make([]control.Finding, len(found))
	for i := range found {
		all[i] = daemon.Finding(&found[i])
	}
	return printIndented(w, all)
}

// summary counts what was found. failed says that check says no, lacking that
// this host cannot run the configuration.
func summary(found config.Findings, files, silenced int, failed, lacking bool) string {
	wrong, doubtful := 0, 0
	for _, f := range found {
		if f.Severity == config.Error {
			wrong++
		} else {
			doubtful++
		}
	}
	text := fmt.Sprintf("%s: %s, %s", count(files, "file"), count(wrong, "error"), count(doubtful, "warning"))
	if silenced > 0 {
		text += fmt.Sprintf(", %d silenced", silenced)
	}
	switch {
	case wrong > 0:
		return text + "; this cannot run"
	case failed:
		return text + "; --strict takes no warning"
	case lacking:
		return text + "; this host lacks something that the configuration needs"
	case doubtful > 0:
		return text + "; this can run"
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
