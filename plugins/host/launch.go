//go:build linux

package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/program"
)

// launchName is argv[0] of a process that is to become a plugin.
const launchName = "moonkeep-launch"

// The open files of a plugin. Those from fdSpec on are the launcher's.
const (
	fdLiveness = 3 + iota // ends when the daemon does
	fdDir                 // the directory for its socket
	fdSpec                // the launchSpec
	fdProgram             // the file that it becomes
	fdReady               // closed once the launcher gives way to the daemon
	fdNetNS               // where its network is, when Spec.NetNS is set
)

// launchSpec is what the launcher is told, as JSON.
type launchSpec struct {
	Args, Env []string
	// Script says that an interpreter has to open the file.
	Script bool
	NetNS  bool
	UID    int
	GID    int
	Groups []int
	// Switch says that user and groups are not those of the daemon.
	Switch    bool
	Memory    uint64
	OpenFiles uint64
	// Processes bounds the tasks of the user; 0 does not.
	Processes uint64
	// Fork says that it may start processes.
	Fork  bool
	Caps  []int
	Plain bool
	// Nice is the nice value; 0 leaves it.
	Nice int
}

// IsLaunch reports whether this process was started to become a plugin. The
// first thing that a program with a Host does in main is to ask, and to call
// Launch if so.
func IsLaunch() bool { return len(os.Args) > 0 && os.Args[0] == launchName }

// Launch takes from this process what a plugin must not have, and becomes the
// plugin. It never returns: what fails is said on standard error, and ends
// the process with status 126.
func Launch() {
	// What follows is per thread, and the thread that calls execve stays.
	runtime.LockOSThread()
	err := launch()
	fmt.Fprintf(os.Stderr, "launch: %v\n", err)
	os.Exit(126)
}

func launch() error {
	var s launchSpec
	f := os.NewFile(fdSpec, "spec")
	raw, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("read what to launch: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("read what to launch: %w", err)
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("read what to launch: %w", err)
	}
	yield(s.Nice)
	if err := unix.Close(fdReady); err != nil {
		return fmt.Errorf("say that the launcher gives way: %w", err)
	}
	program.Unprotect("/proc/self/oom_score_adj")
	if s.NetNS {
		if err := unix.Setns(fdNetNS, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the network namespace: %w", err)
		}
		unix.CloseOnExec(fdNetNS)
	}
	if !s.Plain { // the users' programs have the daemon's, as without a plugin
		unix.Umask(0o077)
		if err := unix.Chdir("/"); err != nil {
			return fmt.Errorf("go to /: %w", err)
		}
	}
	if err := s.limits(); err != nil {
		return err
	}
	restricted, err := s.drop()
	if err != nil {
		return err
	}
	// The kernel forgets it when the user changes, so that it comes now. Who
	// was too late for the signal sees the pipe closed.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("ask to die with the daemon: %w", err)
	}
	gone := []unix.PollFd{{Fd: fdLiveness}}
	if n, err := unix.Poll(gone, 0); err == nil && n > 0 && gone[0].Revents&unix.POLLHUP != 0 {
		return errors.New("the daemon is gone")
	}
	if !s.Script {
		unix.CloseOnExec(fdProgram)
	}
	if !s.Plain {
		if err := filterCalls(s.Fork, restricted); err != nil {
			return err
		}
	}
	path := fmt.Sprintf("/proc/self/fd/%d", fdProgram)
	if s.Memory > 0 {
		// Last, so that it need not be enough for the launcher.
		if err := bound("memory", unix.RLIMIT_DATA, s.Memory); err != nil {
			return err
		}
	}
	err = syscall.Exec(path, s.Args, s.Env)
	if errors.Is(err, unix.EACCES) {
		return fmt.Errorf("execute the file: %w: user %d may not, or its file system is mounted noexec", err, s.UID)
	}
	return fmt.Errorf("execute the file: %w", err)
}

// bound limits what the process may take. Who may not raise limits keeps one that
// is lower already, and says so: with fewer files than it was to have, a plugin
// still makes most of its checks.
func bound(what string, resource int, n uint64) error {
	err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: n, Max: n})
	var has syscall.Rlimit
	if errors.Is(err, unix.EPERM) && syscall.Getrlimit(resource, &has) == nil && has.Max < n {
		fmt.Fprintf(os.Stderr, "launch: %s is limited to %d, and not to %d: so is the daemon, which may not raise it\n", what, has.Max, n)
		n = has.Max
		err = syscall.Setrlimit(resource, &syscall.Rlimit{Cur: n, Max: n})
	}
	if err != nil {
		return fmt.Errorf("limit %s to %d: %w", what, n, err)
	}
	return nil
}

// limits sets what the process may take.
func (s *launchSpec) limits() error {
	if !s.Plain {
		for _, b := range []struct {
			what     string
			resource int
			n        uint64
		}{
			// A core would hold passwords.
			{"core dumps", unix.RLIMIT_CORE, 0},
			// Threads of C programs have stacks of this size, all of which counts as
			// memory.
			{"stack", unix.RLIMIT_STACK, 2 << 20},
			// Files in the directory of its socket, and those that are memory only,
			// stay empty: their content would count as nobody's.
			{"the size of files", unix.RLIMIT_FSIZE, 0},
		} {
			if err := bound(b.what, b.resource, b.n); err != nil {
				return err
			}
		}
	}
	if s.OpenFiles > 0 {
		if err := bound("the number of open files", unix.RLIMIT_NOFILE, s.OpenFiles); err != nil {
			return err
		}
	}
	if s.Processes > 0 {
		return bound("processes", unix.RLIMIT_NPROC, s.Processes)
	}
	return nil
}

// drop gives up privileges, those of files, and the right to get any. It reports whether the
// kernel restricts what files it may write.
func (s *launchSpec) drop() (restricted bool, err error) {
	if !s.Plain {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return restricted, fmt.Errorf("give up new privileges: %w", err)
		}
		if restricted, err = restrictFiles(); err != nil {
			return false, err
		}
	}
	if !s.Switch {
		if s.Plain {
			return restricted, nil
		}
		// What the daemon was given so that it need not be root is not for its plugins.
		return restricted, keepCaps(inReach(s.Caps), false)
	}
	if !s.Plain {
		// Without new privileges only root gets any by executing something.
		if err := dropBounding(s.Caps, s.UID == 0); err != nil {
			return restricted, err
		}
	}
	if len(s.Caps) > 0 {
		if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
			return restricted, fmt.Errorf("keep capabilities: %w", err)
		}
	}
	if err := syscall.Setgroups(s.Groups); err != nil {
		return restricted, fmt.Errorf("give up groups: %w", err)
	}
	if err := syscall.Setresgid(s.GID, s.GID, s.GID); err != nil {
		return restricted, fmt.Errorf("become group %d: %w", s.GID, err)
	}
	if err := syscall.Setresuid(s.UID, s.UID, s.UID); err != nil {
		return restricted, fmt.Errorf("become user %d: %w", s.UID, err)
	}
	return restricted, keepCaps(s.Caps, s.UID == 0)
}
