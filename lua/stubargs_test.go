package lua

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// oddCall is a call with arguments that may be wrong.
type oddCall struct {
	owner string
	f     *Function
	text  string
	// options says that what is odd is an option, which the function may not come to
	// look at: its stub does.
	options bool
}

// oddCalls calls each function that has a stub, and each method, with one argument or
// option after the other that it may not take.
func oddCalls() (all []oddCall) {
	odd := []string{"nil", "true", "{}", `""`, `"x"`, `"127.0.0.1:"`, "-1", "0/0", `("x"):rep(7e4)`, "function() end"}
	seen := map[string]bool{} // options of a module, which several functions share
	add := func(owner string, f *Function, call string) {
		taken := strings.Split(acceptable(*f), ", ")
		if len(f.Params) == 0 {
			taken = nil
		}
		server := ""
		if call == `require("dns").query` {
			server = `server = "127.0.0.1:1", ` // not the machine's
		}
		for i := range f.Params {
			for _, word := range odd {
				if (call == `require("dns").lookup` || f.Params[i].Name == "host") && (word == `"x"` || word == "0/0") {
					continue // a name that the machine's resolver would be asked for
				}
				words := slices.Clone(taken)
				words[i] = word
				if server != "" {
					words = append(words, "{"+server+"}")
				}
				all = append(all, oddCall{owner, f, call + "(" + strings.Join(words, ", ") + ")", false})
			}
		}
		for _, o := range append([]Value{{Name: "nosuch"}}, f.Options...) {
			if seen[owner+" "+o.Name] {
				continue
			}
			seen[owner+" "+o.Name] = true
			for _, word := range []string{"true", "{}", `"x"`, "-1"} {
				if o.Name == "server" && word == `"x"` {
					continue // as above
				}
				words := append(slices.Clone(taken), "{"+server+o.Name+" = "+word+"}")
				all = append(all, oddCall{owner, f, call + "(" + strings.Join(words, ", ") + ")", len(f.Options) > 0})
			}
		}
	}
	for _, m := range modules() {
		for i := range m.Functions {
			if f := &m.Functions[i]; !unstubbed(m.Name) && f.Name != "accept" && m.Name+f.Name != "envget" {
				add(m.Name, f, fmt.Sprintf("require(%q).%s", m.Name, f.Name))
			}
		}
		for _, c := range m.Classes {
			for i := range c.Methods {
				add(c.Name, &c.Methods[i], "connection:"+c.Methods[i].Name)
			}
		}
	}
	for _, text := range []string{
		`dns.query("a..b")`, `dns.query("a", "B")`, `dns.query("a", "A", {server = "a:b:c"})`, `env.get("")`, `env.get("A,B")`, `env.get(" A")`,
		`exec.run({})`, `exec.run({{}})`, `exec.run({"x"}, {env = {["a=b"] = "c"}})`, `exec.shell("x", {env = {[""] = "c"}})`, `file.tail("x", 1001)`,
		`http.get("ftp://x/")`, `http.get("http://127.0.0.1:1/", {connect = "x"})`, `http.get("http://127.0.0.1:1/", {host = "a", headers = {Host = "b"}})`,
		`http.request("A B", "http://127.0.0.1:1/")`, `mail.send("a", ("x"):rep(65537))`, `mail.send("a", "b", {to = "root@example.org"})`, `mail.send("a", "b", {to = {"root"}})`,
		`metric.gauge("a-b", 1)`, `metric.gauge("moonkeep_a", 1)`, `metric.gauge("a", 0/0)`, `metric.counter("a", -1)`, `metric.gauge("a", 1, {labels = {script = "x"}})`, `metric.gauge("a", 1, {labels = {a = ("x"):rep(201)}})`,
		`metric.gauge("a", 1, {help = ("x"):rep(501)})`, `net.routes({family = "inet7"})`, `net.neighbours({family = "x"})`, `process.running()`, `process.running({})`, `process.count({name = ""})`,
		`store.get(("x"):rep(129))`, `store.set("k", {})`, `tcp.connect("x")`, `tcp.accept("unix:/x")`, `udp.exchange("x", "y")`, `udp.receive("unix:/x")`, `time.format("%q")`, `time.format("%F", 1e300)`, `time.sleep(0)`,
		`webhook.post("x", {})`, `webhook.post("http://127.0.0.1:1/", {print})`, `webhook.post("http://127.0.0.1:1/", {[true] = 1})`, `webhook.post("http://127.0.0.1:1/")`,
		`connection:receive(0)`, `connection:receive(524289)`, `connection:receive("lines")`, `connection:expect("%")`, `connection:expect("[a")`, `connection:send()`, `connection.send("x")`, `connection.close()`,
	} {
		owner, rest, _ := strings.Cut(text, ".")
		if method, ok := strings.CutPrefix(text, "connection:"); ok || owner == "connection" {
			owner, rest = "tcp.Connection", strings.TrimPrefix(method, "connection.")
		} else {
			text = fmt.Sprintf("require(%q).%s", owner, rest)
		}
		name, _, _ := strings.Cut(rest, "(")
		functions := []Function(nil)
		if m := moduleNamed(owner); m != nil {
			functions = m.Functions
		} else {
			functions = classNamed(owner).Methods
		}
		i := slices.IndexFunc(functions, func(f Function) bool { return f.Name == name })
		all = append(all, oddCall{owner, &functions[i], text, false})
	}
	return all
}

