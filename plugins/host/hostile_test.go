//go:build linux

package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
)

// be is the plugin of a kind: in this process, and for good.
func be(kind string) {
	kind, _, _ = strings.Cut(kind, "-")
	switch kind {
	case "GOOD":
		checker.Serve(good{os.Args[len(os.Args)-1]})
	case "LATE":
		time.Sleep(time.Second)
		checker.Serve(good{os.Args[len(os.Args)-1]})
	case "WIPED":
		untilWiped()
		checker.Serve(good{os.Args[len(os.Args)-1]})
	case "LIGHT":
		runtime.GOMAXPROCS(4) // Serve has it on one, whatever the machine has
		checker.Serve(light{good{os.Args[len(os.Args)-1]}})
	case "HEAVY":
		checker.Serve(heavy{light{good{os.Args[len(os.Args)-1]}}})
	case "NEVER":
		runtime.GOMAXPROCS(4)
		checker.Serve(never{light{good{os.Args[len(os.Args)-1]}}})
	case "MUTE":
		time.Sleep(time.Hour)
	case "CHATTY":
		_, _ = os.Stdout.Write(bytes.Repeat([]byte("x"), 1<<20))
		select {}
	case "HELLO":
		fmt.Println("hello world")
		select {}
	case "FORKER":
		fmt.Fprintln(os.Stderr, "FORKER: 2: Cannot fork")
		os.Exit(2)
	case "EMPTY":
		fmt.Fprintln(os.Stderr, "I cannot go on")
		os.Exit(3)
	case "FUTURE":
		raw(7, func(checkerpb.Checker_SessionServer) error { return nil })
	case "SHY":
		raw(1, func(s checkerpb.Checker_SessionServer) error {
			time.Sleep(time.Second)
			return obey(s)
		})
	case "NAMELESS":
		raw(1, func(s checkerpb.Checker_SessionServer) error {
			_ = s.Send(&checkerpb.FromPlugin{Pong: 1})
			<-s.Context().Done()
			return nil
		})
	case "IMPOSTOR":
		raw(1, func(s checkerpb.Checker_SessionServer) error {
			_ = s.Send(&checkerpb.FromPlugin{Hello: &checkerpb.Hello{Name: "ANOTHER"}})
			<-s.Context().Done()
			return nil
		})
	case "NOISE":
		noise()
	case "FILLS":
		fill(1 << 30)
	case "FRAMES":
		frames()
	case "ELSEWHERE":
		elsewhere()
	case "STUBBORN":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
		raw(1, obey)
	case "HOSTILE":
		raw(1, obey)
	}
	fmt.Fprintln(os.Stderr, "there is no such plugin here:", kind)
	os.Exit(2)
}

// raw serves the protocol without the SDK: it ends neither with the host nor
// when it is asked to.
func raw(version int, session func(checkerpb.Checker_SessionServer) error) {
	h := checker.Handshake()
	h.ProtocolVersion = uint(version)
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  h,
		VersionedPlugins: map[int]plugin.PluginSet{version: {checker.PluginName: &rawGlue{session: session}}},
		GRPCServer:       plugin.DefaultGRPCServer,
	})
	select {}
}

type rawGlue struct {
	plugin.NetRPCUnsupportedPlugin
	checkerpb.UnimplementedCheckerServer
	session func(checkerpb.Checker_SessionServer) error
}

func (g *rawGlue) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	checkerpb.RegisterCheckerServer(s, g)
	return nil
}

func (g *rawGlue) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

func (g *rawGlue) Session(s grpc.BidiStreamingServer[checkerpb.FromHost, checkerpb.FromPlugin]) error {
	return g.session(s)
}

