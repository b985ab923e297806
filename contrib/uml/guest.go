//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"
)

// jobVariable names the file of the job in the environment of the guest's
// first process. The kernel puts what it does not know on its command line
// there.
const jobVariable = "UML_JOB"

// moduleTree is where Debian's user-mode-linux has its modules.
const moduleTree = "/usr/lib/uml/modules"

// modules are loaded before the program runs, so that it can see by
// /sys/module whether there is such a thing. Others are loaded as usual, when
// the kernel asks for them.
var modules = strings.Fields(`ipv6 veth macvlan ipvlan vrf dummy bridge ifb 8021q bonding
	xfrm_user ah4 ah6 esp4 esp6 sch_netem nf_tables
	ipip ip6_tunnel
	ip_vs ip_vs_rr ip_vs_wrr ip_vs_lc ip_vs_wlc ip_vs_sh ip_vs_mh`)

// guest is the life of the guest's first process: it makes a root of its own,
// runs the job, says how it ended, and switches the guest off.
//
// The root is this machine's file system, below a layer in the guest's memory
// that takes what is written. /proc, /sys, /dev and /run are the guest's.
func guest() {
	word := "the guest did not start"
	defer func() {
		// On every path: a first process that ends is a panic of the kernel.
		if p := recover(); p != nil {
			word = fmt.Sprint("the guest's first process panicked: ", p)
		}
		if f, err := os.OpenFile("/dev/tty2", os.O_WRONLY|syscall.O_NOCTTY, 0); err == nil {
			fmt.Fprintln(f, word)
			f.Close()
		} else {
			fmt.Println("uml:", word, err) // to the console
		}
		err := syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
		fmt.Println("uml: switch off:", err)
	}()
	os.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	j, err := readJob(os.Getenv(jobVariable))
	if err != nil {
		word = err.Error()
		return
	}
	if err := furnish(); err != nil {
		word = err.Error()
		return
	}
	status, err := perform(j)
	if err != nil {
		word = err.Error()
		return
	}
	word = fmt.Sprint("exit ", status)
}

func readJob(path string) (*job, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the guest's job: %w", err)
	}
	j := new(job)
	if err := json.Unmarshal(text, j); err != nil {
		return nil, fmt.Errorf("read the guest's job: %w", err)
	}
	return j, nil
}

// furnish makes the root and what belongs into it.
func furnish() error {
	if err := mount("proc", "/proc", ""); err != nil {
		return err
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return fmt.Errorf("read the kernel's release: %w", err)
	}
	tree := filepath.Join(moduleTree, strings.TrimSpace(string(release)))
	if err := insert(filepath.Join(tree, "kernel/fs/overlayfs/overlay.ko")); err != nil {
		return err
	}
	if err := newRoot(); err != nil {
		return err
	}
	for _, m := range []struct{ kind, at, options string }{
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"devtmpfs", "/dev", ""},
		{"devpts", "/dev/pts", "ptmxmode=0666"},
		{"tmpfs", "/dev/shm", ""},
		{"tmpfs", "/run", "mode=0755"},
		{"cgroup2", "/sys/fs/cgroup", ""},
		{"bpf", "/sys/fs/bpf", ""},
	} {
		if err := mount(m.kind, m.at, m.options); err != nil {
			return err
		}
	}
	return supply(tree)
}

// newRoot moves the first process below an overlay of the host's files.
func newRoot() error {
	// /tmp is there on any host; the overlay sees what this hides.
	if err := mount("tmpfs", "/tmp", "mode=1777"); err != nil {
		return err
	}
	for _, d := range []string{"/tmp/upper", "/tmp/work", "/tmp/root"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return fmt.Errorf("make the guest's root: %w", err)
		}
	}
	if err := mount("overlay", "/tmp/root", "lowerdir=/,upperdir=/tmp/upper,workdir=/tmp/work"); err != nil {
		return err
	}
	if err := os.Chdir("/tmp/root"); err != nil {
		return fmt.Errorf("enter the guest's root: %w", err)
	}
	// A changed root, unlike chroot, lets programs make user namespaces.
	if err := syscall.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the guest's root: %w", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the host's root: %w", err)
	}
	return os.Chdir("/")
}

