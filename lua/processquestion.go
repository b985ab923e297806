package lua

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// wantedProcess says which processes count: those that meet every condition
// given.
type wantedProcess struct {
	name    string
	cmdline string
	exact   string
	pid     int // from a pid file; 0: any
	user    string
	older   time.Duration
	younger time.Duration
}

// question is a search that goes on.
type question struct {
	*wantedProcess
	p     *Processes
	limit int
	found *[]process
	now   time.Time
	n     int
	// hung is errHung when a line could not be read that may be wanted.
	hung error
}

// consider counts those of the candidates that are wanted.
func (q *question) consider(ctx context.Context, candidates map[int]*process) error {
	if q.found == nil && q.cmdline == "" && q.exact == "" && len(q.name) <= maxComm {
		for _, x := range candidates {
			if q.n == q.limit || ctx.Err() != nil {
				break
			}
			if x.pid != q.p.self && q.p.matches(x, q.wantedProcess, q.now) && q.p.confirm(x, q.now) && q.p.matches(x, q.wantedProcess, q.now) {
				q.n++
			}
		}
		return ctx.Err()
	}
	// Those whose line is known come first: most often nobody needs the others.
	var known, others []*process
	for _, x := range candidates {
		switch {
		case x.pid == q.p.self || !q.p.matchesStat(x, q.wantedProcess, q.now):
		case q.now.Sub(x.commandAt) < resync:
			known = append(known, x)
		default:
			others = append(others, x)
		}
	}
	if err := q.count(ctx, known); err != nil || q.n == q.limit {
		return err
	}
	// The table is free while command lines are read.
	if err := q.learn(ctx, others); err != nil {
		return err
	}
	if err := q.count(ctx, others); err != nil || q.n == q.limit {
		return err
	}
	return q.hung
}

// learn is that of the table; what hangs is noted, and the old text counts.
func (q *question) learn(ctx context.Context, list []*process) error {
	err := q.p.learn(ctx, list, q.now)
	if errors.Is(err, errHung) {
		q.hung, err = err, nil
	}
	return err
}

// count counts those of a list that are wanted, by their command lines.
func (q *question) count(ctx context.Context, list []*process) error {
	for _, x := range list {
		if q.n == q.limit || ctx.Err() != nil {
			break
		}
		if !q.p.matches(x, q.wantedProcess, q.now) || !q.p.confirm(x, q.now) {
			continue
		}
		// It may be another program by now.
		if err := q.learn(ctx, []*process{x}); err != nil {
			return err
		}
		if !q.p.matches(x, q.wantedProcess, q.now) {
			continue
		}
		if q.n++; q.found != nil {
			*q.found = append(*q.found, *x)
		}
	}
	return ctx.Err()
}

// matchesStat reports whether a process meets the conditions that need no command line.
func (p *Processes) matchesStat(x *process, w *wantedProcess, now time.Time) bool {
	if w.name != "" && x.comm != w.name[:min(len(w.name), maxComm)] {
		return false
	}
	if w.older > 0 && p.age(x, now) < w.older || w.younger > 0 && p.age(x, now) >= w.younger {
		return false
	}
	return w.user == "" || p.user(x.uid) == w.user || strconv.Itoa(x.uid) == w.user
}

// matches reports whether a process meets the conditions.
func (p *Processes) matches(x *process, w *wantedProcess, now time.Time) bool {
	if !p.matchesStat(x, w, now) {
		return false
	}
	if len(w.name) > maxComm {
		argv0, _, _ := strings.Cut(x.command, " ")
		if filepath.Base(argv0) != w.name {
			return false
		}
	}
	if w.exact != "" && x.command != w.exact {
		return false
	}
	return w.cmdline == "" || strings.Contains(x.command, w.cmdline)
}
