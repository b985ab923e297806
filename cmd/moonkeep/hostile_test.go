package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

// The bounds of what reading any one file may take, and of what may be said
// about it.
const (
	mostTime   = 8 * time.Second // of a slow processor's
	mostMemory = 400 << 20
	mostOutput = 256 << 10
)

// hostile is a file that nobody means as a configuration.
type hostile struct {
	name string
	// text is written to the file, as often as times says, unless make makes
	// something else of the path.
	text  string
	times int
	make  func(path string) error
	// memory is what it may take instead of mostMemory.
	memory int64
	// shown says that the file is also read to be shown, although it is large.
	shown bool
	// want is part of what is said.
	want string
}

const (
	goodConf = "vrrp_instance A {\n interface none0\n virtual_router_id 7\n virtual_ipaddress {\n 192.0.2.1/24\n }\n}\n"
	goodYAML = "vrrp_instances: [{name: A, interface: none0, virtual_router_id: 7, virtual_ipaddresses: [192.0.2.1/24]}]\n"
)

func hostiles() []hostile {
	fifo := func(path string) error { return syscall.Mkfifo(path, 0o600) }
	folder := func(path string) error { return os.Mkdir(path, 0o700) }
	device := func(path string) error { return os.Symlink("/dev/zero", path) }
	sparse := func(path string) error {
		if err := os.WriteFile(path, []byte(goodConf), 0o600); err != nil {
			return err
		}
		return os.Truncate(path, 100<<20)
	}
	list := []hostile{
		{name: "large.conf", make: func(path string) error { return writeLarge(path, 100<<20) }, want: "too large: a configuration file has"},
		{name: "braces.conf", text: "{", times: 1_000_000, want: "line-too-long"},
		{name: "closing.conf", text: "}\n", times: 1_000_000, want: "1000000 } too many"},
		{name: "nested.conf", text: "a {\n", times: 1_000_000, want: "missing-brace"},
		{name: "nested-instances.conf", text: "vrrp_instance A {\n", times: 200_000, want: "missing-brace"},
		{name: "unknown.conf", text: "x y\n", times: 1_000_000, want: "unknown-keyword"},
		{name: "unknown-within.conf", text: "vrrp_instance A {\n" + strings.Repeat("x\n", 1_000_000), want: "unknown-keyword"},
		{name: "instances.conf", text: "vrrp_instance A {\n}\n", times: 200_000, want: "more-findings"},
		{name: "quotes.conf", text: "\"a\n", times: 1_000_000, want: "unterminated-quote"},
		{name: "line.conf", text: "a", times: 4 << 20, want: "line-too-long"},
		{name: "words.conf", text: "a ", times: 2 << 20, want: "line-too-long"},
		{name: "comment.conf", text: "#", times: 4 << 20, shown: true, want: "nothing to run"},
		{name: "backslashes.conf", text: "$A=\\\n", times: 800_000, want: "expansion-too-large"},
		{name: "definitions.conf", text: numbered("$N%d=x\n", 200_000) + strings.Repeat("$Nx\n${Nx}\n", 1000), want: "undefined-name"},
		{name: "undefined.conf", text: "$A=1\n" + strings.Repeat("${zz}\n", 600_000), want: "undefined-name"},
		{name: "laughs.conf", text: laughsConf(), want: "line-too-long"},
		{name: "sequences.conf", text: "~SEQ(A,1,1000000) ~SEQ(B,1,1000000) ~SEQ(C,1,1000000) x\n", memory: 700 << 20, want: "expansion-too-large"},
		{name: "itself.conf", text: "include itself.conf\n", times: 100_000, want: "include-loop"},
		{name: "alternatives.conf", text: "include " + strings.Repeat("{a,b}", 40) + "\n", want: "alternatives"},
		{name: "stars.conf", text: "include " + strings.Repeat("/*", 500) + "\n", want: "no-instance"},
		{name: "specials.conf", text: "include /dev/zero\ninclude pipe\ninclude .\ninclude /dev/null\n", want: "include-unreadable"},
		{name: "nul.conf", text: "vrrp_instance A {\n interface \x00none0\n}\n" + goodConf, want: "nul-byte"},
		{name: "nuls.conf", text: "\x00", times: 4 << 20, want: "not-text"},
		{name: "latin.conf", text: "# f\xfcr B\xfcro\n" + strings.ReplaceAll(goodConf, "A", "\xc4"), want: "no-interface"},
		{name: "mark.conf", text: "\ufeff" + goodConf, want: "no-interface"},
		{name: "utf16.conf", text: utf16(goodConf), want: "UTF-16"},

		{name: "aliases.yaml", text: laughsYAML(), want: "error"},
		{name: "nested.yaml", text: "[", times: 1_000_000, want: "error"},
		{name: "questions.yaml", text: "? ", times: 1_000_000, want: "error"},
		{name: "unknown.yaml", text: numbered("k%d: 1\n", 300_000), want: "error"},
		{name: "instances.yaml", text: "vrrp_instances:\n" + strings.Repeat("  - {}\n", 200_000), want: "error"},
		{name: "line.yaml", text: "a", times: 4 << 20, want: "error"},
		{name: "documents.yaml", text: "---\n", times: 1_000_000, want: "error"},
		{name: "quote.yaml", text: "a: \"" + strings.Repeat("x\n", 2_000_000), want: "error"},
		{name: "nul.yaml", text: goodYAML + "\x00", want: "syntax"},
		{name: "latin.yaml", text: strings.ReplaceAll(goodYAML, "A", "\xc4"), want: "UTF-8"},
		{name: "mark.yaml", text: "\ufeff" + goodYAML, want: "no-interface"},
		{name: "utf16.yaml", text: utf16(goodYAML), want: "UTF-16"},

		{name: "nested.toml", text: "a=" + strings.Repeat("[", 1_000_000), want: "nested"},
		{name: "dots.toml", text: strings.Repeat("a.", 1_000_000) + "a=1", want: "too-deep"},
		{name: "tables.toml", text: "[[a]]\n", times: 600_000, want: "unknown-key"},
		{name: "unknown.toml", text: numbered("k%d=1\n", 300_000), want: "too-large"},
		{name: "instances.toml", text: "vrrp_instances=[" + strings.Repeat("{},", 1_000_000) + "]", want: "too-large"},
		{name: "quote.toml", text: "a=\"\"\"" + strings.Repeat("x\n", 2_000_000), want: "syntax"},
		{name: "nul.toml", text: "a=1\n\x00", want: "syntax"},
		{name: "mark.toml", text: "\ufeffa=1", want: "unknown-key"},

		{name: "nested.json", text: "[", times: 1_000_000, want: "too-deep"},
		{name: "unknown.json", text: "{" + numbered("\"k%d\":1,", 300_000) + "\"k\":1}", shown: true, want: "unknown-key"},
		{name: "twice.json", text: "{" + strings.Repeat("\"k\":1,", 300_000) + "\"k\":1}", want: "duplicate-key"},
		{name: "instances.json", text: "{\"vrrp_instances\":[" + strings.Repeat("{},", 1_000_000) + "{}]}", want: "too-large"},
		{name: "number.json", text: "{\"vrrp_instances\":[{\"priority\":" + strings.Repeat("9", 1_000_000) + "}]}", want: "priority"},
		{name: "quote.json", text: "\"" + strings.Repeat("a", 4<<20-1), want: "syntax"},
		{name: "controls.json", text: "{\"vrrp_instances\":[{\"name\":\"\\u001b[31m\\u0000\\ud800\"}]}", want: "missing-key"},
		{name: "nul.json", text: "{}\x00", want: "syntax"},
		{name: "latin.json", text: "{\"a\":\"\xc4\"}", want: "UTF-8"},
	}
	for _, ending := range []string{".conf", ".yaml", ".toml", ".json"} {
		list = append(list,
			hostile{name: "sparse" + ending, make: sparse, want: "too large: a configuration "},
			hostile{name: "fifo" + ending, make: fifo, want: "a FIFO; name the configuration file itself"},
			hostile{name: "folder" + ending, make: folder, want: "error"}, // it is read as a folder of files
			hostile{name: "device" + ending, make: device, want: "a device; name the configuration file itself"},
			hostile{name: "empty" + ending, text: "\n", want: "empty-file"},
			hostile{name: "binary" + ending, text: "\x7fELF\x02\x01\x01\x00\xff\xfe\x00", times: 100_000, want: "error"},
		)
	}
	return list
}

