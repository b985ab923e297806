package lua

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// sha2Server speaks as much of MySQL 8 as a login by caching_sha2_password and
// one question need. It knows the password as the server keeps it in its cache:
// hashed twice.
type sha2Server struct {
	password string
	cached   bool
	// key, if there is one, is what passwords are encrypted for.
	key *rsa.PrivateKey
	// readOnly, if it is not empty, is what the server answers to SELECT in place of 1,
	// and then it says to all that it is a replica that was stopped.
	readOnly string
}

var sha2Salt = []byte("abcdefghijklmnopqrst")

func (s sha2Server) serve(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second)) // a client that says nothing is seen by the test
	send := func(seq byte, text ...byte) {
		_, _ = c.Write(append([]byte{byte(len(text)), byte(len(text) >> 8), 0, seq}, text...)) // nor is one that has gone
	}
	receive := func() []byte {
		head := make([]byte, 4)
		if _, err := io.ReadFull(c, head); err != nil {
			return nil
		}
		text := make([]byte, int(head[0])|int(head[1])<<8)
		_, _ = io.ReadFull(c, text) // it is compared
		return text
	}
	greeting := append([]byte{10}, "8.4.0\x00"...)
	greeting = append(greeting, 1, 0, 0, 0)
	greeting = append(append(greeting, sha2Salt[:8]...), 0)
	greeting = append(greeting, 0xff, 0xf7, 45, 2, 0, 0xff, 0xdf, 21)
	greeting = append(greeting, make([]byte, 10)...)
	greeting = append(append(greeting, sha2Salt[8:]...), 0)
	send(0, append(greeting, "caching_sha2_password\x00"...)...)
	if receive() == nil {
		return
	}
	send(2, append(append([]byte("\xfecaching_sha2_password\x00"), sha2Salt...), 0)...)
	proof := receive()
	once := sha256.Sum256([]byte(s.password))
	kept := sha256.Sum256(once[:])
	mask := sha256.Sum256(append(kept[:], sha2Salt...))
	good := len(proof) == len(mask)
	if good {
		for i := range proof {
			proof[i] ^= mask[i]
		}
		got := sha256.Sum256(proof)
		good = bytes.Equal(got[:], kept[:])
	}
	denied := append([]byte("\xff\x15\x04#28000"), "Access denied"...)
	switch {
	case s.password == "":
	case s.cached && good:
		send(4, 1, 3)
	case s.cached:
		send(4, denied...)
		return
	default:
		send(4, 1, 4)
		got, seq := receive(), byte(6)
		if s.key != nil && string(got) == "\x02" {
			der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
			if err != nil {
				panic(err)
			}
			send(6, append([]byte{1}, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...)...)
			got, seq = receive(), 8
		}
		if s.key != nil {
			open, err := rsa.DecryptOAEP(sha1.New(), nil, s.key, got, nil)
			for i := range open {
				open[i] ^= sha2Salt[i%len(sha2Salt)]
			}
			if got = open; err != nil {
				got = nil
			}
		}
		if string(got) != s.password+"\x00" {
			send(seq, denied...)
			return
		}
	}
	send(6, 0, 0, 0, 2, 0, 0, 0)
	if receive() == nil {
		return
	}
	value := s.readOnly
	if value == "" {
		value = "1"
	}
	send(1, 1)
	send(2, append([]byte("\x03def\x00\x00\x00\x011\x00"), make([]byte, 13)...)...)
	send(3, 0xfe, 0, 0, 2, 0)
	send(4, append([]byte{byte(len(value))}, value...)...)
	send(5, 0xfe, 0, 0, 2, 0)
	for { // what it is asked next it refuses, as MySQL 8.4 to an account without a right
		switch asked := receive(); {
		case asked == nil:
			return
		case string(asked) == "\x03SHOW REPLICA STATUS" && s.readOnly != "":
			send(1, 1)
			send(2, append([]byte("\x03def\x00\x00\x00\x13Replica_SQL_Running\x00"), make([]byte, 12)...)...)
			send(3, 0xfe, 0, 0, 2, 0)
			send(4, []byte("\x02No")...)
			send(5, 0xfe, 0, 0, 2, 0)
		case string(asked) == "\x03SHOW REPLICA STATUS":
			send(1, []byte("\xff\xcb\x04#42000Access denied; you need the REPLICATION CLIENT privilege")...)
		default:
			send(1, []byte("\xff\x28\x04#42000You have an error in your SQL syntax")...)
		}
	}
}

// TestMySQLStatusWithoutTheRight: the reason is the right that is missing, and not that
// the server does not know how others are asked.
func TestMySQLStatusWithoutTheRight(t *testing.T) {
	at := eachOn(t, sha2Server{cached: true}.serve)
	saysAll(t, `local mysql = require "client.mysql"`, Options{Args: map[string]any{"a": at}}, []row{
		{`local s, why = mysql.status{address = ctx.args.a, user = "u"} return true, tostring(s) .. why`, "nilAccess denied; you need the REPLICATION CLIENT privilege (error 1227)"},
	})
}

