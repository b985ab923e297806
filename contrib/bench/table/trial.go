//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/contrib/bench/subject"
	"github.com/moonkeep/moonkeep/core/kernel/ipvs"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// trial is one program at one size.
type trial struct {
	settings
	program string
	n       int
	report  func(figure string, v float64)

	dir   string
	ns    *netns.NS
	table *os.File // the kernel's list
	conn  *ipvs.Conn
	*subject.Daemon
	// listener is the real server that dies, others all others.
	listener, others net.Listener
}

// rest is how long a program is left alone between two measurements.
const rest = 3 * time.Second

func (t *trial) run(ctx context.Context) (err error) {
	if t.dir, err = os.MkdirTemp("", "bench-table-"); err != nil {
		return err
	}
	defer os.RemoveAll(t.dir)
	if t.ns, err = netns.New(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.ns.Close()) }()
	err = t.ns.Do(func() (err error) {
		// The real servers are the director itself.
		for _, line := range []string{"link set lo up", "route add local 10.32.0.0/16 dev lo"} {
			if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
				return fmt.Errorf("ip %s: %w: %s", line, err, out)
			}
		}
		if t.conn, err = ipvs.Open(true); err != nil {
			return err
		}
		t.table, err = os.Open("/proc/thread-self/net/ip_vs")
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.conn.Close(), t.table.Close()) }()
	defer func() { err = errors.Join(err, t.Kill()) }()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{{"", t.start}, {"reload", t.reload}, {"deaths", t.deaths}, {"", t.stop}} {
		if step.name != "" && !slices.Contains(t.steps, step.name) {
			continue
		}
		if err := step.do(ctx); err != nil {
			if t.Daemon != nil {
				err = fmt.Errorf("%w; its log ends with:\n%s", err, t.Words())
			}
			return err
		}
		time.Sleep(rest)
	}
	return nil
}

// count is how many destinations the table has.
func (t *trial) count() (int, error) {
	if _, err := t.table.Seek(0, 0); err != nil {
		return 0, err
	}
	n, b := 0, make([]byte, 1<<20)
	last := byte('\n')
	for {
		size, err := t.table.Read(b)
		for i, c := range b[:size] {
			// Lines of destinations begin with an arrow, indented.
			if c == '>' && i > 0 && b[i-1] == '-' || c == '>' && i == 0 && last == '-' {
				n++
			}
		}
		if size == 0 || err != nil {
			return max(0, n-1), nil // one is in the headings
		}
		last = b[size-1]
	}
}

// wait asks until something is so. An answer that is costly is asked for less
// often, so that the asking does not count.
func (t *trial) wait(ctx context.Context, what string, pause time.Duration, is func() (bool, error)) error {
	const share = 4
	for began := time.Now(); ; {
		asked := time.Now()
		ok, err := is()
		if ok || err != nil {
			return err
		}
		if err := t.Lives(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if time.Since(began) > t.limit {
			return fmt.Errorf("%s: not within %v", what, t.limit)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(pause, share*time.Since(asked))):
		}
	}
}

func (t *trial) start(ctx context.Context) (err error) {
	if t.others, err = t.listen(":80"); err == nil {
		err = t.revive()
	}
	if err != nil {
		return err
	}
	costs, err := t.costs()
	if err != nil {
		return err
	}
	t.Daemon, err = t.Start(t.program, subject.Checkers, t.ns, t.dir, configuration(t.n, t.per, false))
	if err != nil {
		return err
	}
	err = t.wait(ctx, "make the table", 20*time.Millisecond, func() (bool, error) {
		n, err := t.count()
		return n >= t.n+1, err
	})
	if err != nil {
		return err
	}
	t.report("start until the table is complete", time.Since(t.Begun).Seconds())
	return costs("start, CPU of the guest")
}

// costs begins to count what the guest costs. The function that it returns reports it,
// where there is a guest: how long something takes depends on what else its machine does,
// this does not.
func (t *trial) costs() (report func(figure string) error, err error) {
	if t.meter == nil {
		return func(string) error { return nil }, nil
	}
	before, err := t.meter.CPU()
	return func(figure string) error {
		now, err := t.meter.CPU()
		if err == nil {
			t.report(figure, (now - before).Seconds())
		}
		return err
	}, err
}

// reload changes something in ten services.
func (t *trial) reload(ctx context.Context) error {
	ops, err := newTap(t.ns)
	if err != nil {
		return err
	}
	defer ops.close()
	if err := t.Configure(configuration(t.n, t.per, true)); err != nil {
		return err
	}
	costs, err := t.costs()
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := t.Reload(); err != nil {
		return err
	}
	err = t.wait(ctx, "reload", 5*time.Millisecond, func() (bool, error) {
		for i, s := range changed(t.n, t.per) {
			list, err := t.conn.Destinations(key(service(s)))
			if err != nil {
				return false, err
			}
			full := min(t.per, t.n-s*t.per)
			weights := int32(0)
			for _, d := range list {
				weights += d.Weight
			}
			if i%2 == 0 && weights != int32((full-1)*weight+otherWeight) || i%2 == 1 && len(list) != full-1 {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	t.report(fmt.Sprintf("reload with %d changes", changes), time.Since(begun).Seconds())
	if err := costs("reload, CPU of the guest"); err != nil {
		return err
	}
	time.Sleep(rest)
	n, err := ops.operations()
	if err != nil {
		return err
	}
	t.report("operations of the kernel in the reload", float64(n))
	return nil
}

// listen has real servers answer.
func (t *trial) listen(address string) (l net.Listener, err error) {
	err = t.ns.Do(func() (err error) {
		l, err = net.Listen("tcp", address)
		return err
	})
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			_ = c.Close()
		}
	}()
	return l, nil
}

// revive has the server that dies answer.
func (t *trial) revive() (err error) {
	t.listener, err = t.listen(victim.String())
	return err
}

// deaths has the one real server die and come back.
func (t *trial) deaths(ctx context.Context) error {
	serves := func(want bool) func() (bool, error) {
		return func() (bool, error) {
			list, err := t.conn.Destinations(key(victimService()))
			return len(list) > 0 == want, err
		}
	}
	if err := t.wait(ctx, "have the server that dies in the table", time.Millisecond, serves(true)); err != nil {
		return err
	}
	for range t.settings.deaths {
		// At any time between two checks.
		time.Sleep(time.Second + rand.N(time.Second))
		begun := time.Now()
		if err := t.listener.Close(); err != nil {
			return err
		}
		if err := t.wait(ctx, "remove the server that died", 2*time.Millisecond, serves(false)); err != nil {
			return err
		}
		t.report("death of a server until it is out (checked every second)", time.Since(begun).Seconds())
		if err := t.revive(); err != nil {
			return err
		}
		if err := t.wait(ctx, "have the server back", 10*time.Millisecond, serves(true)); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) stop(context.Context) error {
	rss, _, err := t.Memory()
	if err != nil {
		return err
	}
	t.report("memory, MiB", float64(rss)/(1<<20))
	took, err := t.Stop(t.limit)
	if err != nil {
		return err
	}
	t.report("stop until it has ended", took.Seconds())
	n, err := t.count()
	t.report("real servers left behind by the stop", float64(n))
	return errors.Join(err, t.listener.Close(), t.others.Close())
}
