package checkertest_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/checker/checkertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// banner is a whole checker: what a server says first must begin with a text.
type banner struct{}

func (banner) Info() checker.Info {
	return checker.Info{Name: "BANNER", Version: "1", Doc: "Looks at what a server says first.", Options: []checker.Option{
		{Name: "begins", Type: "string", Required: true, Doc: "What it must begin with."},
	}}
}

func (banner) Prepare(t checker.Target, o checker.Options) (checker.Probe, error) {
	p := &bannerProbe{target: t}
	if err := o.Decode(&p.options); err != nil {
		return nil, err
	}
	if p.options.Begins == "" {
		return nil, errors.New("begins is missing")
	}
	return p, nil
}

type bannerProbe struct {
	target  checker.Target
	options struct {
		Begins string `json:"begins"`
	}
}

func (p *bannerProbe) Probe(ctx context.Context) checker.Result {
	c, err := checker.Dialer(p.target).DialContext(ctx, "tcp", p.target.Address.String())
	if err != nil {
		return checker.Result{Verdict: checker.Failed, Message: err.Error()}
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return checker.Result{Verdict: checker.Failed, Message: err.Error()}
	}
	if !strings.HasPrefix(line, p.options.Begins) {
		return checker.Result{Verdict: checker.Failed, Message: "it says something else"}
	}
	return checker.Result{Verdict: checker.OK, Message: "as expected"}
}

func TestConform(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("220 hello\n"))
			c.Close()
		}
	}()
	target := checker.Target{Address: l.Addr().(*net.TCPAddr).AddrPort(), Timeout: 10 * time.Second}
	checkertest.Conform(t, banner{},
		checkertest.Case{Name: "right", Target: target, Options: map[string]string{"begins": "220"}, Want: checker.OK, Message: "as expected"},
		checkertest.Case{Name: "wrong", Target: target, Options: map[string]string{"begins": "500"}, Want: checker.Failed, Message: "something else"},
	)
}
