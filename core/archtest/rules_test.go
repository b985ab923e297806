package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// rule is one promise about the tree. check returns a line for each place
// that breaks it.
type rule struct {
	name  string
	check func(*tree) []string
}

var rules = []rule{
	{"pure packages import values only", pureImports},
	{"pure packages read no clock and start nothing", pureCalls},
	{"imports follow the arrows", arrows},
	{"only the daemon wires", wiring},
	{"each dependency has one folder and a reason", dependencies},
	{"packages have telling names", packageNames},
	{"packages say what they are for", packageComments},
	{"files have one subject", fileLengths},
	{"comments fit a window", commentWidths},
	{"documents name what exists", documents},
	{"what starts nothing is tested without the race detector", quiet},
	{"nothing names the machine it was written on", machinePaths},
}

// pure are the folders of the deciding packages: everything in and below
// them is a function of its arguments.
var pure = []string{
	"core/mono", "core/netspec", "core/vrrp", "core/track", "core/health",
	"core/balance", "core/bfd", "core/node",
}

// values are the standard packages without clock, I/O, goroutines or
// randomness, which is all that a pure package may use. time is there for
// its types; pureCalls forbids its clock.
var values = []string{
	"cmp", "crypto/hmac", "crypto/md5", "crypto/sha256", "crypto/subtle", "encoding/binary", "errors", "fmt", "hash", "iter", "maps",
	"math", "math/bits", "net/netip", "slices", "sort", "strconv", "strings", "time",
}

func pureImports(t *tree) []string {
	var bad []string
	t.eachImport(false, func(dir string, f file, p string) {
		if !withinAny(dir, pure) {
			return
		}
		local, ok := t.local(p)
		if ok && !withinAny(local, pure) || !ok && !slices.Contains(values, p) {
			bad = append(bad, fmt.Sprintf("%s: a pure package imports %s", f.path, p))
		}
	})
	return bad
}

// clock are the functions of package time that read or wait for a clock.
var clock = []string{
	"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick",
	"NewTimer", "NewTicker",
}

func pureCalls(t *tree) []string {
	var bad []string
	for _, dir := range t.dirs() {
		if !withinAny(dir, pure) {
			continue
		}
		for _, f := range t.packages[dir].files {
			if f.test {
				continue
			}
			timeName := importName(f, "time")
			ast.Inspect(f.ast, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					bad = append(bad, f.path+": a pure package starts a goroutine")
				case *ast.SelectorExpr:
					x, ok := n.X.(*ast.Ident)
					if ok && timeName != "" && x.Name == timeName && slices.Contains(clock, n.Sel.Name) {
						bad = append(bad, fmt.Sprintf("%s: a pure package uses time.%s", f.path, n.Sel.Name))
					}
				}
				return true
			})
		}
	}
	return bad
}

// importName returns the name under which a file knows a standard package of
// one path element, or "" when it does not import it.
func importName(f file, importPath string) string {
	for _, spec := range f.ast.Imports {
		if p, _ := strconv.Unquote(spec.Path.Value); p == importPath {
			if spec.Name != nil {
				return spec.Name.Name
			}
			return importPath
		}
	}
	return ""
}

// arrow says what the packages in and below a folder may import of this
// module. They may always import each other.
type arrow struct {
	from string
	// parts applies the arrow to the folders below from, not to from itself.
	parts bool
	// except are folders below from to which the arrow does not apply and
	// which do not count as from's own.
	except []string
	// only, when set, are the only other folders that may be imported.
	only []string
	// never are folders that must not be imported.
	never []string
}

// edges are the folders that touch the world on behalf of a node.
var edges = []string{"core/kernel", "core/notify", "core/program", "plugins", "lua"}

// allArrows are the directions in which packages may depend on each other,
// beside those of the pure ones. See the picture in CONTRIBUTING.md.
var allArrows = []arrow{
	// A configuration is values. config/build alone knows the machines, and
	// config/load asks core/program whether this host could run what a file
	// names, so that check and run cannot differ.
	{from: "config", except: []string{"config/build", "config/load"}, only: []string{"core/netspec"}},
	{from: "config/load", only: []string{"config", "core/netspec", "core/program"}},
	{from: "config/build", only: append([]string{"config"}, pure...)},
	// The engine runs a node and reaches the world through its own ports.
	{from: "core/engine", only: pure},
	// The edges do not know who drives them; core/kernel itself joins its
	// parts into the port that the engine declares.
	{from: "core/kernel", parts: true, never: []string{"core/engine"}},
	{from: "core/kernel", never: []string{"config", "core/control", "core/notify", "core/program", "plugins", "lua"}},
	{from: "core/notify", never: []string{"config", "core/control", "core/engine", "core/kernel"}},
	{from: "core/program", never: []string{"config", "core/control", "core/engine", "core/kernel"}},
	{from: "plugins", never: []string{"config", "core/control", "core/engine", "core/kernel"}},
	{from: "lua", never: []string{"config", "core/control", "core/engine", "core/kernel"}},
	// A command that wants something of the node that runs asks the daemon.
	{from: "cmd/moonkeep", except: []string{wires}, never: []string{"core/node", "core/notify", "core/program"}},
	// A look at the host needs no node that runs.
	{from: "core/doctor", never: []string{"core/control", "core/engine", "core/notify", "plugins", "lua"}},
	// A simulation has no edges.
	{from: "core/rehearse", never: append([]string{"core/engine", "core/control"}, edges...)},
}

