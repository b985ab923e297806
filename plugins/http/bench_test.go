package http

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/dial"
)

// serverVariable makes the test binary the server of the benchmarks, so that
// its time is not counted as the check's.
const serverVariable = "MOONKEEP_BENCH_SERVER"

// benchServer answers a hundred bytes to every connection, until its standard
// input ends.
func benchServer() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("x", 100))
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			var buf [1024]byte
			c.Read(buf[:])
			c.Write(answer)
			c.Close()
		}()
	}
}

// startServer starts the server in a process of its own.
func startServer(b *testing.B) checker.Target {
	b.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.Env = append(os.Environ(), serverVariable+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	var address string
	if _, err := fmt.Fscan(out, &address); err != nil {
		b.Fatal(err)
	}
	return checker.Target{Address: netip.MustParseAddrPort(address), Timeout: 10 * time.Second}
}

// cpu is the time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// atOnce runs b.N probes, so many at a time, and reports the processor time of
// each.
func atOnce(b *testing.B, probes int, one func() error) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu(b)
	var left sync.WaitGroup
	failed := make(chan error, probes)
	for i := range probes {
		n := b.N / probes
		if i < b.N%probes {
			n++
		}
		left.Go(func() {
			for range n {
				if err := one(); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	left.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
	select {
	case err := <-failed:
		b.Fatal(err)
	default:
	}
}

// BenchmarkProbe is what a check costs in this process, beside what it costs
// with net/http.
func BenchmarkProbe(b *testing.B) {
	target := startServer(b)
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	const probes = 64
	check := func(options object) func(b *testing.B) {
		return func(b *testing.B) {
			list := make(chan checker.Probe, probes)
			for range probes {
				list <- prepare(b, New(), target, options)
			}
			atOnce(b, probes, func() error {
				p := <-list
				defer func() { list <- p }()
				if r := p.Probe(ctx); r.Verdict != checker.OK {
					return fmt.Errorf("%s", r.Message)
				}
				return nil
			})
		}
	}
	b.Run("HTTP_GET", check(path(object{})))
	b.Run("HTTP_GET digest", check(path(object{"digest": "aed563ecafb4bcc5654c597a421547b2"})))
	b.Run("HTTP_GET regex", check(path(object{"regex": "x$"})))
	b.Run("connection only", func(b *testing.B) {
		atOnce(b, probes, func() error {
			c, err := dial.TCP(ctx, target)
			if err != nil {
				return err
			}
			return c.Close()
		})
	})
	b.Run("net/http", func(b *testing.B) {
		client := &http.Client{Transport: &http.Transport{DialContext: checker.Dialer(target).DialContext, DisableKeepAlives: true}}
		atOnce(b, probes, func() error {
			r, err := client.Get("http://" + target.Address.String() + "/x")
			if err != nil {
				return err
			}
			defer r.Body.Close()
			_, err = io.Copy(io.Discard, r.Body)
			return err
		})
	})
}
