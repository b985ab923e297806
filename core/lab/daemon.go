//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	userprogram "github.com/moonkeep/moonkeep/core/program"
)

// Site is where one daemon of a lab lives.
type Site struct {
	Node Node
	// Dir is for the files of Prepare.
	Dir string
	// RunDir is the daemon's own directory: empty at its first start and
	// after a crash of the machine, kept otherwise.
	RunDir string
	// CheckDir is where the lab puts the files that decide a check's verdict:
	// the check named X fails while X.fail is there and passes while X.pass
	// is.
	CheckDir string
}

// Daemon knows how to start a program that keeps addresses. Prepare is called
// once before the first start and may write files into the site; what it
// returns for the user to know is told as notes. Command is called for each
// start; the program must stay in the foreground and end at SIGTERM.
type Daemon interface {
	Prepare(s Site) (notes []string, err error)
	Command(s Site) *exec.Cmd
}

// Operated is a Daemon that can be asked for planned moves. Operate returns the
// program that asks for what the verb says and ends with status 0 when that is
// done; nil for other verbs.
type Operated interface {
	Operate(s Site, v Verb) *exec.Cmd
}

// Moonkeep runs "moonkeep run" on the node's own file.
type Moonkeep struct {
	// Binary is the program's path.
	Binary string
	// ConfigID is given to it as --config-id, unless it is empty.
	ConfigID string
}

// Prepare makes the checks whose program is missing on this machine pass.
func (m Moonkeep) Prepare(s Site) ([]string, error) {
	var notes []string
	for _, c := range s.Node.Config.Scripts {
		missing := c.Lua == "" && c.Plugin == nil && !userprogram.Runnable(c.Argv)
		if !missing {
			continue
		}
		if err := touch(filepath.Join(s.CheckDir, c.Name+".pass")); err != nil {
			return nil, fmt.Errorf("make the check %s pass: %w", c.Name, err)
		}
		notes = append(notes, fmt.Sprintf("%s: the program of check %s is not on this machine (%s); it passes until \"fail %s %s\"",
			s.Node.Name, c.Name, strings.Join(c.Argv, " "), s.Node.Name, c.Name))
	}
	return append(notes, missingNotify(s.Node)...), nil
}

// missingNotify says which notify programs are not on this machine. Moonkeep
// leaves them out by itself when it runs with a check directory.
func missingNotify(n Node) []string {
	var programs []string
	for _, p := range notifyPrograms(n.Config) {
		if !userprogram.Runnable(p.Argv) && !slices.Contains(programs, p.Argv[0]) {
			programs = append(programs, p.Argv[0])
		}
	}
	if len(programs) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: programs to notify that are not on this machine are left out: %s", n.Name, strings.Join(programs, ", "))}
}

// notifyPrograms are all programs that a configuration notifies.
func notifyPrograms(c config.Config) []*config.Program {
	var out []*config.Program
	add := func(n config.Notify, more ...*config.Program) {
		for _, p := range append([]*config.Program{n.Master, n.Backup, n.Fault, n.Stop, n.Any}, more...) {
			if p != nil && len(p.Argv) > 0 {
				out = append(out, p)
			}
		}
	}
	for _, x := range c.Instances {
		add(x.Notify, x.NotifyDeletedProgram, x.NotifyLowerPrio)
	}
	for _, x := range c.Groups {
		add(x.Notify)
	}
	return out
}

// Command is moonkeep's.
func (m Moonkeep) Command(s Site) *exec.Cmd {
	args := []string{"run", "-c", s.Node.File, "--run-dir", s.RunDir, "--state-dir", filepath.Join(s.Dir, "state"), "--check-dir", s.CheckDir}
	if m.ConfigID != "" {
		args = append(args, "--config-id", m.ConfigID)
	}
	return exec.Command(m.Binary, args...)
}

// Operate implements Operated by moonkeep's own commands.
func (m Moonkeep) Operate(s Site, v Verb) *exec.Cmd {
	switch v {
	case Failover:
		return exec.Command(m.Binary, "failover", "--run-dir", s.RunDir)
	case Return:
		return exec.Command(m.Binary, "failover", "--cancel", "--run-dir", s.RunDir)
	case KeepOut:
		return exec.Command(m.Binary, "maintenance", "on", "--run-dir", s.RunDir)
	case LetIn:
		return exec.Command(m.Binary, "maintenance", "off", "--run-dir", s.RunDir)
	}
	return nil
}

