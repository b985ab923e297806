package lua

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

// systemd stands in for the real one on a bus of its own: it has nginx.service,
// which is failed until somebody starts it.
type systemd struct {
	conn *dbus.Conn

	mu     sync.Mutex
	active string
	jobs   uint32
}

const nginxPath = dbus.ObjectPath("/org/freedesktop/systemd1/unit/nginx_2eservice")

func (s *systemd) LoadUnit(name string) (dbus.ObjectPath, *dbus.Error) {
	if name != "nginx.service" {
		return systemdPath + "/unit/other", nil
	}
	return nginxPath, nil
}

func (s *systemd) Subscribe() *dbus.Error { return nil }

// job ends at once; a unit that is not nginx.service cannot be started.
func (s *systemd) job(name, state string) (dbus.ObjectPath, *dbus.Error) {
	if name != "nginx.service" {
		return "", dbus.NewError("org.freedesktop.systemd1.NoSuchUnit", []any{"Unit " + name + " not found."})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs++
	result := "done"
	if s.active = state; state == "broken" {
		s.active, result = "failed", "failed"
	}
	path := dbus.ObjectPath(systemdPath + "/job/1")
	if err := s.conn.Emit(systemdPath, systemdManager+".JobRemoved", s.jobs, path, name, result); err != nil {
		return "", dbus.MakeFailedError(err)
	}
	return path, nil
}

func (s *systemd) RestartUnit(name, _ string) (dbus.ObjectPath, *dbus.Error) {
	return s.job(name, "active")
}
func (s *systemd) StartUnit(name, _ string) (dbus.ObjectPath, *dbus.Error) {
	return s.job(name, "active")
}
func (s *systemd) StopUnit(name, _ string) (dbus.ObjectPath, *dbus.Error) {
	return s.job(name, "inactive")
}
func (s *systemd) ReloadUnit(name, _ string) (dbus.ObjectPath, *dbus.Error) {
	s.mu.Lock()
	state := s.active
	s.mu.Unlock()
	if state = map[string]string{"active": "reloading"}[state]; state == "" {
		state = "broken"
	}
	return s.job(name, state)
}

// properties answers GetAll for a unit.
type properties struct {
	s     *systemd
	known bool
}

func (p properties) GetAll(kind string) (map[string]dbus.Variant, *dbus.Error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if !p.known {
		return map[string]dbus.Variant{"LoadState": dbus.MakeVariant("not-found"), "ActiveState": dbus.MakeVariant("inactive"), "SubState": dbus.MakeVariant("dead")}, nil
	}
	if strings.HasSuffix(kind, ".Service") {
		return map[string]dbus.Variant{"MainPID": dbus.MakeVariant(uint32(4711)), "NRestarts": dbus.MakeVariant(uint32(2)), "Result": dbus.MakeVariant("exit-code")}, nil
	}
	return map[string]dbus.Variant{"LoadState": dbus.MakeVariant("loaded"), "ActiveState": dbus.MakeVariant(p.s.active), "SubState": dbus.MakeVariant("running")}, nil
}

// fakeSystemd returns the address of a bus with a systemd on it; empty when
// there is no dbus-daemon.
func fakeSystemd(t *testing.T) string {
	program, err := exec.LookPath("dbus-daemon")
	if err != nil {
		return ""
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(config, []byte(`<busconfig><listen>unix:path=`+dir+`/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config-file="+config, "--nofork", "--print-address")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it says that it was killed
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address = strings.TrimSpace(address)
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := &systemd{conn: conn, active: "failed"}
	for _, export := range []struct {
		object any
		path   dbus.ObjectPath
		name   string
	}{
		{s, systemdPath, systemdManager},
		{properties{s, true}, nginxPath, "org.freedesktop.DBus.Properties"},
		{properties{s, false}, systemdPath + "/unit/other", "org.freedesktop.DBus.Properties"},
	} {
		if err := conn.Export(export.object, export.path, export.name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.RequestName(systemdName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return address
}

func TestSystemd(t *testing.T) {
	bus := fakeSystemd(t)
	if bus == "" {
		t.Skip("needs dbus-daemon: modules speak to systemd over it")
	}
	o := Options{Allow: []string{GrantExec}, Host: &Host{SystemBus: bus}}
	for _, tt := range []struct{ body, want string }{
		{`local u = s.unit("nginx") return true, u.name .. " " .. u.active_state .. " " .. u.main_pid .. " " .. u.restarts .. " " .. u.result`, "nginx.service failed 4711 2 exit-code"},
		{`local u = s.unit("other.timer") return true, u.load_state .. " " .. tostring(u.main_pid)`, "not-found nil"},
		{`return true, s.unit("php8.2-fpm").name .. " " .. s.unit("a.mount").name .. " " .. s.unit("user-0.slice").name`, "php8.2-fpm.service a.mount user-0.slice"},
		{`local ok, why = s.restart("php8.2-fpm") return true, why`, "ask systemd for php8.2-fpm.service: Unit php8.2-fpm.service not found."},
		{`local ok, why = s.reload("nginx") return true, tostring(ok) .. " " .. why`, "nil nginx.service: systemd says that the job's result is failed"},
		{`local ok, why = s.restart("other") return true, tostring(ok) .. " " .. why`, "nil ask systemd for other.service: Unit other.service not found."},
		{`return true, tostring(s.restart("nginx")) .. tostring(s.active("nginx"))`, "truetrue"},
		{`return true, tostring(s.reload("nginx")) .. tostring(s.active("nginx")) .. s.unit("nginx").active_state`, "truetruereloading"},
		{`return true, tostring(s.stop("nginx")) .. tostring(s.active("nginx"))`, "truefalse"},
	} {
		got, err := says(t, `local s = require "systemd" `+tt.body, o)
		if err != nil || got != tt.want {
			t.Errorf("%s\nsays %q, %v; want %q", tt.body, got, err, tt.want)
		}
	}
	got, err := says(t, `local u, why = require("systemd").unit("nginx") return true, why`, Options{Host: &Host{SystemBus: "unix:path=/nonexistent"}})
	if err != nil || !strings.Contains(got, "connect to D-Bus") {
		t.Errorf("without a bus: %q, %v", got, err)
	}
}
