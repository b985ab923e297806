package lua

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// maxSource is the size of the largest file that is compiled.
const maxSource = 256 << 10

// maxFiles bounds the files that one script may consist of.
const maxFiles = 64

// Script is a compiled script with the files that it requires. It does not
// change and any number of runners may share it.
type Script struct {
	path string
	// dir is the script's folder, absolute.
	dir  string
	main *lua.FunctionProto
	// files are the required files, by the name that require gives.
	files map[string]*lua.FunctionProto
	// sources are the paths of all files, as messages give them, and onDisk those that
	// are not embedded.
	sources, onDisk []string
	// sums are those of what is in the files onDisk, by their paths.
	sums map[string]uint64
	// requires are the modules that are required by a name written out.
	requires []string
	// uses are the calls of functions of modules, as far as they are plain.
	uses []requirement
	// unknown are calls of what is probably not there, for messages.
	unknown []requirement
	// quick is what Quick reports.
	quick bool
}

// Compile reads and compiles the file at path and every file that it requires
// by a name written out, so that a mistake in any of them is found now, and a
// later change on disk counts from the next Compile. Nothing is executed.
//
// Files are required from the script's own folder or below it; a symbolic
// link that leads out of the folder is refused. The error is a *SyntaxError
// when a file does not compile or a required one does not exist.
func Compile(path string) (*Script, error) { return compileScript(path) }

// compileScript is Compile for a script that may require further names, which
// are no files.
func compileScript(path string, more ...string) (*Script, error) {
	dir := filepath.Dir(path)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of script %s: %w", path, err)
	}
	defer root.Close()
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open script: %w", err)
	}
	source, err := readSource(file)
	if err != nil {
		return nil, fmt.Errorf("read script %s: %w", path, err)
	}
	// Programs are not started in the daemon's folder.
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the folder of script %s: %w", path, err)
	}
	s := &Script{
		path: path, dir: absolute, files: map[string]*lua.FunctionProto{}, sources: []string{path}, onDisk: []string{path},
		sums: map[string]uint64{path: sum(source)},
	}
	proto, wanted, err := compile(path, source)
	if err != nil {
		return nil, err
	}
	s.main = proto
	for len(wanted) > 0 {
		need := wanted[0]
		wanted = wanted[1:]
		switch {
		case need.use:
			s.uses = append(s.uses, need)
			continue
		case need.unknown:
			s.unknown = append(s.unknown, need)
			continue
		}
		if builtin(need.name) {
			s.requires = append(s.requires, need.name)
		}
		if _, known := s.files[need.name]; known || builtin(need.name) || slices.Contains(more, need.name) {
			continue
		}
		if len(s.files) == maxFiles {
			return nil, &SyntaxError{Path: need.path, Line: need.line, Text: fmt.Sprintf("a script can require %d files, and this is one more", maxFiles)}
		}
		proto, more, err := s.compileRequired(root, need)
		if err != nil {
			return nil, err
		}
		s.files[need.name] = proto
		s.sources = append(s.sources, proto.SourceName)
		if _, embedded := embeddedSource(need.name); !embedded {
			s.onDisk = append(s.onDisk, proto.SourceName)
		}
		wanted = append(wanted, more...)
	}
	s.quick = s.waitsForNobody()
	return s, nil
}

// Files returns the paths of the script and of the files that it requires, without
// the clients, which are part of moonkeep.
func (s *Script) Files() []string { return slices.Clone(s.onDisk) }

// names reports whether a message starts with the place in one of the files.
func (s *Script) names(message string) bool {
	for _, source := range s.sources {
		if strings.HasPrefix(message, source+":") {
			return true
		}
	}
	return false
}

// requirement is one require "name" in a source.
type requirement struct {
	name string
	path string
	line int
	// use says that it is the use of a module's function, MODULE.FUNCTION, and unknown
	// that of something else's: see insteadOf.
	use, unknown bool
}

// requireName is what a required name looks like: the dots stand for folders.
var requireName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// fileOf is the file that a required name means, below the script's folder.
func fileOf(name string) string { return strings.ReplaceAll(name, ".", "/") + ".lua" }

// embeddedSource returns what a client, or what clients share, is made from.
func embeddedSource(name string) ([]byte, bool) {
	source, err := clients.ReadFile(fileOf(name))
	return source, err == nil
}