// Keepalived runs a real keepalived on a copy of the node's file in which
// every check asks the lab.
type Keepalived struct {
	// Binary is the program's path.
	Binary string
	// Rewrite returns the text of a file with the command of each keyword
	// replaced for which repl says so; see config/keepalived.Rewrite.
	Rewrite func(text []byte, repl func(keyword, block string) (string, bool)) []byte
}

// nothing is the command that takes the place of a notify program that is not
// on this machine.
const nothing = "/bin/true"

// Prepare writes the copy.
func (k Keepalived) Prepare(s Site) ([]string, error) {
	text, err := os.ReadFile(s.Node.File)
	if err != nil {
		return nil, err
	}
	notes := missingNotify(s.Node)
	text = k.Rewrite(text, func(keyword, block string) (string, bool) {
		if keyword == "script" {
			return "/usr/bin/test ! -e " + filepath.Join(s.CheckDir, block+".fail"), true
		}
		if p := notified(s.Node.Config, keyword, block); p != nil && !userprogram.Runnable(p.Argv) {
			return nothing, true
		}
		return "", false
	})
	if len(s.Node.Config.Scripts) > 0 {
		notes = append(notes, fmt.Sprintf("%s: keepalived's checks pass until \"fail %s SCRIPT\"; their programs are not run", s.Node.Name, s.Node.Name))
	}
	return notes, os.WriteFile(k.file(s), text, 0o644)
}

// notified is the program that a notify keyword of an instance or sync group
// names, nil when it names none.
func notified(c config.Config, keyword, block string) *config.Program {
	pick := func(n config.Notify) *config.Program {
		switch keyword {
		case "notify_master":
			return n.Master
		case "notify_backup":
			return n.Backup
		case "notify_fault":
			return n.Fault
		case "notify_stop":
			return n.Stop
		case "notify":
			return n.Any
		}
		return nil
	}
	for _, x := range c.Instances {
		if x.Name != block {
			continue
		}
		if keyword == "notify_master_rx_lower_pri" && x.NotifyLowerPrio != nil {
			return x.NotifyLowerPrio
		}
		if p := pick(x.Notify); p != nil {
			return p
		}
	}
	for _, x := range c.Groups {
		if x.Name == block && pick(x.Notify) != nil {
			return pick(x.Notify)
		}
	}
	return nil
}

func (k Keepalived) file(s Site) string { return filepath.Join(s.Dir, "keepalived.conf") }

// Command is keepalived's. Its pid files are removed, for it takes one that a
// killed keepalived left for the sign of another.
func (k Keepalived) Command(s Site) *exec.Cmd {
	args := []string{"-n", "-l", "-D", "-G", "-P", "-f", k.file(s)}
	for _, pid := range []struct{ flag, name string }{{"-p", "ka.pid"}, {"-r", "vrrp.pid"}, {"-c", "check.pid"}, {"-b", "bfd.pid"}} {
		path := filepath.Join(s.RunDir, pid.name)
		_ = os.Remove(path) // not there at the first start
		args = append(args, pid.flag, path)
	}
	return exec.Command(k.Binary, args...)
}

func touch(path string) error { return os.WriteFile(path, nil, 0o644) }

// verdict makes the check pass or fail from now on.
func verdict(dir, check string, pass bool) error {
	set, clear := filepath.Join(dir, check+".fail"), filepath.Join(dir, check+".pass")
	if pass {
		set, clear = clear, set
	}
	if err := touch(set); err != nil {
		return err
	}
	if err := os.Remove(clear); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// checkNames reports a check whose name cannot be that of a file.
func checkNames(c config.Config) error {
	for _, s := range c.Scripts {
		if strings.ContainsRune(s.Name, '/') {
			return fmt.Errorf("%s: the lab needs a check whose name has no slash, not %q", s.At, s.Name)
		}
	}
	return nil
}
