package lua

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
	lua "github.com/yuin/gopher-lua"
)

// systemBus is where the system's D-Bus is, unless the host says otherwise.
const systemBus = "unix:path=/run/dbus/system_bus_socket"

const (
	systemdName    = "org.freedesktop.systemd1"
	systemdPath    = "/org/freedesktop/systemd1"
	systemdManager = "org.freedesktop.systemd1.Manager"
)

func systemdModule() Module {
	unit := []Value{arg("unit", "string", "for example nginx.service; .service may be left out")}
	wait := []Value{timeoutOption()}
	m := Module{
		Name: "systemd",
		Doc:  "Units of systemd, over D-Bus.",
		Functions: []Function{
			{Name: "unit", Doc: "the state of a unit; also of one that does not exist, whose load_state says so", Params: unit, Options: wait, Returns: []Value{ret("systemd.Unit", "the state")}, Fails: true, Acts: true, call: systemdUnit},
			{Name: "active", Doc: "whether a unit is active, or reloads, as systemctl is-active has it", Params: unit, Options: wait, Returns: []Value{ret("boolean", "whether")}, Fails: true, Acts: true, call: systemdActive},
		},
		Classes: []Class{{Name: "systemd.Unit", Doc: "A unit.", Fields: []Value{
			arg("name", "string", "its full name"),
			arg("active_state", "string", "active, reloading, inactive, failed, activating or deactivating"),
			arg("sub_state", "string", "what that is for its kind, for example running"),
			arg("load_state", "string", "loaded, not-found, masked and so on"),
			opt("main_pid", "integer", "of a service that runs"),
			opt("restarts", "integer", "how often systemd restarted a service"),
			opt("result", "string", "how a service ended, for example exit-code"),
		}}},
	}
	for _, do := range []struct{ name, doc, method string }{
		{"restart", "restarts a unit, or starts it", "RestartUnit"},
		{"start", "starts a unit", "StartUnit"},
		{"stop", "stops a unit", "StopUnit"},
		{"reload", "has a unit read its configuration again", "ReloadUnit"},
	} {
		m.Functions = append(m.Functions, Function{
			Name: do.name, Doc: do.doc + "; returns when systemd has done it", Params: unit, Options: wait, Returns: []Value{ret("boolean", "true")}, Fails: true, Grant: GrantExec, Acts: true,
			call: func(c call) int { return c.systemdJob(do.method) },
		})
	}
	return m
}

// bus connects to the system's D-Bus. The connection ends with the context.
func (c call) bus(ctx context.Context) (*dbus.Conn, error) {
	address := c.s.opts.Host.SystemBus
	if address == "" {
		address = systemBus
	}
	conn, err := dbus.Dial(address, dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("connect to D-Bus: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := conn.Auth(nil); err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect to D-Bus: %w", err)
	}
	if err := conn.Hello(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect to D-Bus: %w", err)
	}
	return conn, nil
}

// unitSuffixes are those of systemd's kinds of units (systemd.unit(5)).
var unitSuffixes = [...]string{".service", ".socket", ".device", ".mount", ".automount", ".swap", ".target", ".path", ".timer", ".slice", ".scope"}

// unitName is the unit that the first argument names: a service, unless it says
// otherwise. A dot alone says nothing: php8.2-fpm has one.
func (c call) unitName() string {
	name := c.l.CheckString(1)
	if !slices.ContainsFunc(unitSuffixes[:], func(suffix string) bool { return strings.HasSuffix(name, suffix) }) {
		name += ".service"
	}
	return name
}