// TestMySQLReadOnly: MariaDB has names for it, and a server that was stopped and may be
// written to is a primary.
func TestMySQLReadOnly(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"0": "true a replica without its primary", "OFF": "true a replica without its primary",
		"1": "false the replica is stopped", "ON": "false the replica is stopped", "NO_LOCK_NO_ADMIN": "false the replica is stopped",
	} {
		at := eachOn(t, sha2Server{cached: true, readOnly: value}.serve)
		if got := clientExample(t, "mysql", map[string]any{"address": at, "user": "u"}); got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
}

// TestMySQLExample: the server that has just begun, and has no password in its cache,
// lets the example in, by the kind of address that its configuration has.
func TestMySQLExample(t *testing.T) {
	t.Parallel()
	conf, err := os.ReadFile("../examples/mysql-replica/keepalived.conf")
	if err != nil {
		t.Fatal(err)
	}
	args := map[string]any{"user": "moonkeep", "password_file": filepath.Join(write(t, map[string]string{"password": "secret\n"}), "password")}
	network, address := "tcp", "127.0.0.1:0"
	if regexp.MustCompile(`(?m)^ *script "lua:mysql.lua .*\baddress=unix:/`).Match(conf) {
		network, address = "unix", filepath.Join(t.TempDir(), "mysql.sock")
	}
	at := serveTCP(t, network, address, sha2Server{password: "secret", readOnly: "ON"}.serve)
	args["address"] = strings.Replace(at, "/", "unix:/", 1)
	script, err := Compile("../examples/mysql-replica/mysql.lua")
	if err != nil {
		t.Fatal(err)
	}
	r, err := script.NewRunner(Options{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	ok, why, err := r.Check(within(t, 5*time.Second))
	if ok || why != "the replica is stopped" || err != nil {
		t.Errorf("%v %q, %v; want what the server says of itself", ok, why, err)
	}
}

// The client of MySQL logs in by caching_sha2_password, and never sends a
// password over a network that others may read.
func TestMySQLCachingSHA2(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	long := strings.Repeat("long ", 20)
	for _, tt := range []struct {
		name   string
		server sha2Server
		given  string
		unix   bool
		key    any
		want   string
	}{
		{"cached", sha2Server{password: "secret", cached: true}, "secret", false, nil, "1"},
		{"cached, and wrong", sha2Server{password: "secret", cached: true}, "other", false, nil, "Access denied (error 1045)"},
		{"not cached, by TCP", sha2Server{password: "secret", cached: false}, "secret", false, nil, "use tls = true, the server's unix socket, or server_key"},
		{"not cached, by a socket", sha2Server{password: "secret", cached: false}, "secret", true, nil, "1"},
		{"not cached, by a socket, and wrong", sha2Server{password: "secret", cached: false}, "other", true, nil, "Access denied (error 1045)"},
		{"none", sha2Server{password: ""}, "", false, nil, "1"},
		{"not cached, encrypted", sha2Server{password: long, cached: false, key: key}, long, false, true, "1"},
		{"not cached, encrypted, and wrong", sha2Server{password: long, cached: false, key: key}, "other", false, true, "Access denied (error 1045)"},
		{"not cached, encrypted by a key that is known", sha2Server{password: long, cached: false, key: key}, long, false, public, "1"},
		{"not cached, encrypted by what is no key", sha2Server{password: long, cached: false, key: key}, long, false, "key", "server_key: the key is no public key in PEM"},
		{"not cached, and the server shows no key", sha2Server{password: "secret", cached: false}, "secret", false, true, "Access denied (error 1045)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			network, address := "tcp", "127.0.0.1:0"
			if tt.unix {
				network, address = "unix", filepath.Join(t.TempDir(), "mysql.sock")
			}
			l, err := net.Listen(network, address)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			served := make(chan struct{})
			go func() {
				defer close(served)
				if c, err := l.Accept(); err == nil {
					tt.server.serve(c)
				}
			}()
			where := l.Addr().String()
			if tt.unix {
				where = "unix:" + where
			}
			args := map[string]any{"where": where, "password": tt.given}
			if tt.key != nil {
				args["key"] = tt.key
			}
			r := runner(t, `
local mysql = require "client.mysql"
return function(ctx)
  local rows, why = mysql.query({address = ctx.args.where, user = "u", password = ctx.args.password, server_key = ctx.args.key}, "SELECT 1")
  return true, rows and rows[1][1] or why
end`, Options{Args: args})
			_, said, err := r.Check(within(t, 5*time.Second))
			if err != nil || !strings.Contains(said, tt.want) {
				t.Errorf("%q, %v; want %q", said, err, tt.want)
			}
			l.Close()
			<-served
		})
	}
}