// obey answers as the options of the check say, mostly wrongly.
func obey(s checkerpb.Checker_SessionServer) error {
	kind := os.Args[len(os.Args)-1]
	if err := s.Send(&checkerpb.FromPlugin{Hello: &checkerpb.Hello{Name: kind, Version: "raw"}}); err != nil {
		return err
	}
	do := map[uint32]string{}
	var asked []uint32 // probes of a check that is behind
	starved := false   // it answers no ping
	for {
		m, err := s.Recv()
		if err != nil {
			return err
		}
		out := &checkerpb.FromPlugin{Pong: m.GetPing()}
		for _, p := range m.GetPrepare() {
			do[p.GetCheck()] = p.GetOptions()
			out.Prepared = append(out.Prepared, &checkerpb.Prepared{Check: p.GetCheck()})
		}
		for _, p := range m.GetStart() {
			r := &checkerpb.Result{Check: p.GetCheck(), Probe: p.GetProbe(), Verdict: checkerpb.Verdict_OK}
			what := do[p.GetCheck()]
			switch {
			case strings.Contains(what, "wrong-probe"):
				r.Probe += 7
			case strings.Contains(what, "wrong-check"):
				r.Check += 1000
			case strings.Contains(what, "other-check"):
				r.Check, r.Verdict = 0, checkerpb.Verdict_FAILED
			case strings.Contains(what, "wrong-verdict"):
				r.Verdict = 9
			case strings.Contains(what, "twice"):
				out.Results = append(out.Results, r)
			case strings.Contains(what, "behind"):
				if asked = append(asked, r.Probe); len(asked) < 3 {
					continue
				}
				r.Probe = asked[len(asked)-3]
			case strings.Contains(what, "slow"):
				starved = true
				time.AfterFunc(300*time.Millisecond, func() { _ = s.Send(&checkerpb.FromPlugin{Results: []*checkerpb.Result{r}}) })
				continue
			case strings.Contains(what, "repeat"):
				starved = true
				time.AfterFunc(300*time.Millisecond, func() {
					for range time.Tick(50 * time.Millisecond) {
						_ = s.Send(&checkerpb.FromPlugin{Results: []*checkerpb.Result{r}})
					}
				})
				continue
			case strings.Contains(what, "huge"):
				r.Message = strings.Repeat("x", 8<<20)
			case strings.Contains(what, "silent"):
				continue
			case strings.Contains(what, "leave"):
				return nil
			case strings.Contains(what, "deaf"):
				return talk(s, time.Tick(10*time.Millisecond))
			case strings.Contains(what, "large"):
				for range 1000 { // few, of logs that nobody wants
					if err := s.Send(&checkerpb.FromPlugin{Logs: []*checkerpb.Log{{Message: strings.Repeat("x", 1<<20)}}}); err != nil {
						return err
					}
				}
				continue
			case strings.Contains(what, "flood"):
				for range 1 << 20 { // between two answers to pings
					if err := s.Send(&checkerpb.FromPlugin{}); err != nil {
						return err
					}
				}
			case strings.Contains(what, "prepares"):
				for { // what it was asked for once
					if err := s.Send(&checkerpb.FromPlugin{Prepared: []*checkerpb.Prepared{{Check: p.GetCheck()}}}); err != nil {
						return err
					}
				}
			case strings.Contains(what, "hello"):
				out.Hello = &checkerpb.Hello{Name: kind}
			}
			out.Results = append(out.Results, r)
		}
		if starved {
			continue
		}
		if err := s.Send(out); err != nil {
			return err
		}
	}
}

// talk says at each tick what nobody asked, and listens no more.
func talk(s checkerpb.Checker_SessionServer, tick <-chan time.Time) error {
	for range tick {
		m := &checkerpb.FromPlugin{Pong: 1, Logs: []*checkerpb.Log{{Message: "all is well"}}}
		if err := s.Send(m); err != nil {
			return err
		}
	}
	return nil
}

// greet prints what makes a host connect to a socket.
func greet(path string) { fmt.Printf("1|1|unix|%s|grpc\n", path) }

