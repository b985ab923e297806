package lua

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRedisClient(t *testing.T) {
	t.Parallel()
	redis := program(t, "redis-server", "the client is tried on it")
	start := func(extra ...string) string {
		address, port := freePort(t)
		args := append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(), "--requirepass", "secret", "--masterauth", "secret"}, extra...)
		serve(t, exec.Command(redis, args...), "tcp", address)
		return address
	}
	master := start()
	_, port, _ := net.SplitHostPort(master)
	replica := start("--replicaof", "127.0.0.1 "+port)
	wantExample(t, "redis", "true master", map[string]any{"address": master, "password": "secret"})
	wantExample(t, "redis", "true replica", map[string]any{"address": replica, "password": "secret"})
	gone := start()
	_, port, _ = net.SplitHostPort(gone)
	orphan := start("--replicaof", "127.0.0.1 "+port)
	wantExample(t, "redis", "true replica", map[string]any{"address": orphan, "password": "secret"})
	never := start("--replicaof", "127.0.0.1 1")
	wantExample(t, "redis", "false it has had nothing of its master since it began to run", map[string]any{"address": never, "password": "secret"})
	// One whose master does not let it in any more has its data.
	saysAll(t, `local redis = require "client.redis"`, Options{Args: map[string]any{"a": gone}}, []row{
		{`local o = {address = ctx.args.a, password = "secret"}
		  redis.command(o, "CONFIG", "SET", "requirepass", "other") o.password = "other"
		  return true, tostring(redis.command(o, "CLIENT", "KILL", "TYPE", "replica"))`, "1"},
	})
	wantExample(t, "redis", "true a replica, and the master is out of reach", map[string]any{"address": orphan, "password": "secret"})
	wantExample(t, "redis", "false WRONGPASS*", map[string]any{"address": master, "password": "wrong"})
	wantExample(t, "redis", "false NOAUTH*", map[string]any{"address": master})
	wantExample(t, "redis", "connection refused*", map[string]any{"address": closedAddress(t)})
	saysAll(t, `local redis = require "client.redis" local o = {address = ctx.args.a, password = "secret"}`, Options{Args: map[string]any{"a": master}}, []row{
		{`redis.command(o, "RPUSH", "list", "a", "b") local l = redis.command(o, "LRANGE", "list", 0, -1) return true, l[1] .. l[2] .. #l`, "ab2"},
		{`return true, tostring(redis.command(o, "LLEN", "list"))`, "2"},
		{`local v, why = redis.command(o, "GET", "nothing") return true, tostring(v) .. why`, "nilno value"},
		{`local v, why = redis.command(o, "NOPE") return true, why`, "ERR unknown command*"},
		{`local s = redis.replication(o) return true, s.replicas .. s.role`, "1master"},
	})
}