func (s *Script) compileRequired(root *os.Root, need requirement) (*lua.FunctionProto, []requirement, error) {
	fail := func(format string, args ...any) error {
		return &SyntaxError{Path: need.path, Line: need.line, Text: fmt.Sprintf(format, args...)}
	}
	if !requireName.MatchString(need.name) {
		return nil, nil, fail("require %q: a name has letters, digits, _ and -, with dots for folders", need.name)
	}
	name := fileOf(need.name)
	if source, embedded := embeddedSource(need.name); embedded {
		return compile(name, source)
	}
	full := filepath.Join(filepath.Dir(s.path), name)
	file, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		if client := clientPrefix + need.name; slices.Contains(clientNames(), client) {
			return nil, nil, fail("require %q: there is no such module, and no file %s; there is %q", need.name, full, client)
		}
		return nil, nil, fail("require %q: no module of moonkeep has that name (%s), and there is no file %s", need.name, strings.Join(append(moduleNames(), clientNames()...), ", "), full)
	}
	if err != nil {
		return nil, nil, fail("require %q: open %s: %v", need.name, full, err)
	}
	source, err := readSource(file)
	if err != nil {
		return nil, nil, fail("require %q: read %s: %v", need.name, full, err)
	}
	s.sums[full] = sum(source)
	return compile(full, source)
}

// sum tells what is in a file from what was.
func sum(source []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(source) // a hash takes everything
	return h.Sum64()
}

// readSource reads and closes a file.
func readSource(file *os.File) ([]byte, error) {
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	source, err := io.ReadAll(io.LimitReader(file, maxSource+1))
	if err != nil {
		return nil, err
	}
	if len(source) > maxSource {
		return nil, fmt.Errorf("it is larger than %d KiB", maxSource>>10)
	}
	return source, nil
}

// compile turns one source into a function, and returns what it requires.
func compile(path string, source []byte) (proto *lua.FunctionProto, wanted []requirement, err error) {
	defer func() {
		// The compiler reports some impossible programs by a panic of its own.
		if r := recover(); r != nil {
			proto, wanted, err = nil, nil, &SyntaxError{Path: path, Text: fmt.Sprintf("cannot be compiled: %v", r)}
		}
	}()
	if bytes.HasPrefix(source, []byte("\x1bLua")) {
		return nil, nil, &SyntaxError{Path: path, Text: "this is compiled Lua; give the source"}
	}
	if bytes.HasPrefix(source, []byte("#!")) {
		source = append([]byte("--"), source...)
	}
	chunk, err := parse.Parse(bytes.NewReader(source), path)
	if err != nil {
		return nil, nil, syntaxError(path, err)
	}
	rw := rewriter{path: path}
	chunk = rw.chunk(chunk)
	if rw.err != nil {
		return nil, nil, rw.err
	}
	proto, err = lua.Compile(chunk, path)
	if err != nil {
		var bad *lua.CompileError
		if errors.As(err, &bad) {
			return nil, nil, &SyntaxError{Path: path, Line: bad.Line, Text: bad.Message}
		}
		return nil, nil, &SyntaxError{Path: path, Text: err.Error()}
	}
	noArg(proto)
	return proto, rw.wanted, nil
}

// noArg keeps functions with ... from making the table arg of Lua 5.0 at each
// call, which nobody would be charged for.
func noArg(proto *lua.FunctionProto) {
	proto.IsVarArg &^= lua.VarArgNeedsArg
	for _, inner := range proto.FunctionPrototypes {
		noArg(inner)
	}
}

func syntaxError(path string, err error) error {
	var bad *parse.Error
	if !errors.As(err, &bad) {
		return &SyntaxError{Path: path, Text: strings.TrimSpace(err.Error())}
	}
	text := bad.Message
	if bad.Token != "" {
		text += fmt.Sprintf(" near %q", bad.Token)
	}
	if bad.Pos.Line == parse.EOF {
		return &SyntaxError{Path: path, Text: text + " at the end of the file: is an \"end\" missing?"}
	}
	return &SyntaxError{Path: path, Line: bad.Pos.Line, Column: bad.Pos.Column, Text: text}
}

// noteRequire adds the name in a require "name" call to what is wanted.
func (rw *rewriter) noteRequire(call *ast.FuncCallExpr) {
	fn, ok := call.Func.(*ast.IdentExpr)
	if !ok || fn.Value != "require" || len(call.Args) != 1 {
		return
	}
	if name, ok := call.Args[0].(*ast.StringExpr); ok {
		rw.wanted = append(rw.wanted, requirement{name: name.Value, path: rw.path, line: call.Line()})
	}
}
