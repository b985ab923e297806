package lua

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func tested(t *testing.T, files map[string]string) map[string]TestResult {
	t.Helper()
	dir := write(t, files)
	paths, err := TestFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]TestResult{}
	for _, path := range paths {
		for _, r := range RunTests(t.Context(), path, TestOptions{Timeout: 5 * time.Second}) {
			r.Place = strings.TrimPrefix(r.Place, dir+"/")
			all[r.Name] = r
		}
	}
	return all
}

func TestTestRunner(t *testing.T) {
	got := tested(t, map[string]string{
		"web.lua": `
local http, process, exec, time, log, file = require "http", require "process", require "exec", require "time", require "log", require "file"
local tries = 0
return {
  check = function(ctx)
    local answer, why = http.get(ctx.args.url, {timeout = 1})
    if answer then answer.status = answer.status + 0 return answer.status == 200, "status " .. answer.status end
    return false, why
  end,
  weight = function() tries = tries + 1 return tries end,
  on_fault = function(event)
    if process.running{name = "nginx"} then return end
    log.warn("restarting at", time.format("%F"))
    exec.run({"systemctl", "restart", "nginx"}, {timeout = 2})
    time.sleep(3)
    if not process.running{name = "nginx"} then error("gave up") end
  end,
  on_master = function(event) return pcall(file.read, "x") end,
}`,
		"web_test.lua": `
local test, stub = require "test", require "stub"
local web = require "web"
local ctx = {args = {url = "http://x/"}, timeout = 1}
return {
  passes = function()
    stub.http.get("http://x/", {status = 200})
    stub.http.get("http://y/", {status = 500})
    local ok, message = web.check(ctx)
    test.equal({ok, message}, {true, "status 200"})
    test.equal(stub.calls("http.get"), {{"http://x/", {timeout = 1}}})
  end,
  fails_by_reason = function()
    stub.http.get(stub.any, nil, "refused")
    test.equal({web.check(ctx)}, {false, "refused"})
    stub.http.get(function(url) return {status = #url} end)
    test.equal({web.check(ctx)}, {false, "status 9"})
  end,
  restarts = function()
    stub.process.running({name = "nginx"}, stub.sequence(false, true))
    stub.exec.run({"systemctl", "restart", "nginx"}, {status = 0, output = ""})
    web.on_fault({})
    test.equal(stub.clock.slept(), 3)
    test.equal(#stub.calls("exec.run"), 1)
    test.equal(stub.calls()[1].name, "process.running")
    test.contains(stub.logged()[1], "warn restarting at 2023-11-1")
  end,
  gives_up = function()
    stub.process.running(false)
    stub.exec.run({status = 0})
    test.contains(test.fails(function() web.on_fault({}) end), "gave up")
    stub.allow("write")
    test.fails(function() web.on_fault({}) end, "allow: [exec]")
  end,
  alone = function() test.equal(web.weight(), 1) end,
  alone_too = function() test.equal(web.weight(), 1) end,
  wrong = function()
    test.equal({1, {a = 2}}, {1, {a = 3}}, "the table")
  end,
  asserts = function() assert(1 == 2) end,
  unstubbed = function() web.check(ctx) end,
  swallowed = function() web.on_master({}) end,
  endless = function() while true do end end,
  no_method = function() stub.object("none.Such", {}) end,
}`,
		"broken_test.lua":    "return {x = function( end}",
		".hidden_test.lua":   "return 1",
		"sub/empty_test.lua": `return {}`,
	})
	for _, name := range []string{"passes", "fails_by_reason", "restarts", "gives_up", "alone", "alone_too"} {
		if r := got[name]; !r.OK {
			t.Errorf("%s: %s: %s", name, r.Place, r.Message)
		}
	}
	for name, want := range map[string]string{
		"wrong":     `web_test.lua:38: the table: got {1, {a = 2}}, want {1, {a = 3}}`,
		"asserts":   "web_test.lua:40: assertion failed",
		"unstubbed": `web.lua:6: http.get("http://x/", {timeout = 1}) has no stub; add stub.http.get(...) to the test`,
		"swallowed": `file.read("x") has no stub`,
		"endless":   "limit",
		"no_method": "there is no class none.Such",
	} {
		if r := got[name]; r.OK || !strings.Contains(r.Place+": "+r.Message, want) {
			t.Errorf("%s: %v, %s: %s, want %s", name, r.OK, r.Place, r.Message, want)
		}
	}
	if len(got) != 13 { // the files that cannot be loaded have no name
		t.Errorf("%d results: %v", len(got), got)
	}
}