// supply gives the kernel its modules and the loopback interface, and the
// terminal that the program writes to.
func supply(tree string) error {
	if err := os.MkdirAll("/lib/modules", 0o755); err != nil {
		return fmt.Errorf("give the guest its modules: %w", err)
	}
	if err := os.Symlink(tree, filepath.Join("/lib/modules", filepath.Base(tree))); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("give the guest its modules: %w", err)
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("find busybox in the guest: %w", err)
	}
	// The kernel asks this program for what it lacks.
	if err := os.Symlink(busybox, "/run/modprobe"); err != nil {
		return fmt.Errorf("give the guest a modprobe: %w", err)
	}
	if err := os.WriteFile("/proc/sys/kernel/modprobe", []byte("/run/modprobe"), 0); err != nil {
		return fmt.Errorf("give the guest a modprobe: %w", err)
	}
	for _, argv := range [][]string{
		append([]string{"modprobe", "-a"}, modules...),
		{"hostname", "guest"},
		{"ip", "link", "set", "lo", "up"},
		{"stty", "-F", "/dev/tty1", "raw"}, // as a pipe: the output is not to be changed
		{"stty", "-F", "/dev/tty2", "raw"},
		{"stty", "-F", meterTTY, "raw", "-echo"},
	} {
		if out, err := exec.Command(busybox, argv...).CombinedOutput(); err != nil {
			return fmt.Errorf("busybox %s in the guest: %w: %s", strings.Join(argv, " "), err, bytes.TrimSpace(out))
		}
	}
	return nil
}

// perform runs the job and returns its exit status, 128 and the signal's
// number if one killed it, as shells have it.
func perform(j *job) (int, error) {
	out, err := os.OpenFile("/dev/tty1", os.O_WRONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return 0, fmt.Errorf("open the program's terminal: %w", err)
	}
	defer out.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	defer null.Close()
	child, err := os.StartProcess(j.Argv[0], j.Argv, &os.ProcAttr{
		Dir: j.Dir, Env: append(j.Env, "PWD="+j.Dir, meterVariable+"="+meterTTY), Files: []*os.File{null, out, out},
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, fmt.Errorf("start %s in the guest: %w", j.Argv[0], err)
	}
	// The first process is the parent of all orphans.
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, fmt.Errorf("wait for %s in the guest: %w", j.Argv[0], err)
		case pid != child.Pid:
		case ws.Signaled():
			return 128 + int(ws.Signal()), drain(out)
		default:
			return ws.ExitStatus(), drain(out)
		}
	}
}

// drain waits until the host has all that was written to a terminal, which
// switching off would lose.
func drain(tty *os.File) error {
	// As tcdrain(3) has it; package syscall lacks the number.
	const tcsbrk, untilSent = 0x5409, 1
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, tty.Fd(), tcsbrk, untilSent); errno != 0 {
		return fmt.Errorf("wait for the program's output: %w", errno)
	}
	return nil
}

// insert loads a module file.
func insert(path string) error {
	image, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read a module of the guest's kernel: %w", err)
	}
	parameters := []byte{0}
	if _, _, errno := syscall.Syscall(syscall.SYS_INIT_MODULE, uintptr(unsafe.Pointer(&image[0])), uintptr(len(image)), uintptr(unsafe.Pointer(&parameters[0]))); errno != 0 {
		return fmt.Errorf("load %s: %w", path, errno)
	}
	return nil
}

// mount mounts a file system without a device, and makes its place.
func mount(kind, at, options string) error {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return fmt.Errorf("make a place for %s: %w", kind, err)
	}
	if err := syscall.Mount(kind, at, kind, 0, options); err != nil {
		return fmt.Errorf("mount %s on %s: %w", kind, at, err)
	}
	return nil
}
