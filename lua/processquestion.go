package lua

import (
	"context"
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
	// The table is free while command lines are read.
	list := make([]*process, 0, len(candidates))
	for _, x := range candidates {
		if x.pid != q.p.self {
			list = append(list, x)
		}
	}
	if err := q.p.learn(ctx, list, q.now); err != nil {
		return err
	}
	for _, x := range list {
		if q.n == q.limit || ctx.Err() != nil {
			break
		}
		if !q.p.matches(x, q.wantedProcess, q.now) || !q.p.confirm(x, q.now) {
			continue
		}
		// It may be another program by now.
		if err := q.p.learn(ctx, []*process{x}, q.now); err != nil {
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

// matches reports whether a process meets the conditions.
func (p *Processes) matches(x *process, w *wantedProcess, now time.Time) bool {
	if w.name != "" && x.comm != w.name {
		if len(w.name) <= maxComm || x.comm != w.name[:maxComm] {
			return false
		}
		argv0, _, _ := strings.Cut(x.command, " ")
		if filepath.Base(argv0) != w.name {
			return false
		}
	}
	if w.older > 0 && p.age(x, now) < w.older || w.younger > 0 && p.age(x, now) >= w.younger {
		return false
	}
	if w.user != "" && p.user(x.uid) != w.user && strconv.Itoa(x.uid) != w.user {
		return false
	}
	if w.exact != "" && x.command != w.exact {
		return false
	}
	return w.cmdline == "" || strings.Contains(x.command, w.cmdline)
}