// TestStubsRefuseWhatModulesRefuse: a call that raises an error in the daemon fails a
// test, whatever its stub answers, and one that does not passes.
func TestStubsRefuseWhatModulesRefuse(t *testing.T) {
	calls := map[string][2]string{ // the call, and what the error says of it
		"url":        {`http.get("localhost/health")`, "want a URL that starts with http://"},
		"timeout":    {`http.get("http://x/", {timeout = 0})`, "timeout must be a number of seconds above 0"},
		"max_body":   {`http.get("http://x/", {max_body = 1e9})`, "max_body must be an integer from 0 to 524288"},
		"connect":    {`http.head("http://x/", {connect = "127.0.0.1"})`, "connect: want host:port"},
		"headers":    {`http.post("http://x/", "y", {headers = {["Content-Length"] = "1"}})`, "cannot be given"},
		"method":     {`http.request("A B", "http://x/")`, "invalid method"},
		"no_url":     {`http.get()`, "string expected, got nil"},
		"verify":     {`http.get("https://x/", {verify = "no"})`, "verify must be true or false"},
		"webhook":    {`webhook.post("hooks/x", {})`, "want a URL that starts with http://"},
		"tries":      {`webhook.post("http://x/", {}, {tries = 0})`, "tries must be an integer from 1 to 20"},
		"port":       {`tcp.connect("127.0.0.1")`, "want host:port"},
		"within":     {`tcp.connect("127.0.0.1:1", {within = -1})`, "within must be a number of seconds"},
		"accept":     {`tcp.accept("80")`, "want host:port"},
		"udp":        {`udp.exchange("::1", "x")`, "want host:port"},
		"dns_type":   {`dns.query("x", "SPF")`, "want A, AAAA"},
		"dns_server": {`dns.query("x", "A", {server = "a:b:c"})`, "server: want host"},
		"count":      {`icmp.ping("x", {count = 21})`, "count must be an integer from 1 to 20"},
		"argv":       {`exec.run({})`, "want a list"},
		"dir":        {`exec.run({"x"}, {dir = 1})`, "dir must be a string"},
		"output":     {`exec.shell("x", {max_output = 1.5})`, "max_output must be an integer from 0"},
		"path":       {`file.read("")`, "the path is empty"},
		"older":      {`process.running{older = "1"}`, "older must be a number of seconds"},
		"labels":     {`metric.gauge("x", 1, {labels = {1}})`, "labels must have names"},
		"expires":    {`store.set("k", 1, {expires = 0})`, "expires must be a number of seconds"},
		"sleep":      {`time.sleep(0)`, "must be a number of seconds"},
		"method_of":  {`tcp.connect("127.0.0.1:1"):send("x", {timeout = "1"})`, "timeout must be a number of seconds"},

		"good_url":   {`http.get("http://x/", {timeout = 1, max_body = 0, follow = 10, connect = "unix:/x", headers = {Host = "y"}, verify = false})`, ""},
		"good_tcp":   {`tcp.connect("unix:/x", {tls = true, within = 2}):send("x", {timeout = 1})`, ""},
		"good_hook":  {`webhook.post("https://x/", "text", {tries = 20})`, ""},
		"good_dns":   {`dns.query("x.example.", "srv", {server = "192.0.2.1", tcp = true})`, ""},
		"good_exec":  {`exec.run({"x", 1}, {env = {A = "b"}, max_output = 0, user = "nobody"})`, ""},
		"good_alone": {`icmp.ping("x")`, ""},
	}
	modules := []string{"http", "webhook", "tcp", "udp", "dns", "icmp", "exec", "file", "process", "metric", "store", "time"}
	var b strings.Builder
	for _, m := range modules {
		fmt.Fprintf(&b, "local %s = require %q\n", m, m)
	}
	b.WriteString(`local test, stub = require "test", require "stub"
local function any() return true end
local function object() return stub.object("tcp.Connection", {send = true}) end
local function all()
  for _, f in ipairs{"get", "head", "post", "request"} do stub.http[f](any) end
  stub.webhook.post(any) stub.tcp.connect(object) stub.tcp.accept(object) stub.udp.exchange(any) stub.dns.query(any) stub.icmp.ping(any)
  stub.exec.run(any) stub.exec.shell(any) stub.file.read(any) stub.process.running(any) stub.metric.gauge(any) stub.store.set(any) stub.time.sleep(any)
end
return {
`)
	for name, call := range calls {
		fmt.Fprintf(&b, "%s = function() all() %s end,\n", name, call[0])
	}
	b.WriteString("}")
	got := tested(t, map[string]string{"calls_test.lua": b.String()})
	for name, call := range calls {
		if r := got[name]; r.OK != (call[1] == "") || !strings.Contains(r.Message, call[1]) {
			t.Errorf("%s: %v, %q; want %q", call[0], r.OK, r.Message, call[1])
		}
	}
}

