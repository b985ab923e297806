package lua

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// idiom is what a row of the table of bash idioms in README.md is tried with: stubs
// of a world in which all is well, and what it comes to there; and of one in which it
// is not, where a check that returns it must fail: "error" for one that raises an
// error. Rows that ask nobody have no second one.
type idiom struct{ bash, stubs, want, bad, wantBad string }

func idioms() []idiom {
	return []idiom{
		{"ps aux", `stub.process.running({cmdline = "nginx: master"}, true)`, "true", `stub.process.running(false)`, "false"},
		{"killall -0 nginx", `stub.process.running({name = "nginx"}, true)`, "true", `stub.process.running(false)`, "false"},
		{"kill -0 $(cat", `stub.process.running({pidfile = "/run/nginx.pid"}, true)`, "true", `stub.process.running(false)`, "false"},
		{"pgrep -c", `stub.process.count({name = "php-fpm"}, 4)`, "4", `stub.process.count(0)`, "0"},
		{"pgrep -x", `stub.process.running({name = "redis-server", user = "redis"}, true)`, "true", `stub.process.running(false)`, "false"},
		{"curl -sf", `stub.http.get("http://127.0.0.1/", {status = 302})`, "true", `stub.http.get(nil, "connection refused")`, "false"},
		{"curl -s -o", `stub.http.get(function(url, o) return {status = o.host == "a.example" and 204 or 0} end)`, "204", `stub.http.get(nil, "connection refused")`, "error"},
		{"nc -z", `stub.tcp.connect("127.0.0.1:3306", stub.object("tcp.Connection", {}))`, "true", `stub.tcp.connect(nil, "connection refused")`, "false"},
		{"ping -c 1", `stub.icmp.ping("192.0.2.1", {rtt = 0.001})`, "true", `stub.icmp.ping(nil, "timeout")`, "false"},
		{"dig +short", `stub.dns.query("www.example.org", "A", {answers = {{data = "192.0.2.7"}}})`, `"192.0.2.7"`, `stub.dns.query({rcode = "NXDOMAIN", answers = {}})`, "error"},
		{"df --output", `stub.file.space("/var", {used = 12.5})`, "12.5", `stub.file.space(nil, "no such file")`, "error"},
		{"curl -s http", `stub.http.get("http://127.0.0.1/health", {status = 200, body = "nginx\nok\n"})`, "true", `stub.http.get({status = 200, body = "not ok"})`, "false"},
		{"echo \"show stat\"", `stub.client.haproxy.backend({}, "web", {up = 2, servers = 3})`, "2", `stub.client.haproxy.backend(nil, "no such file")`, "error"},
		{"mysql -e", `stub.client.mysql.status({replica = {lag = 4}})`, "4", `stub.client.mysql.status(nil, "connection refused")`, "error"},
		{"psql -h", `stub.client.postgres.query({user = "check"}, stub.any, {{"12"}})`, "12", `stub.client.postgres.query(nil, "connection refused")`, "error"},
		{"PGPASSWORD=", `stub.file.read("/etc/check.password", "secret\n")`, `"secret"`, `stub.file.read(nil, "no such file")`, "error"},
		{"[ -f", `stub.file.exists("/run/maintenance", true)`, "true", `stub.file.exists(false)`, "false"},
		{"cut -d' '", `stub.file.read("/proc/loadavg", "0.50 1 2 1/1 1\n")`, "0.5", `stub.file.read(nil, "no such file")`, "error"},
		{"[ -n \"$(find", `stub.file.age("/run/beat", 59)`, "true", `stub.file.age("/run/beat", 61)`, "false"},
		{"echo \"$msg\"", `stub.file.append("/var/log/changes.log", "text\n", true)`, "true", `stub.file.append(nil, "no space left")`, "nil"},
		{"systemctl is-active", `stub.systemd.active("nginx", true)`, "true", `stub.systemd.active(false)`, "false"},
		{"systemctl restart", `stub.systemd.restart("nginx", true)`, "true", `stub.systemd.restart(nil, "no such unit")`, "nil"},
		{"timeout 2", `stub.exec.run({"/usr/local/bin/check", "--fast"}, {status = 0})`, "true", `stub.exec.run({status = 1})`, "false"},
		{"ip addr show", `stub.net.interface("eth0", {addresses = {"192.0.2.9/24", "192.0.2.1/24"}})`, "true", `stub.net.interface({addresses = {"192.0.2.10/24"}})`, "false"},
		{"logger -p", ``, "nil", "", ""},
		{"date '+%F %T'", `stub.clock.set(86400 * 365)`, `"1971-01-01 00:00:00"`, "", ""},
		{"$(hostname)", `stub.env.hostname("lb-a")`, `"lb-a"`, "", ""},
		{"mail -s", `stub.mail.send("lb-a is master", "timeout", true)`, "true", `stub.mail.send(nil, "connection refused")`, "nil"},
		{"curl -d", `stub.webhook.post("https://chat.example.org/hook", {text = "down"}, {status = 200})`, "{status = 200}", `stub.webhook.post(nil, "connection refused")`, "nil"},
		{"$1", ``, `"192.0.2.1"`, "", ""},
		{"$2", ``, `"master"`, "", ""},
		{"n=$(cat", ``, "1", "", ""},
		{"exit 1", ``, "false", "", ""},
	}
}

