//go:build linux

package host

import (
	"context"
	"errors"
	"fmt"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
)

// Describe starts a plugin and returns who it says it is.
func (h *Host) Describe(ctx context.Context, p Plugin) (checker.Info, error) {
	info, _, err := h.Refusals(ctx, p, nil)
	return info, err
}

// Refusals starts a process of a plugin, apart from those that probe, and has it
// prepare checks, of which none is probed. It runs in the network namespace of the first,
// which is that of all. Refusals returns who the plugin says it is
// and, in the order of the checks, why it refuses one; nil is one that it takes.
func (h *Host) Refusals(ctx context.Context, p Plugin, checks []Check) (info checker.Info, refused []error, err error) {
	all := &arranged{plugin: p}
	like := Subject{Kind: p.Name}
	if len(checks) > 0 {
		like.NetNS = checks[0].NetNS
	}
	all.key, all.plugin = h.opts.place(&like, map[string]Plugin{p.Name: p})
	if err := Verify(all.plugin); err != nil {
		return info, nil, err
	}
	st := &starter{spawner: h.spawner, spec: h.spec(all.key, all.plugin), said: func(string) {}}
	if err := h.makeDir(); err != nil {
		return info, nil, err
	}
	defer st.finish()
	stop := context.AfterFunc(ctx, st.abort)
	defer stop()
	l, err := st.start(ctx, h.opts.Dir, h.opts.Start)
	silent := func() error { return fmt.Errorf("%s did not say who it is: %w", p, over(ctx)) }
	switch {
	case err != nil && ctx.Err() != nil && !errors.Is(err, errUnwanted): // it was ended for that
		return info, nil, silent()
	case err != nil:
		return info, nil, fmt.Errorf("%s: %w", p, err)
	}
	defer l.close()
	m, err := l.recv()
	switch {
	case ctx.Err() != nil:
		return info, nil, silent()
	case err != nil:
		return info, nil, fmt.Errorf("%s: %w", p, st.explain(err))
	case m.Hello == nil:
		return info, nil, fmt.Errorf("%s began without saying who it is", p)
	}
	info = infoOf(m.Hello)
	if refused, err = refusals(l, checks); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("it did not answer whether it takes a check: %w", over(ctx))
		}
		return info, nil, fmt.Errorf("%s: %w", p, st.explain(err))
	}
	return info, refused, nil
}

// over says in words why a context ended.
func over(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("its time was up")
	}
	return ctx.Err()
}

// refusals has a process prepare checks, some at a time, so that neither side
// waits with full hands for the other.
func refusals(l link, checks []Check) ([]error, error) {
	refused := make([]error, len(checks))
	answered := make([]bool, len(checks))
	for next, open := 0, 0; next < len(checks) || open > 0; {
		if open == 0 {
			m := &checkerpb.FromHost{}
			for room := maxOctets; next < len(checks) && open < maxPrepare; next, open = next+1, open+1 {
				if room -= octetsPrepare(&slot{check: checks[next].Subject}); room < 0 && open > 0 {
					break
				}
				m.Prepare = append(m.Prepare, prepareOf(checks[next].Subject, uint32(next), ""))
			}
			if err := l.send(m); err != nil {
				return nil, err
			}
		}
		m, err := l.recv()
		if err != nil {
			return nil, err
		}
		for _, p := range m.GetPrepared() {
			id := int(p.GetCheck())
			if id >= next || answered[id] {
				return nil, fmt.Errorf("it prepared check %d, which it was not asked for", id)
			}
			answered[id], open = true, open-1
			if text := cut(p.GetError()); text != "" {
				refused[id] = errors.New(text)
			}
		}
	}
	return refused, nil
}
