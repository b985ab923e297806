//go:build linux

// Command uml runs a program, most often a test binary, in a guest of
// User-Mode Linux, for what the kernel of this machine cannot do: IPVS, VRF,
// ipvlan, IPsec's AH, netem.
//
//	go test -exec 'go run ./contrib/uml' ./core/kernel/...
//	go run ./contrib/uml ipvsadm -Ln
//
// The program sees this machine's files, in its own working directory and with
// this environment, but what it writes is gone when it ends. It is root there.
// Its output is passed on as it comes, and its exit status is uml's; 125 means
// that there was no guest, or that it ended without one (as env and docker
// have it). What the guest's kernel said is shown only then.
//
// A program that measures what it costs asks by UML_METER (meter.go).
//
// It needs Debian's user-mode-linux and busybox; see guest.go for what the
// guest is made of. It knows nothing of tests, except that the -test.timeout of
// a test binary bounds the guest too.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// noGuest is the exit status when the program did not run to its end.
	noGuest = 125
	// grace is how long after the program's own time limit the guest is given
	// up, so that a test binary can say itself which test hung.
	grace = 30 * time.Second
	// memory is the guest's; what it does not touch costs nothing.
	memory = "1024M"
)

func main() {
	if os.Getpid() == 1 {
		guest() // does not return
	}
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: uml PROGRAM [ARGUMENT...]")
		os.Exit(noGuest)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// job is what the guest is to run.
type job struct {
	Argv []string
	Dir  string
	Env  []string
}

// run boots a guest, has it run argv and returns the exit status. Everything
// that it started has ended when it returns.
func run(ctx context.Context, argv []string, stdout, stderr io.Writer) int {
	if d, ok := limit(argv); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, d+grace, fmt.Errorf("it was still running %s after its time limit of %s", grace, d))
		defer cancel()
	}
	var console tail
	status, err := boot(ctx, argv, stdout, &console)
	if err == nil {
		return status
	}
	fmt.Fprintln(stderr, "uml:", err)
	if said := console.String(); said != "" {
		fmt.Fprintf(stderr, "uml: the guest's console ended with:\n%s\n", said)
	}
	return noGuest
}

// limit is the time limit that a test binary is called with.
func limit(argv []string) (time.Duration, bool) {
	for _, a := range argv[1:] {
		if text, ok := strings.CutPrefix(a, "-test.timeout="); ok {
			d, err := time.ParseDuration(text)
			return d, err == nil && d > 0
		}
	}
	return 0, false
}

// boot runs a guest until it is over. An error says why there is no status.
func boot(ctx context.Context, argv []string, stdout, console io.Writer) (int, error) {
	kernel, err := exec.LookPath("linux.uml")
	if err != nil {
		return 0, fmt.Errorf("find User-Mode Linux (Debian: user-mode-linux): %w", err)
	}
	if _, err := exec.LookPath("busybox"); err != nil {
		return 0, fmt.Errorf("find busybox (Debian: busybox-static): %w", err)
	}
	dir, err := os.MkdirTemp("", "uml-")
	if err != nil {
		return 0, fmt.Errorf("make a directory for the guest: %w", err)
	}
	defer os.RemoveAll(dir)
	init, err := prepare(dir, argv)
	if err != nil {
		return 0, err
	}
	// The kernel's own words go to file 1, which it also writes to before it
	// has consoles; the program's to 3; the status to 4; what the program asks
	// the meter to 6, and its answers come from 5.
	cmd := exec.Command(kernel, "mem="+memory, "rootfstype=hostfs", "rootflags=/", "ro", "quiet", "panic=-1",
		"uml_dir="+dir, "init="+init, jobVariable+"="+filepath.Join(dir, "job"),
		"con=null", "con0=null,fd:1", "con1=null,fd:3", "con2=null,fd:4", "con3=fd:5,fd:6")
	// With no TMPDIR its memory is in /dev/shm, not in a file on a disk.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Stdout, cmd.Stderr = console, console
	var said tail
	waitOut, err := pass(cmd, stdout)
	if err != nil {
		return 0, err
	}
	waitStatus, err := pass(cmd, &said)
	if err != nil {
		return 0, err
	}
	begin, endMeter, err := attach(cmd)
	if err != nil {
		return 0, err
	}
	defer endMeter()
	runtime.LockOSThread() // the guest dies with the thread that starts it
	defer runtime.UnlockOSThread()
	err = cmd.Start()
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	if err != nil {
		waitOut()
		waitStatus()
		return 0, fmt.Errorf("start the guest: %w", err)
	}
	begin(cmd.Process.Pid)
	// All processes of the guest are in its group: those that the kernel made
	// for it must not outlive it, and they hold our pipes open.
	end := func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	stopped := context.AfterFunc(ctx, end)
	state, err := cmd.Process.Wait()
	interrupted := !stopped()
	end()
	cmd.Wait() // for the console; the process is waited for
	if err := errors.Join(waitOut(), waitStatus()); err != nil {
		return 0, fmt.Errorf("read what the guest says: %w", err)
	}
	if word, ok := strings.CutPrefix(strings.TrimSpace(said.String()), "exit "); ok {
		return strconv.Atoi(word)
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("wait for the guest: %w", err)
	case interrupted:
		return 0, fmt.Errorf("the guest was ended: %w", context.Cause(ctx))
	case said.String() != "":
		return 0, errors.New(strings.TrimSpace(said.String()))
	}
	return 0, fmt.Errorf("the guest ended (%s) before %s did", state, argv[0])
}

// prepare writes the guest's job into dir and returns what the guest runs
// first: this program itself.
func prepare(dir string, argv []string) (init string, err error) {
	if init, err = os.Executable(); err != nil {
		return "", fmt.Errorf("find this program's file: %w", err)
	}
	j := job{Argv: append([]string(nil), argv...), Env: os.Environ()}
	if j.Argv[0], err = exec.LookPath(argv[0]); err != nil {
		return "", fmt.Errorf("find the program to run: %w", err)
	}
	if j.Argv[0], err = filepath.Abs(j.Argv[0]); err != nil {
		return "", fmt.Errorf("find the program to run: %w", err)
	}
	if j.Dir, err = os.Getwd(); err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	text, err := json.Marshal(j)
	if err != nil {
		return "", fmt.Errorf("write down the job: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "job"), text, 0o600); err != nil {
		return "", fmt.Errorf("write down the job: %w", err)
	}
	return init, nil
}

// pass gives cmd a further file that is copied to w, and returns a function
// that waits until all of it was.
func pass(cmd *exec.Cmd, w io.Writer) (wait func() error, err error) {
	r, child, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe for the guest: %w", err)
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, child)
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(w, r)
		r.Close()
		done <- err
	}()
	return func() error { return <-done }, nil
}

// tail keeps the last 16 KiB written to it.
type tail struct{ buf []byte }

func (t *tail) Write(b []byte) (int, error) {
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - 16<<10; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	return strings.TrimSpace(string(bytes.ReplaceAll(t.buf, []byte("\r"), nil)))
}