// In a test as in the daemon, time.monotonic goes on whatever the clock is set to.
func TestMonotonicIsNotSet(t *testing.T) {
	got := tested(t, map[string]string{"clock_test.lua": `
local test, stub, time = require "test", require "stub", require "time"
return {clock = function()
  local start, now = time.monotonic(), time.now()
  stub.clock.set(now - 3600)
  test.equal(time.monotonic() - start, 0)
  time.sleep(2) stub.clock.advance(3)
  test.equal({time.monotonic() - start, time.now()}, {5, now - 3595})
end}`})
	if r := got["clock"]; !r.OK {
		t.Errorf("%s: %s", r.Place, r.Message)
	}
}

// acceptable are arguments that a function takes.
func acceptable(f Function) string {
	var words []string
	for _, p := range f.Params {
		word := map[string]string{"string": `"x"`, "integer": "1", "number": "1", "boolean": "true", "string[]": `{"x"}`, "any": "1"}[p.Type]
		switch p.Name {
		case "url":
			word = `"http://127.0.0.1:1/"`
		case "address":
			word = `"127.0.0.1:1"`
		case "host":
			word = `"127.0.0.1"`
		case "type":
			word = `"A"`
		}
		words = append(words, cmp.Or(word, "1"))
	}
	if slices.ContainsFunc(f.Options, func(o Value) bool { return o.Name == "cmdline" }) {
		words = append(words, `{name = "x"}`) // which it wants one of
	}
	return strings.Join(words, ", ")
}

// TestEveryModuleIsStubbed holds that no function of any module reaches the
// world in a test.
func TestEveryModuleIsStubbed(t *testing.T) {
	var b strings.Builder
	b.WriteString("local test, stub = require 'test', require 'stub'\nreturn {\n")
	n := 0
	for _, m := range modules() {
		if unstubbed(m.Name) {
			for _, f := range m.Functions {
				if m.Name != "log" && (f.Acts || f.Grant != "") {
					t.Errorf("%s.%s acts, and is not stubbed", m.Name, f.Name)
				}
			}
			continue
		}
		for _, f := range m.Functions {
			n++
			full := m.Name + "." + f.Name
			fmt.Fprintf(&b, "[%q] = function()\n stub.%s(function() return 42 end)\n test.equal(require(%q).%s(%s), 42)\n test.equal(#stub.calls(%q), 1)\nend,\n", full, full, m.Name, f.Name, acceptable(f), full)
			if m.Name != "time" {
				fmt.Fprintf(&b, "[%q] = function() test.fails(function() require(%q).%s(%s) end, 'no stub') end,\n", "not "+full, m.Name, f.Name, acceptable(f))
				n++
			}
		}
	}
	b.WriteString("}")
	got := tested(t, map[string]string{"all_test.lua": b.String()})
	failed := 0
	for name, r := range got {
		// A call without a stub fails the test, whoever caught the error.
		if r.OK == strings.HasPrefix(name, "not ") {
			failed++
			t.Errorf("%s: %v %s", name, r.OK, r.Message)
		}
	}
	if len(got) != n || failed > 0 {
		t.Errorf("%d of %d tests", len(got), n)
	}
}