func TestMySQLClient(t *testing.T) {
	t.Parallel()
	mariadbd := program(t, "mariadbd", "the client is tried on it")
	install := program(t, "mariadb-install-db", "the client is tried on a new database")
	dir := folderOf(t, "mysql")
	data := func(name string) string { return filepath.Join(dir, name) }
	run(t, as(t, exec.Command(install, "--no-defaults", "--datadir="+data("primary"), "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=4M"), "mysql"))
	run(t, as(t, exec.Command("cp", "-r", data("primary"), data("replica")), "mysql"))
	setup := "CREATE USER check_user@'127.0.0.1' IDENTIFIED VIA mysql_native_password USING PASSWORD('secret');" +
		"GRANT REPLICATION CLIENT, SLAVE MONITOR, REPLICA MONITOR, REPLICATION SLAVE ON *.* TO check_user@'127.0.0.1';"
	start := func(name string, id int, init string) (address, port string) {
		address, port = freePort(t)
		if err := os.WriteFile(data(name+".sql"), []byte(strings.ReplaceAll(init, ";", ";\n")), 0o644); err != nil {
			t.Fatal(err)
		}
		serve(t, as(t, exec.Command(mariadbd, "--no-defaults", "--datadir="+data(name), "--port="+port, "--bind-address=127.0.0.1", "--socket="+data(name+".sock"),
			"--pid-file="+data(name+".pid"), fmt.Sprintf("--server-id=%d", id), "--log-bin", "--skip-name-resolve", "--init-file="+data(name+".sql"), "--innodb-log-file-size=4M"), "mysql"), "tcp", address)
		return address, port
	}
	primary, port := start("primary", 1, setup+"RESET MASTER;")
	replica, _ := start("replica", 2, setup+fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%s, MASTER_USER='check_user', MASTER_PASSWORD='secret', MASTER_USE_GTID=no;START SLAVE;", port))
	user := func(address, password string) map[string]any {
		return map[string]any{"address": address, "user": "check_user", "password": password}
	}
	wantExample(t, "mysql", "true a primary", user(primary, "secret"))
	wantExample(t, "mysql", "true a replica", user(replica, "secret"))
	wantExample(t, "mysql", "false Access denied for user*", user(primary, "wrong"))
	wantExample(t, "mysql", "connection refused*", user(closedAddress(t), "secret"))
	saysAll(t, `local mysql = require "client.mysql" local o = {address = ctx.args.a, user = "root"}`, Options{Args: map[string]any{"a": "unix:" + data("replica.sock")}}, []row{
		{`return true, mysql.greeting(o)`, "MariaDB*"},
		{`local r, names = mysql.query(o, "SELECT 1 AS one, NULL AS none, REPEAT('x', 70000) AS big") return true, r[1][1] .. tostring(r[1][2]) .. #r[1][3] .. names[3]`, "1false70000big"},
		{`local r, why = mysql.query(o, "SELEC") return true, why`, "You have an error in your SQL syntax*"},
		{`mysql.query(o, "STOP SLAVE SQL_THREAD") local s = mysql.status(o) return true, tostring(s.replica.sql) .. tostring(s.replica.lag) .. tostring(s.read_only)`, "falsenilfalse"},
		// The replica keeps what it gets for an hour: then it is behind.
		{`mysql.query(o, "STOP SLAVE") mysql.query(o, "CHANGE MASTER TO MASTER_DELAY=3600") mysql.query(o, "START SLAVE") mysql.query(o, "SET GLOBAL read_only=1")
		  return true, tostring(mysql.status(o).read_only)`, "true"},
		{`local r, why = mysql.query({address = ctx.args.a, tls = true, user = "root"}, "SELECT 1") return true, tostring(r) .. why`, "nilthe server has no TLS"},
	})
	saysAll(t, `local mysql = require "client.mysql" local o = {address = ctx.args.a, user = "root"}`, Options{Args: map[string]any{"a": "unix:" + data("primary.sock")}}, []row{
		{`mysql.query(o, "CREATE DATABASE moon") return true, "made"`, "made"},
	})
	saysAll(t, `local mysql, time = require "client.mysql", require "time" local o = {address = ctx.args.a, user = "root"}`, Options{Args: map[string]any{"a": "unix:" + data("replica.sock")}}, []row{
		{`for i = 1, 40 do local s = mysql.status(o) if s.replica.io and s.replica.lag and s.replica.lag >= 1 then return true, "behind" end time.sleep(0.1) end
		  return true, "lag " .. tostring(mysql.status(o).replica.lag)`, "behind"},
		// Two sources, of which one is out of reach.
		{`mysql.query(o, "CHANGE MASTER 'gone' TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='x'") mysql.query(o, "START SLAVE 'gone'")
		  local r for i = 1, 40 do r = mysql.status(o).replica if r.io_error ~= "" then break end time.sleep(0.1) end
		  return true, tostring(r.io) .. tostring(r.sql) .. tostring(r.lag) .. tostring(r.io_error == r.error) .. r.sql_error .. (r.error:match("connect") or "")`, "falsetrueniltrueconnect"},
		{`mysql.query(o, "STOP SLAVE 'gone'") mysql.query(o, "RESET SLAVE 'gone' ALL") return true, tostring(mysql.status(o).replica.io)`, "true"},
		// The primary is gone: the replica is what is to take over.
		{`mysql.query(o, "STOP SLAVE") mysql.query(o, "CHANGE MASTER TO MASTER_PORT=1, MASTER_DELAY=0") mysql.query(o, "START SLAVE")
		  local r for i = 1, 40 do r = mysql.status(o).replica if r.io_error ~= "" then break end time.sleep(0.1) end
		  return true, tostring(r.io) .. tostring(r.sql) .. tostring(r.lag) .. r.sql_error`, "falsetruenil"},
		{`local s, why = mysql.status() return true, type(s) .. type(why)`, "nilstring"},
	})
	wantExample(t, "mysql", "true a replica without its primary", user(replica, "secret"))
	// The account of examples/mysql-replica, by what its README says to a server.
	readme, err := os.ReadFile("../examples/mysql-replica/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, sql, _ := strings.Cut(string(readme), "```sql\n")
	sql, _, _ = strings.Cut(sql, "```")
	for statement := range strings.Lines(sql) {
		saysAll(t, `local mysql = require "client.mysql" local o = {address = ctx.args.a, user = "root"}`, Options{Args: map[string]any{"a": "unix:" + data("primary.sock")}}, []row{
			{fmt.Sprintf(`local rows, why = mysql.query(o, %q) return true, rows and "done" or why`, strings.TrimSpace(statement)), "done"},
		})
	}
	script, err := Compile("../examples/mysql-replica/mysql.lua")
	if err != nil {
		t.Fatal(err)
	}
	password := filepath.Join(write(t, map[string]string{"password": "...\n"}), "password")
	r, err := script.NewRunner(Options{Args: map[string]any{"address": "unix:" + data("primary.sock"), "password_file": password}})
	if err != nil {
		t.Fatal(err)
	}
	if ok, why, err := r.Check(within(t, 5*time.Second)); !ok || !strings.HasPrefix(why, "a primary, ") || err != nil {
		t.Errorf("the example says %v %q, %v", ok, why, err)
	}
	// One that was stopped is not, until somebody makes it the primary.
	for _, step := range [][2]string{{"STOP SLAVE", "false the replica is stopped"}, {"SET GLOBAL read_only=0", "true a replica without its primary"}} {
		saysAll(t, `local mysql = require "client.mysql" local o = {address = ctx.args.a, user = "root"}`, Options{Args: map[string]any{"a": "unix:" + data("replica.sock")}}, []row{
			{fmt.Sprintf(`return true, tostring(mysql.query(o, %q) ~= nil)`, step[0]), "true"},
		})
		wantExample(t, "mysql", step[1], user(replica, "secret"))
	}
}

func TestPostgresClient(t *testing.T) {
	t.Parallel()
	programs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(programs) == 0 {
		t.Skip("needs pg_ctlcluster: the client is tried on it")
	}
	bin := func(name string, args ...string) *exec.Cmd {
		cmd := as(t, exec.Command(filepath.Join(programs[len(programs)-1], name), args...), "postgres")
		cmd.Dir = "/"
		return cmd
	}
	dir := folderOf(t, "postgres")
	data := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(data("password"), []byte("secret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, bin("initdb", "-D", data("primary"), "-U", "postgres", "-A", "scram-sha-256", "--pwfile="+data("password"), "--no-sync", "-E", "UTF8", "--locale=C"))
	hba, err := os.OpenFile(filepath.Join(data("primary"), "pg_hba.conf"), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(hba, "local all all trust\nhost all old 127.0.0.1/32 md5\nhost all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 trust\n")
	hba.Close()
	start := func(name string, extra ...string) (address, port string) {
		address, port = freePort(t)
		args := append([]string{"-D", data(name), "-p", port, "-c", "listen_addresses=127.0.0.1", "-k", dir, "-c", "fsync=off"}, extra...)
		serve(t, bin("postgres", args...), "tcp", address)
		return address, port
	}
	primary, port := start("primary")
	// It accepts connections a little before it answers.
	for until := time.Now().Add(20 * time.Second); bin("pg_isready", "-q", "-h", "127.0.0.1", "-p", port).Run() != nil && time.Now().Before(until); {
		time.Sleep(50 * time.Millisecond)
	}
	run(t, bin("pg_basebackup", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-D", data("standby"), "-R", "-X", "stream", "-c", "fast"))
	standby, _ := start("standby")
	user := func(address, password string) map[string]any {
		return map[string]any{"address": address, "user": "postgres", "password": password}
	}
	wantExample(t, "postgres", "true primary with 1 replicas", user(primary, "secret"))
	wantExample(t, "postgres", "false a standby, 0 s behind", user(standby, "secret"))
	wantExample(t, "postgres", "false password authentication failed*", user(primary, "wrong"))
	saysAll(t, `local postgres = require "client.postgres" local o, a = {address = ctx.args.unix}, ctx.args.tcp`, Options{Args: map[string]any{"unix": "unix:" + data(".s.PGSQL."+port), "tcp": primary}}, []row{
		{`local r, names = postgres.query(o, "SELECT 1 AS one, NULL AS none, repeat('x', 70000) AS big") return true, r[1][1] .. tostring(r[1][2]) .. #r[1][3] .. names[2]`, "1false70000none"},
		{`local r, why = postgres.query(o, "SELEC") return true, why`, `syntax error at or near "SELEC"`},
		{`postgres.query(o, "SET password_encryption = md5; CREATE USER old PASSWORD 'older'; CREATE DATABASE old OWNER old") return true, "made"`, "made"},
		{`postgres.query(o, "CREATE DATABASE old") postgres.query(o, "CREATE ROLE old LOGIN") postgres.query(o, "SET password_encryption = 'md5'; ALTER USER old PASSWORD 'older'")
		  local s, why = postgres.status{address = a, user = "old", password = "older"} return true, s and tostring(s.primary) or why`, "true"},
		{`local s, why = postgres.status{address = a, user = "old"} return true, why`, "the server wants a password"},
		{`local s, why = postgres.status{address = a, user = "old", tls = true} return true, why`, "the server has no TLS"},
		{`local s, why = postgres.status() return true, type(s) .. type(why)`, "nilstring"},
	})
	// A standby that has lost its primary is as far behind as its last transaction is
	// old, although it has replayed all that it received.
	saysAll(t, `local postgres, time = require "client.postgres", require "time" local o = {address = ctx.args.a, user = "postgres", password = "secret"}`, Options{Args: map[string]any{"a": standby}}, []row{
		{`local s = postgres.status(o) return true, tostring(s.receiving) .. type(s.lag)`, "truenumber"},
		{`postgres.query(o, "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'") postgres.query(o, "SELECT pg_reload_conf()")
		  local s for i = 1, 40 do s = postgres.status(o) if not s.receiving and s.lag > 0 then return true, "behind" end time.sleep(0.1) end
		  return true, tostring(s.receiving) .. tostring(s.lag)`, "behind"},
	})
	wantExample(t, "postgres", "false a standby without its primary", user(standby, "secret"))
}

func TestDNSClient(t *testing.T) {
	t.Parallel()
	dnsmasq := program(t, "dnsmasq", "the client is tried on it")
	address, port := freePort(t)
	serve(t, exec.Command(dnsmasq, "--keep-in-foreground", "--no-hosts", "--no-resolv", "--conf-file=/dev/null", "--bind-interfaces", "--listen-address=127.0.0.1", "--port="+port, "--pid-file=", "--user=",
		"--address=/www.example.org/192.0.2.7", "--address=/example.org/", "--mx-host=mail.test,mx.mail.test,10", "--txt-record=t.test,v=spf1,-all", "--srv-host=_sip.test,sip.test,5060,1,2", "--host-record=h.test,192.0.2.9,2001:db8::9"), "tcp", address)
	wantExample(t, "dns", "true 192.0.2.7", map[string]any{"server": address})
	saysAll(t, `local dns, q = require "client.dns", require("dns").query local s = ctx.args.s
local function data(name, kind, tcp) local a = q(name, kind, {server = s, tcp = tcp}) return true, a.answers[1] and a.answers[1].type .. " " .. a.answers[1].data or a.rcode end`,
		Options{Args: map[string]any{"s": address}}, []row{
			{`return true, tostring(select(2, dns.check{server = s, name = "www.example.org", expect = "192.0.2.8"}))`, "the answer has 192.0.2.7, not 192.0.2.8"},
			{`return true, tostring(select(2, dns.check{server = s, name = "nothing.example.org"}))`, "the answer *"},
			{`return data("mail.test", "MX")`, "MX 10 mx.mail.test"},
			{`return data("t.test", "TXT")`, "TXT v=spf1-all"},
			{`return data("_sip.test", "SRV")`, "SRV 1 2 5060 sip.test"},
			{`return data("h.test", "AAAA", true)`, "AAAA 2001:db8::9"},
			{`return data("9.2.0.192.in-addr.arpa", "PTR")`, "PTR h.test"},
			// Names are the same in any case, and with a dot; what a text says is not.
			{`local ok, why = dns.check{server = s, name = "h.test", type = "aaaa", expect = "2001:DB8::9"} return true, tostring(ok) .. why`, "true2001:db8::9"},
			{`local ok, why = dns.check{server = s, name = "mail.test", type = "mx", expect = "10 MX.mail.test."} return true, tostring(ok) .. why`, "true10 mx.mail.test"},
			{`local ok, why = dns.check{server = s, name = "mail.test", type = "MX", expect = "10 mx.mail"} return true, tostring(ok) .. why`, "falsethe answer has 10 mx.mail.test, not 10 mx.mail"},
			{`local ok, why = dns.check{server = s, name = "t.test", type = "TXT", expect = "v=SPF1-all"} return true, tostring(ok) .. why`, "falsethe answer has v=spf1-all, not v=SPF1-all"},
			{`local ok, why = dns.check{server = s, name = "mail.test", type = "ANY", tcp = true} return true, tostring(ok) .. why`, "true10 mx.mail.test"},
		})
}

func TestLDAPClient(t *testing.T) {
	t.Parallel()
	slapd := program(t, "slapd", "the client is tried on it")
	dir := t.TempDir()
	config := filepath.Join(dir, "slapd.conf")
	if err := os.WriteFile(config, []byte("include /etc/ldap/schema/core.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\npidfile "+dir+"/pid\ndatabase mdb\nmaxsize 1048576\nsuffix dc=example,dc=org\nrootdn cn=admin,dc=example,dc=org\nrootpw secret\ndirectory "+dir+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address, _ := freePort(t)
	serve(t, exec.Command(slapd, "-f", config, "-h", "ldap://"+address, "-d", "0"), "tcp", address)
	bind := func(dn, password string) map[string]any {
		return map[string]any{"address": address, "dn": dn, "password": password}
	}
	wantExample(t, "ldap", "true ", bind("cn=admin,dc=example,dc=org", "secret"))
	wantExample(t, "ldap", "true ", bind("", ""))
	wantExample(t, "ldap", "false a dn without a password*", bind("cn=admin,dc=example,dc=org", ""))
	wantExample(t, "ldap", "false invalid credentials", bind("cn=admin,dc=example,dc=org", "wrong"))
	wantExample(t, "ldap", "false the name is invalid: invalid DN", bind("nonsense", "x"))
	saysAll(t, `local ldap = require "client.ldap"`, Options{Args: map[string]any{"a": address}}, []row{
		{`return true, select(2, ldap.bind{address = ctx.args.a, starttls = true})`, "protocol error*"},
		{`return true, select(2, ldap.bind{address = ctx.args.a, tls = true, verify = false})`, "*"},
	})
}

// TestLDAPClientOfActiveDirectory: that writes each length in four octets.
func TestLDAPClientOfActiveDirectory(t *testing.T) {
	t.Parallel()
	answer := func(octets string) string {
		return eachOn(t, func(conn net.Conn) {
			buf := make([]byte, 256)
			if _, err := conn.Read(buf); err == nil {
				_, _ = conn.Write([]byte(octets))
				_, _ = conn.Read(buf) // it unbinds, or goes
			}
		})
	}
	for name, tt := range map[string][2]string{
		"success":             {"\x30\x84\x00\x00\x00\x10\x02\x01\x02\x61\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00", "true"},
		"invalid credentials": {"\x30\x84\x00\x00\x00\x14\x02\x01\x02\x61\x84\x00\x00\x00\x0b\x0a\x01\x31\x04\x00\x04\x04wrog", "falseinvalid credentials: wrog"},
		"a long one":          {"\x30\x84\x00\x01\x00\x00", "falsethis is no LDAP"},
		"a longer one":        {"\x30\x85\x00\x00\x00\x00\x10", "falsethis is no LDAP"},
	} {
		t.Run(name, func(t *testing.T) {
			saysAll(t, `local ldap = require "client.ldap"`, Options{Args: map[string]any{"a": answer(tt[0])}}, []row{
				{`local ok, why = ldap.bind{address = ctx.args.a, timeout = 2} return true, tostring(ok) .. (why or "")`, tt[1]},
			})
		})
	}
}

func TestSMTPClient(t *testing.T) {
	t.Parallel()
	smtpd := program(t, "smtpd", "the client is tried on it")
	if os.Getuid() != 0 {
		t.Skip("needs root: the mail server has one place for its files, and gets one of its own")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "smtpd.conf")
	address, port := freePort(t)
	if err := os.WriteFile(config, []byte("listen on 127.0.0.1 port "+port+" hostname mail.example.org\naction a mbox\nmatch for local action a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", "mount -t tmpfs x /run && mount -t tmpfs x /var/spool && mkdir -m 711 /var/spool/smtpd && exec "+smtpd+" -d -f "+config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	serve(t, cmd, "tcp", address)
	wantExample(t, "smtp", "true mail.example.org ESMTP OpenSMTPD", map[string]any{"address": address})
	wantExample(t, "smtp", "connection refused*", map[string]any{"address": closedAddress(t)})
	saysAll(t, `local smtp = require "client.smtp" local function check(o) o.address = ctx.args.a local ok, why = smtp.check(o) return true, tostring(ok) .. " " .. why end`,
		Options{Args: map[string]any{"a": address}}, []row{
			{`return check{starttls = true}`, "false STARTTLS is answered with 50*"},
			{`return check{tls = true, verify = false}`, "false *"},
		})
}

// A mail server of our own goes on in TLS: that of Debian cannot.
func TestSMTPClientGoesOnInTLS(t *testing.T) {
	cert, ca := certificate(t)
	server := serveTCP(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprint(conn, "220-mail.example.org\r\n220 ready\r\n")
		secret := false
		for r := bufio.NewReader(conn); ; {
			line, err := r.ReadString('\n')
			switch {
			case err != nil:
				return
			case strings.HasPrefix(line, "EHLO") && !secret:
				fmt.Fprint(conn, "250-mail.example.org\r\n250 STARTTLS\r\n")
			case strings.HasPrefix(line, "EHLO"):
				fmt.Fprint(conn, "250 mail.example.org\r\n")
			case strings.HasPrefix(line, "STARTTLS"):
				fmt.Fprint(conn, "220 go\r\n")
				tlsConn := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}})
				conn, r, secret = tlsConn, bufio.NewReader(tlsConn), true
			default:
				fmt.Fprint(conn, "221 bye\r\n")
			}
		}
	})
	saysAll(t, `local smtp = require "client.smtp" local function check(o) o.address = ctx.args.a local ok, why = smtp.check(o) return true, tostring(ok) .. " " .. why end`,
		Options{Args: map[string]any{"a": server, "ca": ca}}, []row{
			{`return check{starttls = true, ca = ctx.args.ca, server_name = "example.com"}`, "true mail.example.org"},
			{`return check{starttls = true, ca = ctx.args.ca, server_name = "other.org"}`, "valid for example.com*"},
			{`return check{starttls = true}`, "certificate*"},
		})
}

func TestNginxAndDockerClients(t *testing.T) {
	t.Parallel()
	nginx := program(t, "nginx", "the clients are tried on it")
	dir := t.TempDir()
	address, _ := freePort(t)
	socket := filepath.Join(dir, "docker.sock")
	// nginx stands in for Docker's daemon: what it answers is a part of what
	// that answers, on a unix socket.
	answer := `{"Id": "1", "RestartCount": 2, "State": {"Status": "running", "Running": true, "Health": {"Status": "healthy"}}}`
	config := "daemon off; error_log " + dir + "/error.log; pid " + dir + "/pid; events {} http { access_log off; client_body_temp_path " + dir + "/a; proxy_temp_path " + dir + "/b; fastcgi_temp_path " + dir + "/c; uwsgi_temp_path " + dir + "/d; scgi_temp_path " + dir + "/e;\n" +
		"server { listen " + address + "; location /status { stub_status; } location / { return 404; } }\n" +
		"server { listen unix:" + socket + "; location = /_ping { return 200 OK; } location = /containers/web/json { return 200 '" + answer + "'; } location / { return 404 '{\"message\": \"No such container\"}'; } } }\n"
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-c", filepath.Join(dir, "nginx.conf"), "-p", dir)
	if os.Getuid() == 0 {
		cmd.Args = append(cmd.Args, "-g", "user root;")
	}
	serve(t, cmd, "tcp", address)
	wantExample(t, "nginx", "true 1 connections", map[string]any{"url": "http://" + address + "/status"})
	wantExample(t, "nginx", "false status 404", map[string]any{"url": "http://" + address + "/x"})
	wantExample(t, "docker", "true web is healthy", map[string]any{"socket": socket})
	saysAll(t, `local docker, nginx = require "client.docker", require "client.nginx" local o = {socket = ctx.args.s}`, Options{Args: map[string]any{"s": socket, "u": "http://" + address + "/status"}}, []row{
		{`return true, tostring(docker.ping(o)) .. docker.container(o, "web").restarts`, "true2"},
		{`local c, why = docker.container(o, "other") return true, why`, "status 404: No such container"},
		{`docker.container(o, "../x")`, "the name is wrong*"},
		{`local c, why = docker.ping{socket = "/nonexistent"} return true, why`, "no such file*"},
		{`local s = nginx.status(ctx.args.u) return true, tostring(s.requests >= 1 and s.handled == s.accepts and s.writing == 1)`, "true"},
	})
}

func TestHAProxyClient(t *testing.T) {
	t.Parallel()
	haproxy := program(t, "haproxy", "the client is tried on it")
	up := httptest.NewServer(http.NotFoundHandler())
	defer up.Close()
	dir := t.TempDir()
	socket, address := filepath.Join(dir, "s"), ""
	address, _ = freePort(t)
	second, _ := freePort(t)
	config := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(config, []byte("global\n  stats socket "+socket+" mode 600 level admin\ndefaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n"+
		"frontend in\n  bind "+address+"\n  default_backend web\nbackend web\n  server one "+up.Listener.Addr().String()+" check inter 200\n  server two "+closedAddress(t)+" check inter 200 fall 1\n"+
		"backend 8080\n  server three "+up.Listener.Addr().String()+"\n"+
		"listen both\n  bind "+second+"\n  option socket-stats\n  server four "+up.Listener.Addr().String()+" check inter 200\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, exec.Command(haproxy, "-f", config, "-db"), "unix", socket)
	wantExample(t, "haproxy", "true 1 of 2 servers are up", map[string]any{"socket": socket})
	saysAll(t, `local haproxy = require "client.haproxy" local o = {socket = ctx.args.s}`, Options{Args: map[string]any{"s": socket}}, []row{
		{`local i = haproxy.info(o) return true, i.Name .. tostring(i.Pid > 1)`, "HAProxytrue"},
		{`local b, why = haproxy.backend(o, "other") return true, why`, "there is no backend other"},
		{`local b, why = haproxy.backend(o, "8080") return true, why or b.up .. " of " .. b.servers .. " " .. b.status`, "1 of 1 UP"},
		{`local b, why = haproxy.backend(o, 8080) return true, why or b.up .. " of " .. b.servers .. " " .. b.status`, "1 of 1 UP"},
		{`local b, why = haproxy.backend(o, "both") return true, why or b.up .. " of " .. b.servers .. " " .. b.status`, "1 of 1 UP"}, // its socket is a line of its own
		{`local n = 0 for _, line in ipairs(haproxy.stat(o)) do if line.pxname == "both" then n = n + 1 end end return true, n`, "4"},
		{`return true, haproxy.command(o, "nonsense")`, "Unknown command*"},
		{`haproxy.command(o, "set server web/one state maint") local b = haproxy.backend(o, "web") return true, b.up .. b.status`, "0DOWN"},
	})
}

// The timeout of a client bounds all that it does: a server that says an octet now
// and then keeps nobody for longer.
func TestClientsEndInTime(t *testing.T) {
	t.Parallel()
	drip := func(octet string) string {
		return eachOn(t, func(conn net.Conn) {
			for range 60 {
				if _, err := conn.Write([]byte(octet)); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	for call, octet := range map[string]string{
		`client.mysql greeting`:    "\x01",
		`client.mysql status`:      "\x01",
		`client.postgres status`:   "\x00",
		`client.redis ping`:        "x",
		`client.redis replication`: "x",
		`client.haproxy info`:      "x",
		`client.smtp check`:        "220-x\r\n",
		`client.ldap bind`:         "\x30",
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			name, function, _ := strings.Cut(call, " ")
			r := runner(t, fmt.Sprintf(`local client = require %q return function(ctx) local ok, why = client.%s{address = ctx.args.a, timeout = 0.3} return not ok, why end`, name, function),
				Options{Args: map[string]any{"a": drip(octet)}})
			begin := time.Now()
			ok, why, err := r.Check(within(t, 10*time.Second))
			if took := time.Since(begin); !ok || err != nil || took > 2*time.Second {
				t.Errorf("%v %q, %v after %v", ok, why, err, took)
			}
		})
	}
}

// CLIENTS.md is written from what each client says of itself and from its
// example.
func TestClientsPage(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# Clients in Lua\n\nWritten by `go test ./lua -run TestClientsPage -update`. A client is a script that comes\nwith the program: `require \"client.redis\"`. Each is tried on the real server: that of\nDocker on Podman, and that of MySQL on MariaDB and, for logins by\ncaching_sha2_password, on a stand-in.\n")
	for _, name := range clientNames() {
		short := strings.TrimPrefix(name, "client.")
		source, err := clients.ReadFile("client/" + short + ".lua")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "\n## %s\n\n```\n", name)
		for line := range strings.Lines(string(source)) {
			text, comment := strings.CutPrefix(line, "--")
			if !comment {
				break
			}
			b.WriteString(strings.TrimPrefix(text, " "))
		}
		example, err := os.ReadFile(filepath.Join("examples", "client", short+".lua"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "```\n\n```lua\n%s```\n", example)
	}
	if *update {
		if err := os.WriteFile("CLIENTS.md", b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("CLIENTS.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b.Bytes()) {
		t.Error("CLIENTS.md is not what the clients say; run: go test ./lua -run TestClientsPage -update")
	}
}
