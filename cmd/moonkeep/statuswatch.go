package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/moonkeep/moonkeep/core/control"
)

// printWatched writes the tracked files and processes.
func printWatched(b *strings.Builder, s *control.Status) {
	if len(s.Files) > 0 {
		b.WriteString("\ntracked files\n")
		tw := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
		for i := range s.Files {
			f := &s.Files[i]
			fmt.Fprintf(tw, "  %s\t%s\t%s\n", f.Name, content(f), trackedBy(f.TrackedBy))
		}
		tw.Flush() // strings.Builder does not fail
	}
	if len(s.Processes) == 0 {
		return
	}
	b.WriteString("\ntracked processes\n")
	tw := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	for i := range s.Processes {
		p := &s.Processes[i]
		fmt.Fprintf(tw, "  %s\t%s\t%s\n", p.Name, running(p), trackedBy(p.TrackedBy))
	}
	tw.Flush()
	fmt.Fprintf(b, "  counted by %s\n", or(s.Processes[0].Method, "nothing yet"))
}

func content(f *control.File) string {
	switch {
	case f.Error != "":
		return "UNUSABLE: " + f.Error
	case f.Value == nil:
		return "not read yet"
	case f.Missing:
		return fmt.Sprintf("missing for %s, which counts as 0", age(*f.SinceAge))
	}
	return fmt.Sprintf("%d for %s", *f.Value, age(*f.SinceAge))
}

func running(p *control.Process) string {
	switch {
	case p.Error != "":
		return "CANNOT BE COUNTED: " + p.Error
	case p.Count == nil:
		return "not counted yet"
	}
	text := fmt.Sprintf("%s for %s: %d, %s wanted", p.State, age(*p.SinceAge), *p.Count, p.Wanted())
	if p.ChangesIn != nil {
		text += ", changes in " + age(*p.ChangesIn)
	}
	return text
}

func trackedBy(names []string) string {
	if len(names) == 0 {
		return "nothing tracks it"
	}
	return "for " + some(names)
}
