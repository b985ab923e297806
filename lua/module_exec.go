package lua

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// maxOutput is how much of a program's output is kept.
const maxOutput = 64 << 10

// execRun is exec.run({program, argument, ...}, {timeout = seconds}). The
// program runs as the daemon's user, in a process group of its own, with an
// environment of PATH only, and in / as directory. No shell is involved.
func (s *state) execRun(l *lua.LState) int {
	const name = "exec.run"
	s.need(l, name, GrantExec)
	s.act(l, name)
	argv := s.argv(l, l.CheckTable(1))
	ctx, cancel := s.limited(options(l, 2, name, "timeout").seconds("timeout"))
	defer cancel()
	out := &clipped{}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=" + searchPath()}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	// A program that leaves a child behind keeps the pipe open; its output is
	// not waited for.
	cmd.WaitDelay = 50 * time.Millisecond
	err := cmd.Run()
	if ctx.Err() != nil {
		return s.failed(l, "%s did not end in time and was killed", argv[0])
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return s.failed(l, "%v", err)
	}
	s.meter.chargeString(l, out.text.Len())
	tb := l.NewTable()
	tb.RawSetString("status", lua.LNumber(cmd.ProcessState.ExitCode()))
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		tb.RawSetString("signal", lua.LNumber(ws.Signal()))
	}
	tb.RawSetString("output", lua.LString(out.text.String()))
	l.Push(tb)
	return 1
}

// argv reads the list of the program and its arguments.
func (s *state) argv(l *lua.LState, tb *lua.LTable) []string {
	n := tb.Len()
	if n == 0 || n > maxValues {
		l.ArgError(1, "want a list {program, argument, ...}")
	}
	var argv []string
	for i := 1; i <= n; i++ {
		v := tb.RawGetInt(i)
		if !lua.LVCanConvToString(v) {
			l.ArgError(1, "the program and its arguments must be strings")
		}
		argv = append(argv, lua.LVAsString(v))
	}
	return argv
}

// searchPath is where programs are found.
func searchPath() string {
	if path := os.Getenv("PATH"); path != "" {
		return path
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

// clipped keeps the beginning of what is written to it and takes the rest.
type clipped struct{ text bytes.Buffer }

func (c *clipped) Write(p []byte) (int, error) {
	room := maxOutput - c.text.Len()
	c.text.Write(p[:min(room, len(p))])
	return len(p), nil
}
