package lua

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// maxOutput is how much of a program's output is kept unless the script says
// how much, and mostOutput how much it may say.
const (
	maxOutput  = 64 << 10
	mostOutput = 512 << 10
)

func execModule() Module {
	options := []Value{
		timeoutOption(),
		opt("input", "string", "what the program reads from its standard input; nothing unless given"),
		opt("env", "table<string, string>", "variables beside PATH"),
		opt("dir", "string", "the directory that it runs in, / unless given; a relative one counts from the script's folder"),
		opt("user", "string", "runs as this user and its groups; the daemon must be root"),
		opt("max_output", "integer", "how much of the output is kept, 65,536 unless given, at most 524,288").in("octets").between(0, mostOutput),
	}
	return Module{
		Name: "exec",
		Doc: "Programs. A program runs as the daemon's user, in a process group of its own, with PATH as its only variable and / as its directory, unless the options say otherwise. " +
			"At the deadline the program and its children are killed. What it prints beyond the limit is read and dropped.",
		Functions: []Function{
			{
				Name: "run", Doc: "runs a program without a shell", Params: []Value{arg("argv", "string[]", "{program, argument, ...}; a relative path of the program counts from `dir`, from the script's folder without it, and a name without a slash is looked for in PATH")}, Options: options, Returns: []Value{ret("exec.Result", "how it ended")}, Fails: true, Grant: GrantExec, Acts: true, call: execRun,
				accept: func(c call) { c.argv(); c.variables(c.options()) },
			},
			{Name: "shell", Doc: "runs a line by /bin/sh -c", Params: []Value{arg("line", "string", "the line; nothing of the script's is quoted by it")}, Options: options, Returns: []Value{ret("exec.Result", "how it ended")}, Fails: true, Grant: GrantExec, Acts: true, call: execShell, accept: func(c call) { c.variables(c.options()) }},
		},
		Classes: []Class{{Name: "exec.Result", Doc: "How a program ended.", Fields: []Value{
			arg("status", "integer", "its exit status; -1 when a signal ended it"),
			opt("signal", "integer", "the signal that ended it"),
			arg("output", "string", "the beginning of what it wrote to both outputs"),
			opt("truncated", "boolean", "true when there was more"),
		}}},
	}
}

// execRun is exec.run(argv [, options]).
func execRun(c call) int { return c.program(c.argv()) }

// execShell is exec.shell(line [, options]).
func execShell(c call) int { return c.program([]string{"/bin/sh", "-c", c.l.CheckString(1)}) }

func (c call) program(argv []string) int {
	opts := c.options()
	ctx, cancel := c.within(opts)
	defer cancel()
	out := &clipped{room: opts.integer("max_output", maxOutput)}
	cmd, err := c.command(ctx, argv, opts)
	if err != nil {
		return c.fail("%v", err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if cell := c.s.opts.Host.Cell; cell != nil {
		fd, end := cell()
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = fd != 0, fd
		defer func() { end(ctx.Err() != nil) }()
	}
	err = cmd.Run()
	if ctx.Err() != nil {
		return c.fail("%s did not end in time and was killed", argv[0])
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return c.fail("%v", err)
	}
	c.s.meter.chargeCopies(c.l, out.text.Len(), 2)
	c.s.meter.charge(c.l, costTable)
	tb := c.l.NewTable()
	tb.RawSetString("status", lua.LNumber(cmd.ProcessState.ExitCode()))
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		tb.RawSetString("signal", lua.LNumber(ws.Signal()))
	}
	tb.RawSetString("output", lua.LString(out.text.String()))
	if out.more {
		tb.RawSetString("truncated", lua.LTrue)
	}
	return c.push(tb)
}

// command prepares a program as the options want it.
func (c call) command(ctx context.Context, argv []string, opts fields) (*exec.Cmd, error) {
	name, dir, from := argv[0], "/", c.s.script.dir
	if wanted := opts.text("dir"); wanted != "" {
		dir = c.s.resolve(wanted)
		from = dir
	}
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		name = filepath.Join(from, name)
	}
	cmd := exec.CommandContext(ctx, name, argv[1:]...)
	cmd.Env = append([]string{"PATH=" + searchPath()}, c.variables(opts)...)
	cmd.Dir = dir
	if input := opts.text("input"); input != "" {
		cmd.Stdin = strings.NewReader(input)
	}
	// A session of its own also gives the processes that the program forks one
	// share of the processors together (sched_autogroup), so that a fork bomb does
	// not starve who has to end it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if name := opts.text("user"); name != "" {
		credential, err := credentialOf(name)
		if err != nil {
			return nil, err
		}
		cmd.SysProcAttr.Credential = credential
	}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	// A program that leaves a child behind keeps the pipe open; its output is
	// not waited for.
	cmd.WaitDelay = 20 * time.Millisecond
	return cmd, nil
}

// credentialOf returns a user with its groups.
func credentialOf(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", name, err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("the groups of user %s: %w", name, err)
	}
	var numbers []uint32
	for _, id := range append([]string{u.Uid, u.Gid}, ids...) {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		numbers = append(numbers, uint32(n))
	}
	return &syscall.Credential{Uid: numbers[0], Gid: numbers[1], Groups: numbers[2:]}, nil
}

// variables are those of the option env.
func (c call) variables(opts fields) (list []string) {
	for name, value := range opts.words("env") {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
			c.l.RaiseError("%s: env: %q is no variable", c.name, brief(name))
		}
		list = append(list, name+"="+value)
	}
	return list
}

// argv reads the list of the program and its arguments.
func (c call) argv() []string {
	tb := c.l.CheckTable(1)
	n := tb.Len()
	if n == 0 || n > maxValues {
		c.l.ArgError(1, "want a list {program, argument, ...}")
	}
	var argv []string
	for i := 1; i <= n; i++ {
		v := tb.RawGetInt(i)
		if !lua.LVCanConvToString(v) {
			c.l.ArgError(1, "the program and its arguments must be strings")
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
type clipped struct {
	text bytes.Buffer
	room int
	more bool
}

func (c *clipped) Write(p []byte) (int, error) {
	keep := min(c.room, len(p))
	c.text.Write(p[:keep])
	c.room -= keep
	c.more = c.more || keep < len(p)
	return len(p), nil
}