func TestSession(t *testing.T) {
	s, err := NewSession(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ text, want string }{
		{"1 + 1", "2"}, {"x = 5", ""}, {"x, nil, 'a'", "5\tnil\t\"a\""}, {"{1, a = {true}}", "{1, a = {true}}"},
		{"nosuch.field", "error: repl:1: attempt to index a non-table object(nil) with key 'field'"}, {"x", "5"},
		{"#tostring(time.now()) > 5", "true"}, {"exec.run({'true'})", "error: repl:1: exec.run: not allowed; the configuration must grant it: allow: [exec]"},
		{"y = function(a) return a .. '!' end", ""}, {"y 'z'", `"z!"`},
		{`redis = require "client.redis"`, ""}, {`redis.ping{address = "127.0.0.1:1"} == nil`, "true"},
	} {
		got, more, err := s.Eval(within(t, 2*time.Second), step.text)
		if err != nil || more || got != step.want {
			t.Errorf("%s: %q, %v, %v, want %q", step.text, got, more, err, step.want)
		}
	}
	if _, more, err := s.Eval(t.Context(), "if x then"); err == nil || !more {
		t.Errorf("the unfinished: %v, %v", more, err)
	}
	if _, more, err := s.Eval(t.Context(), "if x the"); err == nil || more {
		t.Errorf("the wrong: %v, %v", more, err)
	}
	if _, _, err := s.Eval(within(t, 100*time.Millisecond), "while true do end"); err == nil {
		t.Error("the endless ended")
	}
}

// TestHelp: modules, functions and clients are explained, and nothing else.
func TestHelp(t *testing.T) {
	for topic, want := range map[string]string{
		"": "client.redis", "http": "http.get(url: string", "http.get": "options\n", "client.mysql": "mysql.status(o)",
	} {
		if got, ok := Help(topic); !ok || !strings.Contains(got, want) {
			t.Errorf("%q: %q, %v", topic, got, ok)
		}
	}
	for _, topic := range []string{"nosuch", "http.nosuch", "client", "client.nosuch", "client.mysql.status"} {
		if got, ok := Help(topic); ok {
			t.Errorf("%q: %q", topic, got)
		}
	}
}

// A failure may be given as a function returns it, for any arguments.
func TestStubOfFailure(t *testing.T) {
	got := tested(t, map[string]string{"x_test.lua": `
local stub, test, http, systemd = require "stub", require "test", require "http", require "systemd"
return {
  fails = function()
    stub.http.get({status = 200})
    stub.http.get(nil, "refused")
    test.equal({ http.get("http://a/") }, { nil, "refused" })
    stub.http.get("http://b/", {status = 204})
    test.equal(http.get("http://b/").status, 204)
    stub.systemd.active(nil, "no bus")
    test.equal({ systemd.active("nginx") }, { nil, "no bus" })
  end,
}`})
	if r := got["fails"]; !r.OK {
		t.Errorf("%s: %s", r.Place, r.Message)
	}
}

