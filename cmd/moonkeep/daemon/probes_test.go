package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config/source"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/lua"
)

// probesOf makes the probes of a service with these checks of one server; the
// answers come into the channel.
func probesOf(t *testing.T, checks string) (*probes, chan node.Answer, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"good.lua":  `return function(ctx) return {ok = ctx.server == "192.0.2.11:80" and ctx.service == "192.0.2.1:80", weight = ctx.args.w, message = "fine"} end`,
		"bad.lua":   `return function() return false, "too busy" end`,
		"wrong.lua": `return function() error "oh" end`,
		"slow.lua":  `return function() while true do end end`,
		// Takes its time, whatever that is, and waits for nobody.
		"lasts.lua":  `local p = require "process" return function() while true do p.count{cmdline = "no such line"} end end`,
		"weight.lua": `return {weight = function(ctx) if ctx.args.oh then error "oh" end return ctx.server == "192.0.2.11:80" and 42.4 or 0 end}`,
		"other.lua":  `return {on_change = function() end}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := "virtual_servers: [{address: '192.0.2.1:80', protocol: TCP, lb_algo: rr, lb_kind: NAT, real_servers: [{address: '192.0.2.11:80', checks: [{" + checks + "}]}]}]\n" +
		"track_files: [{name: f, file: f}]\n"
	path := filepath.Join(dir, "a.yaml")
	c, found := source.Read(path, []byte(text))
	if found.Errors() {
		t.Fatal(found)
	}
	e := &edges{log: slog.New(slog.DiscardHandler), lost: new(lua.Lost), pool: newLuaPool()}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := e.pool.close(ctx); err != nil {
			t.Error(err)
		}
	})
	p, err := e.newProbes(c, knownChecks{})
	if err != nil {
		return nil, nil, err
	}
	answers := make(chan node.Answer, 100)
	p.Begin(func(generation uint32, list []node.Answer) {
		for _, a := range list {
			if generation != 7 {
				t.Errorf("generation %d, want 7", generation)
			}
			answers <- a
		}
	})
	return p, answers, nil
}

// TestProbes: Lua checks run, others are answered for, and each is answered
// once.
func TestProbes(t *testing.T) {
	p, answers, err := probesOf(t, `FILE_CHECK: {track_file: f}}, {LUA_CHECK: {path: good.lua, args: {w: 9}}}, {LUA_CHECK: {path: bad.lua}}, {TCP_CHECK: {}},
		{LUA_CHECK: {path: wrong.lua}}, {LUA_CHECK: {path: good.lua, args: {w: -1}}}, {LUA_CHECK: {path: slow.lua, timeout: 50ms}}, {FILE_CHECK: {track_file: f}`)
	if err != nil {
		t.Fatal(err)
	}
	list := []node.Ask{{Check: 1, Seq: 11}, {Check: 2, Seq: 12}, {Check: 3, Seq: 13}, {Check: 4, Seq: 14}, {Check: 5, Seq: 15}, {Check: 6, Seq: 16}}
	p.Start(7, list)
	clear(list) // it is the caller's
	for range 6 {
		a := <-answers
		want := map[uint32]node.Answer{
			11: {Check: 1, Verdict: health.OK, Message: "fine", Weighs: true, Weight: 9},
			12: {Check: 2, Verdict: health.Failed, Message: "too busy"},
			13: {Check: 3, Verdict: health.Unknown, Message: "nobody makes this check"},
			14: {Check: 4, Verdict: health.Failed, Message: "oh"},
			15: {Check: 5, Verdict: health.OK, Message: "fine", Weighs: true},
			16: {Check: 6, Verdict: health.Failed, Message: "slow.lua"},
		}[a.Seq]
		if a.Check != want.Check || a.Verdict != want.Verdict || a.Weighs != want.Weighs || a.Weight != want.Weight || !strings.Contains(a.Message, want.Message) {
			t.Errorf("answer %+v, want %+v", a, want)
		}
	}
	if len(answers) > 0 {
		t.Errorf("and %+v", <-answers)
	}
}

// TestServerWeight: a weight that makes no sense is brought within its bounds,
// which is told, and none but zero takes a server out.
func TestServerWeight(t *testing.T) {
	for _, tt := range []struct {
		in   float64
		want int32
		odd  bool
	}{{0, 0, false}, {-0.1, 0, true}, {0.1, 1, false}, {0.9, 1, false}, {1.4, 1, false}, {1.6, 2, false}, {2147483647, 2147483647, false}, {2147483648, 2147483647, true}, {-1e8, 0, true}} {
		got, odd := serverWeight(tt.in)
		if got != tt.want || (odd != "") != tt.odd {
			t.Errorf("of %v: %d, %q; want %d", tt.in, got, odd, tt.want)
		}
	}
}

// TestLuaOfServers: a Lua file may take the place of the program of a
// MISC_CHECK, and measure the weight of a server; one that fails to measure is
// no failure.
func TestLuaOfServers(t *testing.T) {
	p, answers, err := probesOf(t, `MISC_CHECK: {misc_path: {lua: good.lua, args: {w: 3}}}}], weight_by: {lua: weight.lua}}, {address: '192.0.2.12:80', weight_by: {lua: weight.lua, args: {oh: true}}, checks: [{LUA_CHECK: {path: bad.lua}`)
	if err != nil {
		t.Fatal(err)
	}
	p.Start(7, []node.Ask{{Check: 0, Seq: 20}, {Check: 1, Seq: 21}, {Check: 2, Seq: 22}, {Check: 3, Seq: 23}})
	for range 4 {
		a := <-answers
		want := map[uint32]node.Answer{
			20: {Verdict: health.OK, Message: "fine", Weighs: true, Weight: 3},
			21: {Verdict: health.OK, Weighs: true, Weight: 42},
			22: {Verdict: health.Failed, Message: "too busy"},
			23: {Verdict: health.Unknown, Message: "oh"},
		}[a.Seq]
		if a.Verdict != want.Verdict || a.Weighs != want.Weighs || a.Weight != want.Weight || !strings.Contains(a.Message, want.Message) {
			t.Errorf("answer %+v, want %+v", a, want)
		}
	}
	if _, _, err := probesOf(t, `LUA_CHECK: {path: good.lua}}], weight_by: {lua: good.lua}}, {address: '192.0.2.12:80', checks: [{LUA_CHECK: {path: bad.lua}`); err == nil || !strings.Contains(err.Error(), "it returns no function weight") {
		t.Errorf("a file without the function: %v", err)
	}
}

// TestProbesRefused: a file that is unusable is told with its place before
// anything runs.
func TestProbesRefused(t *testing.T) {
	for check, want := range map[string]string{
		"LUA_CHECK: {path: other.lua}": "LUA_CHECK of 192.0.2.11:80 of virtual server TCP 192.0.2.1:80: it returns no function check",
		"LUA_CHECK: {path: good.lua}}, {TCP_CHECK: {}}, {LUA_CHECK: {path: other.lua}": "LUA_CHECK 3 of 192.0.2.11:80 of virtual server TCP 192.0.2.1:80: it returns no function check",
		"LUA_CHECK: {path: absent.lua}": "absent.lua",
	} {
		_, _, err := probesOf(t, check)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", check, err, want)
		}
	}
}

// TestLuaPool: not more run at once than it is wide, in order, and close ends
// it.
func TestLuaPool(t *testing.T) {
	p := newLuaPool()
	var now, most, all atomic.Int64
	var done sync.WaitGroup
	const jobs = 20 * poolWidth
	done.Add(jobs)
	for range jobs {
		p.submit(func() {
			defer done.Done()
			for n, m := now.Add(1), most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			all.Add(1)
			time.Sleep(time.Millisecond)
			now.Add(-1)
		})
	}
	done.Wait()
	if most.Load() > poolWidth || all.Load() != jobs {
		t.Errorf("%d at once, %d in all", most.Load(), all.Load())
	}
	hang, hangs := make(chan struct{}), make(chan struct{})
	p.submit(func() { close(hangs); <-hang })
	<-hangs
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := p.close(ctx); err == nil {
		t.Error("what hangs is not told")
	}
	p.submit(func() { t.Error("it runs after the close") })
	close(hang)
	if err := p.close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestLuaCheckWaits: a check whose time was over before its turn came has no
// result, which is not the server's fault.
func TestLuaCheckWaits(t *testing.T) {
	k := &luaCheck{limit: time.Second}
	var a node.Answer
	k.run(newLuaPool(), time.Now().Add(-time.Millisecond), func(ans node.Answer) { a = ans })
	if a.Verdict != health.Unknown || a.Message != fmt.Sprintf("it waited %v for its turn: too many Lua checks take too long", time.Second) {
		t.Errorf("%+v", a)
	}
}

// TestLuaChecksTakeTurns: of quick checks that are due together, one that takes its
// time keeps no other waiting, and each answers once.
func TestLuaChecksTakeTurns(t *testing.T) {
	var b strings.Builder
	for i := range 20 {
		file := "bad.lua"
		if i == 9 {
			file = "lasts.lua, timeout: 1s"
		}
		fmt.Fprintf(&b, "LUA_CHECK: {path: %s}}, {", file)
	}
	p, _, err := probesOf(t, strings.TrimSuffix(b.String(), "}, {"))
	if err != nil {
		t.Fatal(err)
	}
	all := make(chan []node.Answer, 100)
	p.Begin(func(_ uint32, list []node.Answer) { all <- slices.Clone(list) })
	var list []node.Ask
	for i := range uint32(20) {
		list = append(list, node.Ask{Check: i, Seq: i})
	}
	p.Start(7, list)
	for sum := 0; sum < 20; {
		answers := <-all
		sum += len(answers)
		if sum < 20 && slices.ContainsFunc(answers, func(a node.Answer) bool { return a.Check == 9 }) {
			t.Errorf("the slow one was waited for: %d answers came later", 20-sum)
		}
	}
}
