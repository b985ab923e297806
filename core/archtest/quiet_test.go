package archtest

import (
	"fmt"
	"go/ast"
	"regexp"
	"strings"
)

// quietList is the list in the Makefile of what runs without the race detector.
var quietList = regexp.MustCompile(`(?m)^QUIET\s*:=\s*(\S+)$`)

// quiet holds that what is tested without the race detector starts no
// goroutine, and that the pure packages are.
func quiet(t *tree) []string {
	m := quietList.FindStringSubmatch(t.texts["Makefile"])
	if m == nil {
		return []string{"Makefile: there is no list QUIET"}
	}
	var bad []string
	matched := map[string]bool{}
	for pattern := range strings.SplitSeq(m[1], ",") {
		dir, below := strings.CutSuffix(strings.TrimPrefix(pattern, "./"), "/...")
		found := false
		for _, d := range t.dirs() {
			if d == dir || below && within(d, dir) {
				matched[d], found = true, true
			}
		}
		if !found {
			bad = append(bad, fmt.Sprintf("Makefile: QUIET names %s, where no package is", pattern))
		}
	}
	for _, dir := range t.dirs() {
		if withinAny(dir, pure) && !matched[dir] {
			bad = append(bad, fmt.Sprintf("Makefile: QUIET lacks the pure package %s", dir))
		}
		if !matched[dir] {
			continue
		}
		for _, f := range t.packages[dir].files {
			if f.test {
				continue
			}
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if _, starts := n.(*ast.GoStmt); starts {
					bad = append(bad, f.path+": starts a goroutine, and the Makefile has its package in QUIET, without the race detector")
				}
				return true
			})
		}
	}
	return bad
}
