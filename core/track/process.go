package track

import "strings"

// NoMost is the Most of a Quorum without an upper limit.
const NoMost = -1

// Quorum is how many processes must run.
type Quorum struct {
	// Least must run; 0 asks for none.
	Least int
	// Most may run; NoMost is no limit.
	Most int
}

// State returns what it means that so many run.
func (q Quorum) State(count int) State {
	return Of(count >= q.Least && (q.Most == NoMost || count <= q.Most))
}

// CommLen is how many bytes of a program's name the kernel keeps.
const CommLen = 15

// ArgMatch is how the arguments of a process are compared with a Pattern's.
type ArgMatch uint8

// The ways to compare arguments, after keepalived's param_match.
const (
	AnyArgs     ArgMatch = iota // whatever they are
	ExactArgs                   // the same arguments
	PartialArgs                 // the pattern's, and others may follow
	InitialArgs                 // as PartialArgs, and the pattern's last may be the beginning of one
)

// Pattern says which processes are meant.
type Pattern struct {
	// Name is the program's name, or its path. A name is compared with the
	// one that the kernel keeps, of which there are CommLen bytes; a path
	// with the one that the process was started by, and that of its file.
	Name string
	// Full compares a name with the last part of the first word of the
	// command line instead, which is not cut.
	Full bool
	// Args are compared as Match says.
	Args  []string
	Match ArgMatch
}

// Path reports whether the pattern names a file.
func (p *Pattern) Path() bool { return strings.Contains(p.Name, "/") }

// NeedsCommand reports whether Matches looks at the command line.
func (p *Pattern) NeedsCommand() bool { return p.Full || p.Path() || p.Match != AnyArgs }

// Process is what is known of one process.
type Process struct {
	// Comm is the name that the kernel keeps.
	Comm string
	// Command is the command line; empty for a thread of the kernel.
	Command []string
	// Exe is the path of the program's file, empty when it is not known.
	Exe string
}

// Matches reports whether the pattern means the process.
func (p *Pattern) Matches(x *Process) bool {
	if !p.NeedsCommand() {
		return x.Comm == p.Name[:min(len(p.Name), CommLen)]
	}
	if len(x.Command) == 0 {
		return false
	}
	return p.program(x) && p.args(x.Command[1:])
}

func (p *Pattern) program(x *Process) bool {
	first := x.Command[0]
	if p.Path() {
		return first == p.Name || x.Exe == p.Name
	}
	return first[strings.LastIndexByte(first, '/')+1:] == p.Name
}

func (p *Pattern) args(args []string) bool {
	if p.Match == AnyArgs {
		return true
	}
	if len(args) < len(p.Args) || p.Match == ExactArgs && len(args) > len(p.Args) {
		return false
	}
	for i, want := range p.Args {
		last := p.Match == InitialArgs && i == len(p.Args)-1
		if args[i] != want && !(last && strings.HasPrefix(args[i], want)) {
			return false
		}
	}
	return true
}
