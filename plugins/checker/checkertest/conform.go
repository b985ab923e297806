package checkertest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// Case is a check and what is to come of it.
type Case struct {
	Name    string
	Target  checker.Target
	Options any // marshalled to JSON
	Want    checker.Verdict
	// Message is part of the message; empty is any.
	Message string
}

// limit is what a probe of Conform may take.
const limit = 2 * time.Second

// Conform holds a checker to what a host relies on: that it describes itself,
// refuses what it does not know, gives the verdicts of the cases also when
// they run side by side, keeps to its time and can be cancelled before servers
// that are silent or talk nonsense, and leaves nothing behind. The first case
// needs a target with an address and options with which such servers can be
// asked; the tests for these are left out without one, and an unknown option may then be
// refused for what else is missing.
func Conform(t *testing.T, c checker.Checker, cases ...Case) {
	t.Run("describes itself", func(t *testing.T) { describes(t, c) })
	t.Run("refuses an unknown option", func(t *testing.T) {
		k := Case{}
		if len(cases) > 0 { // which is right but for the option
			k = cases[0]
		}
		refuses(t, c, k, len(cases) > 0)
	})
	t.Run("gives its verdicts", func(t *testing.T) { verdicts(t, c, cases) })
	if len(cases) > 0 && cases[0].Target.Address.IsValid() {
		t.Run("keeps to its time", func(t *testing.T) { inTime(t, c, cases[0]) })
	}
}

// odd is an option that no checker has.
const odd = "no_such_option"

// refuses gives a check one option too many. Where it is right but for that one, another
// error would hide that it is taken; else it may be refused for what it lacks.
func refuses(t testing.TB, c checker.Checker, k Case, right bool) {
	options, err := withOdd(k.Options)
	if err != nil {
		t.Fatal(err)
	}
	h := Start(t, c)
	defer h.Close()
	switch _, err := h.Prepare(k.Target, options); {
	case err == nil:
		t.Errorf("it took the option %s", odd)
	case right && !strings.Contains(err.Error(), odd):
		t.Errorf("it refused the option %s with %q, which does not name it", odd, err)
	}
}

// withOdd are options with one that there is not.
func withOdd(options any) (map[string]any, error) {
	raw, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("write the options: %w", err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("the options %s are no object: %w", raw, err)
	}
	if out == nil { // of null
		out = map[string]any{}
	}
	out[odd] = 1
	return out, nil
}

// kinds are what options may be.
var kinds = []string{"string", "bool", "int", "duration", "list", "block"}

func describes(t *testing.T, c checker.Checker) {
	info := c.Info()
	if info.Name == "" || strings.ContainsAny(info.Name, " /\n") || info.Version == "" || info.Doc == "" {
		t.Errorf("name %q, version %q, doc %q: none may be empty, and the name is one word", info.Name, info.Version, info.Doc)
	}
	if again := c.Info(); !reflect.DeepEqual(info, again) {
		t.Errorf("Info changes: %+v, then %+v", info, again)
	}
	var seen []string
	for _, o := range info.Options {
		if o.Name == "" || o.Name != strings.ToLower(o.Name) || o.Doc == "" || !slices.Contains(kinds, o.Type) || slices.Contains(seen, o.Name) {
			t.Errorf("option %+v: it needs a name of its own in lower case, a doc, and a type of %q", o, kinds)
		}
		seen = append(seen, o.Name)
	}
	for _, n := range info.Needs {
		if !strings.HasPrefix(n, "CAP_") {
			t.Errorf("it needs %q, which is no capability such as CAP_NET_RAW", n)
		}
	}
}

// verdicts runs every case by itself, and then all of them side by side.
func verdicts(t testing.TB, c checker.Checker, cases []Case) {
	h := Start(t, c)
	checks := make([]*Check, len(cases))
	hold := func(k Case, check *Check) {
		had := max(limit, k.Target.Timeout)
		begin := time.Now()
		r := check.Probe(had)
		if took := time.Since(begin); took > had+patience/4 {
			t.Errorf("%s: it took %s, and had %s: a probe returns when its context ends", k.Name, took.Round(time.Millisecond), had)
		}
		if r.Verdict != k.Want || !strings.Contains(r.Message, k.Message) || strings.Contains(r.Message, "\n") {
			t.Errorf("%s: %s %q, want %s and %q, in one line", k.Name, r.Verdict, r.Message, k.Want, k.Message)
		}
	}
	for i, k := range cases {
		var err error
		if checks[i], err = h.Prepare(k.Target, k.Options); err != nil {
			t.Fatalf("%s: %v", k.Name, err)
		}
		hold(k, checks[i])
	}
	var all sync.WaitGroup
	for i, k := range cases {
		all.Go(func() {
			for range 3 {
				hold(k, checks[i])
			}
		})
	}
	all.Wait()
}

// inTime asks servers that never answer, and that answer nonsense.
func inTime(t testing.TB, c checker.Checker, k Case) {
	before := runtime.NumGoroutine()
	for name, talk := range map[string]func(net.Conn){
		"silent": func(net.Conn) {},
		"nonsense": func(c net.Conn) {
			_, _ = c.Write(slices.Repeat([]byte("\xff\x00 nonsense\r\n"), 10000)) // the checker may have gone
		},
	} {
		at, stop := serve(t, talk)
		h := Start(t, c)
		target := k.Target
		target.Address, target.BindPort, target.Timeout = at, 0, 200*time.Millisecond
		check, err := h.Prepare(target, k.Options)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		check.Probe(300 * time.Millisecond)
		if took := time.Since(begin); took > 300*time.Millisecond+limit {
			t.Errorf("%s server: it took %s, and had 300ms", name, took)
		}
		done := cancels(t, name, check, limit)
		check.Release()
		h.Close()
		<-done
		stop()
	}
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("%d goroutines are left, before it were %d", runtime.NumGoroutine(), before)
			return
		}
	}
}

// cancels begins a probe that has much time and calls it off, which has to end it within
// most. The result is closed when it has ended, or its session has.
func cancels(t testing.TB, name string, check *Check, most time.Duration) (done <-chan struct{}) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		check.Probe(time.Hour)
	}()
	again := time.NewTicker(10 * time.Millisecond) // the first may come before the probe
	defer again.Stop()
	late := time.NewTimer(most)
	defer late.Stop()
	for {
		select {
		case <-ended:
			return ended
		case <-again.C:
			check.Cancel()
		case <-late.C:
			t.Errorf("%s server: it goes on for %s after it was cancelled", name, most)
			return ended
		}
	}
}

// serve is a server by TCP that says what talk does, until stop.
func serve(t testing.TB, talk func(net.Conn)) (at netip.AddrPort, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at = l.Addr().(*net.TCPAddr).AddrPort()
	var conns sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			conns.Go(func() { talk(c) })
		}
	})
	return at, func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		conns.Wait()
	}
}