// tableRow matches a row of the table.
var tableRow = regexp.MustCompile("(?m)^\\| (`.*) \\| `(.*)` \\|$")

// TestPortingTable: each row of the table runs, by stubs, and comes to what the
// bash beside it tells.
func TestPortingTable(t *testing.T) {
	t.Setenv("TZ", "UTC")
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Porting a bash script")
	table, _, _ = strings.Cut(table, "\n## ")
	rows := tableRow.FindAllStringSubmatch(table, -1)
	if len(rows) < 15 || len(rows) != len(idioms()) {
		t.Fatalf("the table has %d rows, and %d are tried", len(rows), len(idioms()))
	}
	var b strings.Builder
	b.WriteString("local stub, test = require 'stub', require 'test'\n")
	for _, m := range modules() {
		fmt.Fprintf(&b, "local %s = require %q\n", m.Name, m.Name)
	}
	b.WriteString("local haproxy, mysql, postgres = require 'client.haproxy', require 'client.mysql', require 'client.postgres'\n")
	b.WriteString("local event = {node = 'lb-a', to = 'MASTER', why = 'timeout', addresses = {'192.0.2.1/24'}}\nlocal ctx = {args = {msg = 'text'}}\nreturn {\n")
	more := 0
	for i, try := range idioms() {
		bash, code := strings.ReplaceAll(rows[i][1], `\|`, "|"), rows[i][2]
		if !strings.HasPrefix(bash, "`"+try.bash) {
			t.Errorf("row %d is %s, want %s", i+1, bash, try.bash)
		}
		if !strings.HasPrefix(code, "return ") {
			code = "return " + code
		}
		fmt.Fprintf(&b, "[%q] = function()\n%s\nlocal result = (function() %s end)()\ntest.equal(result, %s)\nend,\n", try.bash, try.stubs, code, try.want)
		switch try.wantBad {
		case "":
			if strings.Contains(try.stubs, "(") && !strings.Contains(try.stubs, "clock") && !strings.Contains(try.stubs, "hostname") {
				t.Errorf("%s: it asks the world, and is tried with a good one alone", try.bash)
			}
			continue
		case "error":
			fmt.Fprintf(&b, "[%q] = function()\n%s\ntest.fails(function() %s end, \"\")\nend,\n", try.bash+" fails", try.bad, code)
		default:
			fmt.Fprintf(&b, "[%q] = function()\n%s\nlocal result = (function() %s end)()\ntest.equal(result, %s)\nend,\n", try.bash+" fails", try.bad, code, try.wantBad)
		}
		more++
	}
	b.WriteString("}\n")
	got := tested(t, map[string]string{"rows_test.lua": b.String()})
	for name, r := range got {
		if !r.OK {
			t.Errorf("%s: %s", name, r.Message)
		}
	}
	if len(got) != len(rows)+more {
		t.Errorf("%d of %d rows ran", len(got), len(rows)+more)
	}
}

// TestReadmeTest: the test that README.md shows passes.
func TestReadmeTest(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, name := range []string{"chk_nginx.lua", "chk_nginx_test.lua"} {
		_, source, ok := strings.Cut(string(text), "```lua\n-- "+name+"\n")
		if !ok {
			t.Fatal(name, "is not there")
		}
		files[name], _, _ = strings.Cut(source, "```")
	}
	got := tested(t, files)
	if r := got["restarted"]; !r.OK || len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

// TestPortedScript: the script that README.md ports as a whole restarts once and
// then says no, and says why it could not restart.
func TestPortedScript(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, script, ok := strings.Cut(string(text), "```lua\n-- chk_nginx.lua\n")
	if !ok {
		t.Fatal("the script is not there")
	}
	script, _, _ = strings.Cut(script, "```")
	got := tested(t, map[string]string{"chk_nginx.lua": script, "chk_nginx_test.lua": `
local stub, test, check = require "stub", require "test", require "chk_nginx"
return {
  once = function()
    stub.process.running(false)
    stub.systemd.restart("nginx", true)
    test.equal({check{}}, {false, "nginx was restarted"})
    test.equal({check{}}, {false, "no nginx, and its restart did not help"})
    test.equal(#stub.calls("systemd.restart"), 1)
    stub.clock.advance(61)
    check{}
    test.equal(#stub.calls("systemd.restart"), 2)
  end,
  helps = function()
    stub.process.running({cmdline = "nginx: master process"}, stub.sequence(false, true))
    stub.systemd.restart("nginx", true)
    test.equal({check{}}, {true, "nginx was restarted"})
    test.equal(check{}, true)
  end,
  cannot = function()
    stub.process.running(false)
    stub.systemd.restart("nginx", nil, "no bus")
    test.equal({check{}}, {false, "no nginx, and no restart: no bus"})
  end,
}`})
	if len(got) != 3 {
		t.Errorf("%d tests ran", len(got))
	}
	for name, r := range got {
		if !r.OK {
			t.Errorf("%s: %s: %s", name, r.Place, r.Message)
		}
	}
}