// TestStubsRefuseAsModulesDo: the stub of a function refuses the arguments that
// the function refuses, with the same words, and no others.
func TestStubsRefuseAsModulesDo(t *testing.T) {
	t.Parallel()
	server := serveTCP(t, "tcp", "127.0.0.1:0", func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1<<20)) })
	refused, calls := 0, 0
	byOwner := map[string][]oddCall{}
	for _, c := range oddCalls() {
		byOwner[c.owner] = append(byOwner[c.owner], c)
	}
	for _, all := range byOwner {
		calls += len(all)
		refused += compareRefusals(t, all, server)
	}
	t.Logf("%d of %d calls are refused", refused, calls)
	if refused < calls/3 {
		t.Errorf("%d of %d calls are refused: the test looks at next to nothing", refused, calls)
	}
}

// compareRefusals makes calls of one module or class in truth and with stubs, and
// returns how many are refused.
func compareRefusals(t *testing.T, all []oddCall, server string) int {
	t.Helper()
	var real, test strings.Builder
	real.WriteString("local calls = {\n")
	test.WriteString("local stub = require 'stub'\nlocal connection\nreturn {\nbefore = function() connection = stub.object('tcp.Connection', {send = true, receive = 'x', expect = 'x', starttls = true, tls = 'x', close = true}) end,\n")
	for i, c := range all {
		fmt.Fprintf(&real, "function(connection) return %s end,\n", c.text)
		register := ""
		if !strings.Contains(c.owner, ".") {
			register = fmt.Sprintf("stub.%s.%s(function() return 42 end)", c.owner, c.f.Name)
		}
		fmt.Fprintf(&test, "c%d = function() %s local ok, why = pcall(function() return %s end) if not ok then error('REFUSED ' .. tostring(why), 0) end end,\n", i, register, c.text)
	}
	test.WriteString("}")
	real.WriteString(`} return function(ctx)
  local connection = ctx.args.object and require("tcp").connect(ctx.args.server)
  local ok, why = pcall(calls[ctx.args.n], connection)
  return true, ok and "" or tostring(why)
end`)
	script, err := Compile(write(t, map[string]string{"s.lua": real.String()}) + "/s.lua")
	if err != nil {
		t.Fatal(err)
	}
	stubbed := tested(t, map[string]string{"a_test.lua": test.String()})
	if len(stubbed) != len(all) {
		t.Fatalf("%d results of %d calls: %v", len(stubbed), len(all), stubbed[""])
	}
	var n atomic.Int32
	var work sync.WaitGroup
	room := make(chan struct{}, 12)
	for i, c := range all {
		work.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			got := refusal(stubbed[fmt.Sprintf("c%d", i)].Message)
			args := map[string]any{"n": float64(i + 1), "object": strings.Contains(c.owner, "."), "server": server}
			// What it takes may have it wait for the world, as what it refuses may
			// have to for a processor.
			want := refusedInTruth(t, script, args, 15*time.Millisecond)
			if got != want && want == "" && !c.options {
				want = refusedInTruth(t, script, args, 2*time.Second)
			}
			if got != want && (want != "" || !c.options) {
				t.Errorf("%.200s\n the stub: %.300q\nin truth: %.300q", c.text, got, want)
			}
			if want != "" {
				n.Add(1)
			}
		})
	}
	work.Wait()
	return int(n.Load())
}

// refusal is the beginning of a message, without the place in the script; long ones are
// cut on the way.
func refusal(text string) string {
	text = regexp.MustCompile(`^[^ ]*:\d+: `).ReplaceAllString(strings.TrimPrefix(text, "REFUSED "), "")
	return oneLine(text[:min(len(text), 400)])
}

// refusedInTruth makes a call and returns the error that it raises; none when it goes
// on to the world.
func refusedInTruth(t *testing.T, script *Script, args map[string]any, patience time.Duration) string {
	r, err := script.NewRunner(Options{Allow: Grants(), Host: &Host{SystemBus: "unix:path=/nonexistent"}, Args: args})
	if err != nil {
		t.Error(err)
		return ""
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, why, err := r.Check(ctx)
	if err != nil {
		return ""
	}
	return refusal(why)
}