// breaks reports whether a package in dir must not import the one in local.
func (a arrow) breaks(dir, local string) bool {
	if !within(dir, a.from) || a.parts && dir == a.from || withinAny(dir, a.except) {
		return false
	}
	own := within(local, a.from) && !withinAny(local, a.except)
	return withinAny(local, a.never) || a.only != nil && !own && !withinAny(local, a.only)
}

func arrows(t *tree) []string {
	var bad []string
	t.eachImport(false, func(dir string, f file, p string) {
		local, ok := t.local(p)
		if ok && slices.ContainsFunc(allArrows, func(a arrow) bool { return a.breaks(dir, local) }) {
			bad = append(bad, fmt.Sprintf("%s: %s must not import %s", f.path, dir, local))
		}
	})
	return bad
}

// shared reports whether a folder of contrib is no program, but what several of
// contrib's have in common.
func (t *tree) shared(dir string) bool {
	p := t.packages[dir]
	return within(dir, "contrib") && p != nil && !slices.ContainsFunc(p.files, func(f file) bool { return f.ast.Name.Name == "main" })
}

// wires is the one package in which the engine and the edges meet.
const wires = "cmd/moonkeep/daemon"

// wiring holds that the engine is known to the package that wires it and to
// core/kernel, which is its port, and that nobody imports a program.
func wiring(t *tree) []string {
	var bad []string
	for _, dir := range t.dirs() {
		for _, f := range t.packages[dir].files {
			for _, p := range f.imports() {
				local, ok := t.local(p)
				if !ok {
					continue
				}
				if withinAny(local, []string{"cmd", "contrib", "examples"}) && !within(local, dir) && !(within(dir, "contrib") && t.shared(local)) {
					bad = append(bad, fmt.Sprintf("%s: imports the program %s", f.path, local))
				}
				// A test may try the parts together.
				if !f.test && within(local, "core/engine") && !withinAny(dir, []string{"core/engine", wires}) && dir != "core/kernel" {
					bad = append(bad, fmt.Sprintf("%s: imports %s; only %s wires it", f.path, local, wires))
				}
			}
		}
	}
	return bad
}

func packageNames(t *tree) []string {
	forbidden := []string{"util", "utils", "common", "helper", "helpers", "types"}
	var bad []string
	for _, dir := range t.dirs() {
		for _, f := range t.packages[dir].files {
			name := strings.TrimSuffix(f.ast.Name.Name, "_test")
			if slices.Contains(forbidden, name) || slices.Contains(forbidden, path.Base(dir)) {
				bad = append(bad, fmt.Sprintf("%s: package %s says nothing about its content", f.path, name))
			}
		}
	}
	return bad
}

func packageComments(t *tree) []string {
	var bad []string
	for _, dir := range t.dirs() {
		sources, comments := 0, 0
		for _, f := range t.packages[dir].files {
			if f.test {
				continue
			}
			sources++
			if f.ast.Doc != nil && strings.TrimSpace(f.ast.Doc.Text()) != "" {
				comments++
			}
		}
		switch {
		case sources > 0 && comments == 0:
			bad = append(bad, dir+": the package has no comment")
		case comments > 1:
			bad = append(bad, dir+": the package has a comment in more than one file")
		}
	}
	return bad
}

// maxLines is where a file stops being about one subject.
const maxLines = 500

func fileLengths(t *tree) []string {
	var bad []string
	for _, dir := range t.dirs() {
		for _, f := range t.packages[dir].files {
			if !f.generated && f.lines > maxLines {
				bad = append(bad, fmt.Sprintf("%s: %d lines, more than %d", f.path, f.lines, maxLines))
			}
		}
	}
	return bad
}

// maxColumns is how long a line of a comment may be, with a tab as four columns.
const maxColumns = 100

func commentWidths(t *tree) []string {
	var bad []string
	for _, dir := range t.dirs() {
		for _, f := range t.packages[dir].files {
			if f.generated {
				continue
			}
			for i, line := range strings.Split(t.texts[f.path], "\n") {
				code := strings.TrimLeft(line, "\t")
				columns := utf8.RuneCountInString(code) + 4*(len(line)-len(code))
				if strings.HasPrefix(code, "// ") && columns > maxColumns {
					bad = append(bad, fmt.Sprintf("%s:%d: a comment of %d columns, more than %d", f.path, i+1, columns, maxColumns))
				}
			}
		}
	}
	return bad
}

// foreign finds paths that mean something on the author's machine only: a
// home, a checkout in a root folder, a folder beside the repository. The
// pattern is spelt so that it does not find itself.
var foreign = regexp.MustCompile(`(?m)(^|[^\w.~-])(/[w]ork/|/[h]ome/[a-z]|\.\./[s]hared)`)

func machinePaths(t *tree) []string {
	var bad []string
	for name, text := range t.texts {
		if !foreign.MatchString(text) {
			continue
		}
		n := 0
		for line := range strings.Lines(text) {
			n++
			if m := foreign.FindString(line); m != "" {
				bad = append(bad, fmt.Sprintf("%s:%d: names %q", name, n, strings.TrimSpace(m)))
			}
		}
	}
	slices.Sort(bad)
	return bad
}

// eachImport calls fn for every import of every file, and of the test files
// only when tests is true.
func (t *tree) eachImport(tests bool, fn func(dir string, f file, importPath string)) {
	for _, dir := range t.dirs() {
		for _, f := range t.packages[dir].files {
			if f.test && !tests {
				continue
			}
			for _, p := range f.imports() {
				fn(dir, f, p)
			}
		}
	}
}