// numbered repeats a format with the numbers below n.
func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// laughsConf is twenty definitions, each ten times the one before.
func laughsConf() string {
	text := "$A=aaaaaaaaaa\n"
	for c := 'B'; c < 'U'; c++ {
		text += fmt.Sprintf("$%c=%s\n", c, strings.Repeat(fmt.Sprintf("${%c}", c-1), 10))
	}
	return text + "$T\n"
}

// laughsYAML is the same with aliases.
func laughsYAML() string {
	text := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'u'; c++ {
		text += fmt.Sprintf("%c: &%c [%s*%c]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 9), c-1)
	}
	return text
}

// utf16 encodes a text of ASCII with a byte order mark.
func utf16(text string) string {
	var b strings.Builder
	b.WriteString("\xff\xfe")
	for _, c := range []byte(text) {
		b.Write([]byte{c, 0})
	}
	return b.String()
}

// writeLarge writes so many bytes of comments.
func writeLarge(path string, size int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	block := bytes.Repeat([]byte("# nothing is here\n"), 64<<10)
	for n := 0; n < size; n += len(block) {
		if _, err := f.Write(block); err != nil {
			return err
		}
	}
	return f.Close()
}

// TestHostileFiles holds that no file, whatever is in it, keeps check from
// ending soon, with little memory and a short text that says what is wrong.
func TestHostileFiles(t *testing.T) {
	t.Parallel() // what it measures is of its own processes
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	program := plainProgram(t)
	for _, h := range hostiles() {
		t.Run(h.name, func(t *testing.T) {
			path := filepath.Join(dir, h.name)
			if h.make == nil {
				text := strings.Repeat(h.text, max(h.times, 1))
				h.make = func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
			}
			if err := h.make(path); err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(path)
			modes := []string{"--brief"}
			if testing.Short() && h.times > 0 {
				modes = nil // they take half a minute together
			}
			if info, err := os.Lstat(path); err != nil || h.shown || info.Size() < 1<<16 && h.memory == 0 {
				modes = append(modes, "--excerpt", "--json")
			}
			for _, mode := range modes {
				h.check(t, program, dir, mode)
			}
		})
	}
}

// measureEnv names the file for measure.
const measureEnv = "MOONKEEP_TEST_MEASURE"

// measure runs a command and writes to a file how many octets of memory it took at
// the most. It runs in a process of its own: until the command is executed, the
// memory of whoever starts it counts as the command's, and this test is large.
func measure(file string, argv []string) int {
	runtime.LockOSThread() // which the child is to end with
	// Tests that run beside it need the processors more: its own time is the processor's.
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, 10); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	if cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	used := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	if err := os.WriteFile(file, strconv.AppendInt(nil, used, 10), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	return cmd.ProcessState.ExitCode()
}

// check runs check over the file and measures it.
func (h *hostile) check(t *testing.T, program, dir, mode string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], program, "check", mode, h.name)
	cmd.Dir = dir
	peak := filepath.Join(t.TempDir(), "peak")
	cmd.Env = append(os.Environ(), measureEnv+"="+peak)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hung := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	defer hung.Stop()
	text, err := io.ReadAll(io.LimitReader(out, 2*mostOutput))
	if err != nil {
		t.Fatal(err)
	}
	// Wait's error is the exit status, which is looked at below.
	_ = cmd.Wait()
	state := cmd.ProcessState
	if code := state.ExitCode(); code != 0 && code != 1 {
		t.Errorf("%s: exit status %d, %.500s", mode, code, stderr.String())
	}
	if took := state.UserTime() + state.SystemTime(); took > mostTime {
		t.Errorf("%s: took %v of the processor, want at most %v", mode, took, mostTime)
	}
	most := int64(mostMemory)
	if h.memory > 0 {
		most = h.memory
	}
	number, err := os.ReadFile(peak)
	if err != nil {
		t.Fatal(err)
	}
	used, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if used > most {
		t.Errorf("%s: took %d MiB, want at most %d", mode, used>>20, most>>20)
	}
	if len(text) > mostOutput {
		t.Errorf("%s: more than %d bytes were printed", mode, mostOutput)
	}
	if !strings.Contains(string(text), h.want) {
		t.Errorf("%s: printed %.500q, want %q in it", mode, text, h.want)
	}
	// The file's own bytes must not reach a terminal as they are.
	if !utf8.Valid(text) || bytes.ContainsAny(text, "\x00\x1b\x7f") {
		t.Errorf("%s: printed what is no text: %.200q", mode, text)
	}
}
