package lua

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Every example of MODULES.md and of README.md runs, and its check passes.
// Those of the modules use every function that the module has.
func TestExamples(t *testing.T) {
	args, host := exampleArgs(t), exampleHost(t)
	files := map[string]string{"number": "12\n", "pid": fmt.Sprintln(args["pid"])}
	for _, m := range modules() {
		text, err := os.ReadFile(filepath.Join("examples", m.Name+".lua"))
		if err != nil {
			t.Fatal(err)
		}
		files[m.Name+".lua"] = string(text)
		if !strings.Contains(string(text), "require \""+m.Name+"\"") {
			t.Errorf("the example of %s does not use it", m.Name)
		}
		for i := range m.Functions {
			if name := m.Name + "." + m.Functions[i].Name; !strings.Contains(string(text), name+"(") && !strings.Contains(string(text), name+"{") {
				t.Errorf("the example of %s does not use %s", m.Name, name)
			}
		}
		for _, class := range m.Classes {
			for i := range class.Methods {
				if name := ":" + class.Methods[i].Name; !strings.Contains(string(text), name+"(") && !strings.Contains(string(text), name+"{") {
					t.Errorf("the example of %s does not use %s%s", m.Name, class.Name, name)
				}
			}
		}
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(text), "```lua\n")[1:] {
		source, _, _ := strings.Cut(block, "```")
		if strings.HasPrefix(source, "-- notify.lua") {
			notified(t, source)
			continue
		}
		if strings.HasPrefix(source, "-- chk_nginx") {
			continue // TestReadmeTest and TestPortedScript run them
		}
		files[fmt.Sprintf("readme%d.lua", i)] = source
	}
	dir := write(t, files)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if filepath.Ext(name) != ".lua" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if name == "systemd.lua" && host.SystemBus == "" {
				t.Skip("needs dbus-daemon: the example speaks to a systemd of its own over it")
			}
			script, err := Compile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			r, err := script.NewRunner(Options{Allow: Grants(), Args: args, Host: host, Name: name})
			if err != nil {
				t.Fatal(err)
			}
			ok, message, err := r.Check(within(t, 5*time.Second))
			if !ok || err != nil {
				t.Errorf("the example\n%s\nsays %v, %q, %v", files[name], ok, message, err)
			}
		})
	}
}

// notified runs the notify file of README.md.
func notified(t *testing.T, source string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "changes")
	r := runner(t, source, Options{Allow: []string{GrantWrite}, Args: map[string]any{"file": log}})
	if err := r.Notify(within(t, 5*time.Second), Event{Instance: "VI_1", From: "BACKUP", To: "MASTER", Why: "test"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil || !strings.HasSuffix(string(text), ": VI_1 is MASTER: test\n") {
		t.Errorf("the notify file of README.md wrote %q, %v", text, err)
	}
}

// exampleArgs are what the examples are given, and what they speak to.
func exampleArgs(t *testing.T) map[string]any {
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	server, secure := httptest.NewServer(answer), httptest.NewTLSServer(answer)
	t.Cleanup(server.Close)
	t.Cleanup(secure.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	sleeper := exec.Command("sleep", "60")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sleeper.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = sleeper.Wait() // it says that it was killed
	})
	return map[string]any{
		"url": server.URL, "address": server.Listener.Addr().String(), "pidfile": "pid", "file": "number",
		"pid": fmt.Sprint(sleeper.Process.Pid), "env": "PATH, HOME", "tls": secure.Listener.Addr().String(), "ca": ca,
		"echo": serveUDP(t, func(b []byte) []byte { return b }), "dns": serveUDP(t, answerDNS),
	}
}

// serveUDP answers datagrams until the test ends, and returns where.
func serveUDP(t *testing.T, answer func([]byte) []byte) string {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 4096); ; {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if _, err := conn.WriteTo(answer(buf[:n]), from); err != nil {
				t.Error(err)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return conn.LocalAddr().String()
}

// answerDNS knows one name.
func answerDNS(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	m.Response, m.Additionals = true, nil
	q := m.Questions[0]
	if q.Name.String() != "www.example.org." {
		m.RCode = dnsmessage.RCodeNameError
	} else if q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 7}}}}
	}
	packet, err := m.Pack()
	if err != nil {
		return nil
	}
	return packet
}

// exampleHost is a daemon as the examples want it.
func exampleHost(t *testing.T) *Host {
	return &Host{
		Status: func(context.Context) ([]byte, error) {
			return []byte(`{"router_id": "lb-a", "sync_groups": [], "instances": [{"name": "VI_1", "role": "MASTER", "last_advert_heard_from": "10.0.0.2", "last_advert_heard_age_s": 5}],
				"scripts": [{"name": "nginx", "state": "up"}], "virtual_servers": [{"name": "web", "real_servers": [{"name": "10.0.0.8:80", "weight": 0}]}]}`), nil
		},
		Mail: func(_ context.Context, to []string, subject, body string) error {
			if len(to) != 1 || subject == "" || body == "" {
				return errors.New("an odd mail")
			}
			return nil
		},
		Control:   steered{},
		SystemBus: fakeSystemd(t),
	}
}

type steered struct{}

func (steered) Maintenance(context.Context, bool) error { return nil }
func (steered) Weight(_ context.Context, server string, weight int) error {
	if server != "192.0.2.11:80" || weight != 5 {
		return fmt.Errorf("%s gets %d", server, weight)
	}
	return nil
}

func (steered) Failover(_ context.Context, instance string) error {
	if instance != "VI_1" {
		return errors.New("there is no such instance")
	}
	return nil
}