// noise answers what is not gRPC.
func noise() {
	path := filepath.Join(os.Getenv(plugin.EnvUnixSocketDir), "noise")
	l, err := net.Listen("unix", path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	greet(path)
	for {
		c, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		_, _ = c.Write(bytes.Repeat([]byte("\xff\x00noise"), 10000))
	}
}

// elsewhere makes its socket a link to another user's.
func elsewhere() {
	dir := os.Getenv(plugin.EnvUnixSocketDir)
	greet(filepath.Join(dir, "..", "..", "control.sock")) // the name only is taken
	select {}
}

// The actions of good that are not.
func init() {
	actions["data"] = func(context.Context, checker.Target) checker.Result {
		b, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return checker.Result{Message: err.Error()}
		}
		return checker.Result{Verdict: checker.OK, Message: strings.ReplaceAll(string(b), "\n", " ")}
	}
	actions["shout"] = func(context.Context, checker.Target) checker.Result {
		var n [2]atomic.Int64
		for i, f := range []*os.File{os.Stdout, os.Stderr} {
			go func() {
				line := []byte(strings.Repeat("x", 1023) + "\n")
				for {
					k, err := f.Write(line)
					if n[i].Add(int64(k)); err != nil {
						return
					}
				}
			}()
		}
		begin := time.Now()
		time.Sleep(time.Second)
		rate := func(i int) int64 { return int64(float64(n[i].Load()) / time.Since(begin).Seconds()) }
		return checker.Result{Verdict: checker.OK, Message: fmt.Sprintf("%d and %d", rate(0), rate(1))}
	}
	actions["refused"] = func(ctx context.Context, t checker.Target) checker.Result {
		r := actions["impatient"](ctx, t)
		if r.Verdict == checker.Failed { // as late
			r = checker.Result{Verdict: checker.Failed, Message: "connection refused"}
		}
		return r
	}
	actions["impatient"] = func(ctx context.Context, _ checker.Target) checker.Result {
		begin := time.Now()
		select {
		case <-time.After(200 * time.Millisecond): // the server's answer
		case <-ctx.Done():
			return checker.Result{Message: "called off"}
		}
		if took := time.Since(begin); took > time.Second {
			return checker.Result{Verdict: checker.Failed, TimedOut: true, Message: "timed out"}
		}
		return checker.Result{Verdict: checker.OK}
	}
	actions["exit"] = func(context.Context, checker.Target) checker.Result { os.Exit(3); panic("unreachable") }
	actions["panic"] = func(context.Context, checker.Target) checker.Result { panic("boom in the probe") }
	actions["panic-beside"] = func(ctx context.Context, _ checker.Target) checker.Result {
		go panic("boom beside the probe")
		<-ctx.Done()
		return checker.Result{}
	}
	actions["late"] = func(context.Context, checker.Target) checker.Result {
		time.Sleep(700 * time.Millisecond)
		return checker.Result{Verdict: checker.Failed, Message: "late"}
	}
	actions["never"] = func(context.Context, checker.Target) checker.Result { select {} }
	actions["print"] = func(context.Context, checker.Target) checker.Result {
		_, err := syscall.Write(1, bytes.Repeat([]byte("y"), 1<<20))
		fmt.Print(strings.Repeat("z\n", 1<<19))
		_, _ = os.Stderr.Write(bytes.Repeat([]byte("e"), 1<<20))
		return checker.Result{Verdict: checker.OK, Message: fmt.Sprint(err)}
	}
	actions["leak"] = func(ctx context.Context, _ checker.Target) checker.Result {
		var kept [][]byte
		for ctx.Err() == nil && len(kept) < 1<<12 {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			kept = append(kept, b)
		}
		return checker.Result{Verdict: checker.OK, Message: fmt.Sprint(len(kept), " MiB")}
	}
	actions["fork"] = func(context.Context, checker.Target) checker.Result {
		cmd := exec.Command("sleep", sleepTime)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		err := cmd.Start()
		if errors.Is(err, syscall.EPERM) { // it may not leave its session, but its group
			cmd = exec.Command("sleep", sleepTime)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			err = cmd.Start()
		}
		if err != nil {
			return checker.Result{Verdict: checker.Failed, Message: err.Error()}
		}
		return checker.Result{Verdict: checker.OK, Message: strconv.Itoa(cmd.Process.Pid)}
	}
}

// sleepTime is an argument of sleep that no one else has.
const sleepTime = "98765.4321"
