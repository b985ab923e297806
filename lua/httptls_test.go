package lua

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// A server that takes a connection and says nothing in TLS: nothing of the call
// stays, no socket and no goroutine, whether it was ended by its own time or by the
// function's.
func TestSilentTLSLeavesNothing(t *testing.T) {
	var open atomic.Int32
	server := eachOn(t, func(conn net.Conn) {
		open.Add(1)
		defer open.Add(-1)
		for buf := make([]byte, 4096); ; {
			if _, err := conn.Read(buf); err != nil {
				return
			}
		}
	})
	for name, body := range map[string]string{
		"http, its own time":  `return nil ~= require("http").get("https://" .. ctx.args.a, {timeout = 0.05})`,
		"http, the call's":    `return nil ~= require("http").get("https://" .. ctx.args.a)`,
		"webhook, some tries": `return nil ~= require("webhook").post("https://" .. ctx.args.a, "x", {tries = 3, timeout = 0.05})`,
		"tcp, its own time":   `return nil ~= require("tcp").connect(ctx.args.a, {tls = true, timeout = 0.05})`,
	} {
		r := runner(t, "return function(ctx) "+body+" end", Options{Allow: []string{GrantNet}, Args: map[string]any{"a": server}})
		if ok, _, _ := r.Check(within(t, 300*time.Millisecond)); ok {
			t.Errorf("%s: it answered", name)
		}
		began := time.Now()
		for ; open.Load() != 0 && time.Since(began) < 2*time.Second; time.Sleep(time.Millisecond) {
		}
		if n := open.Load(); n != 0 {
			t.Errorf("%s: %d connections are open after the call", name, n)
		}
	}
}

// A redirect to another host wants that host's name in the certificate, unless the
// script says which one.
func TestRedirectsAreVerifiedByTheirHost(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	pems := []byte{}
	serve := func(address string, handler http.HandlerFunc) string {
		t.Helper()
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		of := &x509.Certificate{
			SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.ParseIP(address)}, IsCA: true, BasicConstraintsValid: true,
		}
		der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		pems = append(pems, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		s := httptest.NewUnstartedServer(handler)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.Listener.Close()
		if s.Listener, err = net.Listen("tcp", net.JoinHostPort(address, "0")); err != nil {
			t.Fatal(err)
		}
		s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
		s.StartTLS()
		t.Cleanup(s.Close)
		return "https://" + s.Listener.Addr().String() + "/"
	}
	second := serve("127.0.0.2", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	first := serve("127.0.0.1", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, second, http.StatusFound) })
	if err := os.WriteFile(ca, pems, 0o600); err != nil {
		t.Fatal(err)
	}
	saysAll(t, `local http = require "http" local o = {ca = ctx.args.ca, follow = 1, verify = true}
local function get(url) local a, why = http.get(url, o) return true, a and a.status or why end`, Options{Args: map[string]any{"ca": ca, "first": first, "second": second}}, []row{
		{`return get(ctx.args.first)`, "202"},
		{`return get(ctx.args.second)`, "202"},
		{`o.follow = 0 return get(ctx.args.first)`, "302"},
		{`o.server_name = "127.0.0.1" return get(ctx.args.first)`, "certificate is valid for 127.0.0.2, not 127.0.0.1*"},
		{`o.host = "127.0.0.1" return get(ctx.args.first)`, "202"},
		{`o.headers = {Host = "127.0.0.1"} return get(ctx.args.first)`, "202"},
		{`o.headers = {Host = "127.0.0.9"} return get(ctx.args.second)`, "certificate is valid for 127.0.0.2, not 127.0.0.9*"},
		{`o.host = "127.0.0.9" return get(ctx.args.second)`, "certificate is valid for 127.0.0.2, not 127.0.0.9*"},
	})
}
