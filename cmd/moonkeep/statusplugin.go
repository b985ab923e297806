package main

import (
	"fmt"

	"github.com/moonkeep/moonkeep/core/control"
)

// pluginLine is a process of a plugin for people.
func pluginLine(p *control.Plugin) string {
	name := p.Name
	if p.NetNS != "" {
		name += " in " + p.NetNS
	}
	if p.User != "" {
		name += " as " + p.User
	}
	if p.Process > 1 {
		name += fmt.Sprintf(" (%d)", p.Process)
	}
	line := name + ": " + p.State
	if p.PID != 0 {
		line += fmt.Sprintf(", process %d for %s", p.PID, age(p.Age))
	}
	line += fmt.Sprintf(", %s, %s under way, %d answered", count(p.Checks, "check"), count(p.Pending, "probe"), p.Answered)
	if p.Unknown > 0 {
		line += fmt.Sprintf(", %d without a result", p.Unknown)
	}
	if p.Refused > 0 {
		line += fmt.Sprintf(", REFUSES %s, such as %s", count(p.Refused, "check"), p.Refusal)
	}
	if p.Failures > 0 {
		line += ", failed " + times(p.Failures)
	}
	if p.Reason != "" {
		line += fmt.Sprintf("; again in %s: %s", age(p.Retry), p.Reason)
	}
	return line
}

// times is how often something happened, in words.
func times[T uint64 | int](n T) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
