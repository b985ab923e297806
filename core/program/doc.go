// Package program runs a user's program: a check, a notify script. It keeps
// the daemon safe from whatever that program does, and says in words what
// went wrong.
//
// It does not decide when to run, does not keep two runs of one check apart
// (see Outcome.Gone), does not retry and does not log: it returns an Outcome.
// The checks of the engine and core/notify drive it. It is Linux only.
//
// # What a program gets
//
// A session, and so a process group, of its own; the user, group and supplementary groups that
// the Spec names; standard input from /dev/null; standard output and error in
// one pipe that is read for as long as the program runs, so that it never
// blocks, and of which the first OutputCap bytes are kept; the daemon's umask
// and working directory (unless Dir says otherwise); no share in the daemon's protection
// when memory is short, but for what it forks in its first moment, before that is taken
// from it; and a small environment:
// PATH, the locale and the time zone of the daemon, HOME, USER and LOGNAME of
// the user, and what the Spec adds. IFS and LD_* never get through. A program
// that needs more of the daemon's environment sets it itself.
//
// # How it ends
//
// When the time is up, or the context ends, the whole group gets SIGTERM, and
// SIGKILL after Grace; a process that survives even that, because it hangs in
// the kernel, gets SIGKILL again every ten seconds (keepalived does the
// same). When the program ends after our SIGTERM, what is left of its group
// is killed. When it ends by itself, what it left running is left alone: a
// notify script may start a daemon. Such a daemon may keep the pipe; it is
// read and thrown away, for a bounded number of them, so that neither Run
// waits nor the daemon is killed by SIGPIPE while ours runs. It should have
// its output redirected all the same.
//
// Run returns when the program ended, or about 50 ms after the SIGTERM,
// whatever the program does then. The killing goes on in the background, and
// Outcome.Gone tells when it is over. The number of runs that have returned
// but not ended is bounded; beyond the bound, Run refuses with ErrTooMany.
//
// Every program that was started is reaped. A group is signalled only while
// its leader has not been reaped, so its number cannot have been given to
// someone else's processes.
//
// # In a cell
//
// Where the daemon may divide its control group, each run begins in one of its own
// (Options.Cell), which bounds it, and which ends whole when the run was told to end,
// with whatever has left its process group.
//
// # When the daemon dies
//
// Each program asks the kernel for SIGTERM at its parent's death, as those of
// keepalived do. The kernel means the parent thread, and Go's threads come
// and go; so a Starter owns one locked thread that lives as long as it, and
// all its programs are started from there. This costs no concurrency, since
// Go's syscall package lets only one thread fork at a time. The signal reaches
// the program, not its descendants, and the kernel drops the request when a
// set-user-ID program is executed; a service manager that ends the control
// group, as systemd does by default, covers both.
//
// # Limits
//
// While a program is being executed, its starting thread is suspended (vfork),
// and Go's runtime cannot stop the world. An execve that hangs on a dead
// network file system would stall the daemon. Run therefore opens the file
// and reads its head first, where a hang costs only that run. Checkers are
// started by a launcher instead, which is this program again and takes some 20 ms of
// a processor: once for a checker, but here it would be once for each run.
//
// Users and groups are looked up at each run, so a change counts at once. In
// a static binary that means /etc/passwd and /etc/group, not LDAP.
//
// A daemon that is process 1 of a container gets the orphans of its programs
// and does not reap them: to tell them from children that others of its
// packages wait for is not possible without races. Run it under an init
// (docker run --init, or shareProcessNamespace in Kubernetes).
package program