// TestDefinitions holds that what is checked in for editors is current.
func TestDefinitions(t *testing.T) {
	files := Definitions()
	if *update {
		if err := os.RemoveAll("definitions"); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir("definitions", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range files {
		path := filepath.Join("definitions", name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is not what the modules say; write it anew: go test ./lua -run TestDefinitions -update", path)
		}
		// They are Lua too.
		if _, _, err := compile(path, []byte(want)); err != nil {
			t.Error(err)
		}
	}
	there, err := os.ReadDir("definitions")
	if err != nil || len(there) != len(files) {
		t.Errorf("%d files, want %d (%v)", len(there), len(files), err)
	}
	for _, m := range modules() {
		for _, f := range m.Functions {
			if !strings.Contains(files[m.Name+".lua"], "function "+m.Name+"."+f.Name+"(") {
				t.Errorf("%s.%s is not defined", m.Name, f.Name)
			}
		}
	}
	for _, f := range known {
		if !strings.Contains(files["moonkeep.lua"], "---@field "+f+"? fun(") {
			t.Errorf("%s is not defined", f)
		}
	}
}

// TestStubbedClients: a client answers as a test says, or works by the stubs of
// the modules.
func TestStubbedClients(t *testing.T) {
	got := tested(t, map[string]string{"c_test.lua": `
local stub, test, redis = require "stub", require "test", require "client.redis"
return {
  result = function()
    stub.client.redis.replication({role = "master"})
    test.equal(redis.replication{address = "x"}, {role = "master"})
    test.equal(stub.calls("client.redis.replication"), {{{address = "x"}}})
  end,
  by_match = function()
    stub.client.redis.replication({address = "a"}, {role = "master"})
    stub.client.redis.replication({address = "b"}, nil, "refused")
    test.equal(redis.replication{address = "a"}.role, "master")
    test.equal({redis.replication{address = "b"}}, {nil, "refused"})
    stub.client.redis.replication(function(o) return o.address end)
    test.equal(redis.replication{address = "c"}, "c")
  end,
  by_modules = function()
    stub.tcp.connect(stub.any, nil, "timeout")
    local ok, why = redis.ping{}
    test.equal(ok, nil)
    test.contains(why, "timeout")
  end,
  nothing = function() stub.client.redis.replication() end,
}`})
	for name, r := range got {
		if r.OK != (name != "nothing") {
			t.Errorf("%s: %s: %s", name, r.Place, r.Message)
		}
	}
	if len(got) != 4 {
		t.Errorf("%d results: %v", len(got), got)
	}
}

func TestNoSuchTests(t *testing.T) {
	if _, err := TestFiles(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("there is no error")
	}
	if r := RunTests(context.Background(), filepath.Join(t.TempDir(), "none"), TestOptions{}); len(r) != 1 || r[0].OK {
		t.Errorf("got %+v", r)
	}
}

// TestStubsAreAsStrictAsTheDaemon: what would fail there fails in a test.
func TestStubsAreAsStrictAsTheDaemon(t *testing.T) {
	got := tested(t, map[string]string{"a_test.lua": `
local test, stub = require "test", require "stub"
local http, store, exec, time = require "http", require "store", require "exec", require "time"
return {
  options = function()
    stub.http.get({status = 200})
    test.fails(function() http.get("http://x/", {timeot = 1}) end, 'there is no option "timeot"')
    test.equal(#stub.calls("http.get"), 0)
    stub.exec.run({status = 0})
    test.fails(function() exec.run({"x"}, {stdin = "y"}) end, 'there is no option "stdin"')
    test.fails(function() store.set("k", 1, {expire = 1}) end, 'there is no option "expire"')
    http.get("http://x/", {timeout = 1})
    http.get("http://x/")
  end,
  values = function()
    test.fails(function() store.set("k", {}) end, "want a string, a number, a boolean or nil, not a table value")
    test.fails(function() store.set("", 1) end, "a key has 1 to 128 octets")
    test.equal({store.set("k", ("x"):rep(5000))}, {nil, "a value has at most 4096 octets"})
    test.equal({store.set("k", "text", {expires = 5})}, {true})
    test.equal({store.add("k")}, {nil, "the value is no number"})
    test.equal(store.get("k"), "text")
    test.equal(store.add("n", 2), 2)
    store.set("n", 1, {expires = 5})
    test.equal(store.add("n", 2), 3)
    stub.clock.advance(6)
    test.equal({store.get("n"), store.get("k")}, {})
    test.equal(store.set("k", nil), true)
  end,
  grants = function()
    stub.http.request(stub.any, stub.any, {status = 200})
    stub.allow()
    test.equal(http.request("GET", "http://x/").status, 200)
    test.fails(function() http.request("PUT", "http://x/") end, "allow: [net]")
    test.fails(function() http.request("GET", "http://x/", {body = "x"}) end, "allow: [net]")
    stub.allow("net")
    test.equal(http.request("PUT", "http://x/").status, 200)
  end,
}`})
	if len(got) != 3 {
		t.Fatal(got)
	}
	for name, r := range got {
		if r.Message != "" {
			t.Errorf("%s: %s", name, r.Message)
		}
	}
}
