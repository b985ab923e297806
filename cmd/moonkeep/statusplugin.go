package main

import (
	"fmt"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// pluginStatus is the processes of plugins as the status tells of them.
func pluginStatus(list []pluginhost.Status, now time.Time) []control.Plugin {
	out := make([]control.Plugin, len(list))
	for i, s := range list {
		out[i] = control.Plugin{
			Name: s.Name, NetNS: s.NetNS, User: s.User, Path: s.Path, Version: s.Version, State: string(s.State), PID: s.Pid,
			Starts: s.Starts, Failures: s.Failures, Checks: s.Checks, Pending: s.Under,
			Answered: s.Answered, Unknown: s.Unknown, Late: s.Late, Reason: s.Reason,
		}
		if s.Pid != 0 {
			out[i].Age = max(0, now.Sub(s.Since).Seconds())
		}
		if !s.Retry.IsZero() {
			out[i].Retry = max(0, s.Retry.Sub(now).Seconds())
		}
	}
	return out
}

// pluginLine is a process of a plugin for people.
func pluginLine(p *control.Plugin) string {
	name := p.Name
	if p.NetNS != "" {
		name += " in " + p.NetNS
	}
	if p.User != "" {
		name += " as " + p.User
	}
	line := name + ": " + p.State
	if p.PID != 0 {
		line += fmt.Sprintf(", process %d for %s", p.PID, age(p.Age))
	}
	line += fmt.Sprintf(", %d checks, %d probes under way, %d answered", p.Checks, p.Pending, p.Answered)
	if p.Unknown > 0 {
		line += fmt.Sprintf(", %d without a result", p.Unknown)
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
