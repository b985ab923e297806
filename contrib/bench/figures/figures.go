// Package figures gathers what the benchmarks measure, and writes their tables. It
// measures nothing and knows no benchmark: the programs in contrib/bench call it
// with their values and with lines of text.
package figures

import (
	"fmt"
	"io"
	"strings"
)

// Print writes lines, of which the first is the head, aligned or as markdown. All
// have as many cells.
func Print(out io.Writer, lines [][]string, markdown bool) {
	if markdown {
		rule := strings.Repeat("|---", len(lines[0])) + "|"
		for i, line := range lines {
			fmt.Fprintf(out, "| %s |\n", strings.Join(line, " | "))
			if i == 0 {
				fmt.Fprintln(out, rule)
			}
		}
		return
	}
	width := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], len(cell))
		}
	}
	for _, line := range lines {
		var b strings.Builder
		for i, cell := range line {
			fmt.Fprintf(&b, "%-*s  ", width[i], cell)
		}
		fmt.Fprintln(out, strings.TrimRight(b.String(), " "))
	}
}