// unitState asks for the state of a unit.
func (c call) unitState(ctx context.Context) (name string, unit, service map[string]dbus.Variant, err error) {
	name = c.unitName()
	conn, err := c.bus(ctx)
	if err != nil {
		return "", nil, nil, err
	}
	defer conn.Close()
	var path dbus.ObjectPath
	if err := conn.Object(systemdName, systemdPath).CallWithContext(ctx, systemdManager+".LoadUnit", 0, name).Store(&path); err != nil {
		return "", nil, nil, fmt.Errorf("ask systemd for %s: %w", name, err)
	}
	const all = "org.freedesktop.DBus.Properties.GetAll"
	if err := conn.Object(systemdName, path).CallWithContext(ctx, all, 0, systemdName+".Unit").Store(&unit); err != nil {
		return "", nil, nil, fmt.Errorf("ask systemd for %s: %w", name, err)
	}
	if strings.HasSuffix(name, ".service") {
		if err := conn.Object(systemdName, path).CallWithContext(ctx, all, 0, systemdName+".Service").Store(&service); err != nil {
			return "", nil, nil, fmt.Errorf("ask systemd for %s: %w", name, err)
		}
	}
	return name, unit, service, nil
}

func systemdUnit(c call) int {
	ctx, cancel := c.within(c.options())
	defer cancel()
	c.s.meter.charge(c.l, 64<<10)
	name, unit, service, err := c.unitState(ctx)
	if err != nil {
		return c.fail("%v", err)
	}
	tb := c.l.NewTable()
	tb.RawSetString("name", lua.LString(name))
	for _, field := range [...]struct{ property, name string }{{"ActiveState", "active_state"}, {"SubState", "sub_state"}, {"LoadState", "load_state"}} {
		if text, ok := unit[field.property].Value().(string); ok {
			tb.RawSetString(field.name, lua.LString(text))
		}
	}
	if pid, ok := service["MainPID"].Value().(uint32); ok && pid != 0 {
		tb.RawSetString("main_pid", lua.LNumber(pid))
	}
	if n, ok := service["NRestarts"].Value().(uint32); ok {
		tb.RawSetString("restarts", lua.LNumber(n))
	}
	if text, ok := service["Result"].Value().(string); ok {
		tb.RawSetString("result", lua.LString(text))
	}
	return c.push(tb)
}

func systemdActive(c call) int {
	ctx, cancel := c.within(c.options())
	defer cancel()
	c.s.meter.charge(c.l, 64<<10)
	_, unit, _, err := c.unitState(ctx)
	if err != nil {
		return c.fail("%v", err)
	}
	state, _ := unit["ActiveState"].Value().(string)
	// As systemctl is-active has it: one that reloads works.
	return c.push(lua.LBool(slices.Contains([]string{"active", "reloading", "refreshing"}, state)))
}

// systemdJob has systemd do something with a unit and waits until it has.
func (c call) systemdJob(method string) int {
	ctx, cancel := c.within(c.options())
	defer cancel()
	c.s.meter.charge(c.l, 64<<10)
	name := c.unitName()
	conn, err := c.bus(ctx)
	if err != nil {
		return c.fail("%v", err)
	}
	defer conn.Close()
	// Asked for before the job begins, so that its end is not missed.
	ended := make(chan *dbus.Signal, 64)
	conn.Signal(ended)
	if err := conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface(systemdManager), dbus.WithMatchMember("JobRemoved")); err != nil {
		return c.fail("ask systemd: %v", err)
	}
	systemd := conn.Object(systemdName, systemdPath)
	if call := systemd.CallWithContext(ctx, systemdManager+".Subscribe", 0); call.Err != nil {
		return c.fail("ask systemd: %v", call.Err)
	}
	var job dbus.ObjectPath
	if err := systemd.CallWithContext(ctx, systemdManager+"."+method, 0, name, "replace").Store(&job); err != nil {
		return c.fail("ask systemd for %s: %v", name, err)
	}
	for {
		select {
		case <-ctx.Done():
			return c.fail("systemd has not done it in time")
		case signal, open := <-ended:
			if !open {
				return c.fail("the connection to D-Bus ended")
			}
			if len(signal.Body) < 4 || signal.Body[1] != job {
				continue
			}
			if result := signal.Body[3]; result != "done" {
				return c.fail("%s: systemd says that the job's result is %v", name, result)
			}
			return c.push(lua.LTrue)
		}
	}
}
