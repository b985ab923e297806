package lua

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// maxComm is the length that the kernel cuts a process's name to.
const maxComm = 15

// wantedProcess says which processes count: those that meet every condition
// given.
type wantedProcess struct {
	name    string
	cmdline string
	pidfile string
	// buf is where files of /proc are read to, one at a time.
	buf []byte
}

func processModule() Module {
	options := []Value{
		opt("name", "string", "the program's name, as ps -C and killall know it"),
		opt("cmdline", "string", "a part of the command line, its words joined by single spaces"),
		opt("pidfile", "string", "a file that starts with the number of the process; without the file nothing runs"),
	}
	return Module{
		Name: "process",
		Doc:  "Processes of this host. A zombie does not run, and the daemon itself does not count. The conditions of a call hold together.",
		Functions: []Function{
			{Name: "running", Doc: "whether there is such a process", Options: options, Returns: []Value{ret("boolean", "whether")}, call: processRunning},
			{Name: "count", Doc: "how many such processes there are", Options: options, Returns: []Value{ret("integer", "how many")}, call: processCount},
		},
	}
}

func processRunning(c call) int { return c.push(lua.LBool(c.s.processes(c, true) > 0)) }

func processCount(c call) int { return c.push(lua.LNumber(c.s.processes(c, false))) }

// processes counts the processes that the options describe; with first, it
// stops at the first one.
func (s *state) processes(c call, first bool) int {
	l, function := c.l, c.name
	opts := c.options()
	w := wantedProcess{name: opts.text("name"), cmdline: opts.text("cmdline"), pidfile: opts.text("pidfile")}
	if w.name == "" && w.cmdline == "" && w.pidfile == "" {
		l.RaiseError("%s: say which: {name = ...}, {cmdline = ...} or {pidfile = ...}", function)
	}
	w.buf = make([]byte, 4096)
	if w.pidfile != "" {
		if !filepath.IsAbs(w.pidfile) {
			w.pidfile = filepath.Join(s.script.dir, w.pidfile)
		}
		pid, ok := readPID(w.pidfile)
		if ok && w.matches(pid) {
			return 1
		}
		return 0
	}
	dir, err := os.Open("/proc")
	if err != nil {
		l.RaiseError("%s: %s", function, err.Error())
	}
	defer dir.Close()
	self, count := os.Getpid(), 0
	for {
		// In pieces, so that a table of 100,000 processes costs neither much
		// memory nor time past the deadline.
		names, err := dir.Readdirnames(128)
		for _, name := range names {
			pid, bad := strconv.Atoi(name)
			if bad != nil || pid == self {
				continue
			}
			if w.matches(pid) {
				count++
				if first {
					return count
				}
			}
		}
		// At the end of the directory the error is io.EOF; what was
		// counted before any other error stands.
		if err != nil {
			return count
		}
		s.meter.live(l)
	}
}

// matches reports whether a process is there, is no zombie and meets the
// conditions. A process that ends meanwhile is not there.
func (w wantedProcess) matches(pid int) bool {
	base := "/proc/" + strconv.Itoa(pid)
	comm, ok := w.aliveComm(base)
	if !ok {
		return false
	}
	if w.name != "" && comm != w.name {
		if len(w.name) <= maxComm || comm != w.name[:maxComm] {
			return false
		}
		argv0, _, _ := strings.Cut(w.commandLine(base), " ")
		if filepath.Base(argv0) != w.name {
			return false
		}
	}
	return w.cmdline == "" || strings.Contains(w.commandLine(base), w.cmdline)
}

// aliveComm returns the name of a process that is neither a zombie nor dead.
func (w wantedProcess) aliveComm(base string) (string, bool) {
	stat, err := readSmall(base+"/stat", w.buf)
	if err != nil {
		return "", false
	}
	// "123 (name) S ...": the name may hold spaces and parentheses.
	open, shut := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || shut < open || shut+2 >= len(stat) {
		return "", false
	}
	switch stat[shut+2] {
	case 'Z', 'X', 'x':
		return "", false
	}
	return string(stat[open+1 : shut]), true
}

// commandLine returns a process's arguments joined by spaces.
func (w wantedProcess) commandLine(base string) string {
	text, err := readSmall(base+"/cmdline", w.buf)
	if err != nil {
		return ""
	}
	return strings.TrimRight(strings.ReplaceAll(string(text), "\x00", " "), " ")
}

// readPID reads the number that a pid file starts with.
func readPID(path string) (int, bool) {
	file, err := openRegular(path, os.O_RDONLY, 0)
	if err != nil {
		return 0, false
	}
	defer file.Close()
	text := make([]byte, 64)
	n, err := file.Read(text)
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text[:n]))
	if len(fields) == 0 {
		return 0, false
	}
	pid, err := strconv.Atoi(fields[0])
	return pid, err == nil && pid > 0
}

// readSmall reads the beginning of a file of /proc into buf.
func readSmall(path string, buf []byte) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	n, err := file.Read(buf)
	if err != nil && n == 0 {
		return nil, err
	}
	return buf[:n], nil
}
