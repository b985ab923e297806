package archtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// dependency is a row of the table of dependencies in CONTRIBUTING.md.
type dependency struct {
	module string
	// folders may import it. More than one needs a reason of its own.
	folders []string
	why     string
	// spread says why it is used in more than one folder.
	spread string
}

// dependencyRow matches: | `module` | `folder`, `folder` | why | why spread |
var dependencyRow = regexp.MustCompile("(?m)^\\| `([^`]+\\.[^`]+/[^`]+)` \\|([^|]+)\\|([^|]*)\\|([^|]*)\\|$")

// dependencyTable parses CONTRIBUTING.md.
func dependencyTable(text string) map[string]dependency {
	table := map[string]dependency{}
	for _, m := range dependencyRow.FindAllStringSubmatch(text, -1) {
		d := dependency{module: m[1], why: strings.TrimSpace(m[3]), spread: strings.TrimSpace(m[4])}
		for f := range strings.SplitSeq(m[2], ",") {
			d.folders = append(d.folders, strings.Trim(strings.TrimSpace(f), "`"))
		}
		table[d.module] = d
	}
	return table
}

// inTests is what the table says in place of a folder for a module that only
// tests use, and that any test may use.
const inTests = "tests"

func dependencies(t *tree) []string {
	table := dependencyTable(t.texts["CONTRIBUTING.md"])
	used := map[string][]string{} // module -> folders, as the table names them
	var bad []string
	t.eachImport(true, func(dir string, f file, p string) {
		if _, ok := t.local(p); ok || standard(p) {
			return
		}
		module := t.thirdParty(p)
		row, ok := table[module]
		if !ok {
			bad = append(bad, fmt.Sprintf("%s: imports %s, for which CONTRIBUTING.md gives no reason", f.path, p))
			return
		}
		folder := inTests
		if !f.test || !slices.Contains(row.folders, inTests) {
			i := slices.IndexFunc(row.folders, func(folder string) bool { return within(dir, folder) })
			if i < 0 {
				bad = append(bad, fmt.Sprintf("%s: imports %s, which CONTRIBUTING.md keeps to %s", f.path, module, strings.Join(row.folders, ", ")))
				return
			}
			folder = row.folders[i]
		}
		if !slices.Contains(used[module], folder) {
			used[module] = append(used[module], folder)
		}
	})
	for _, row := range table {
		if row.why == "" {
			bad = append(bad, fmt.Sprintf("CONTRIBUTING.md: no reason for %s", row.module))
		}
		if len(row.folders) > 1 && row.spread == "" {
			bad = append(bad, fmt.Sprintf("CONTRIBUTING.md: no reason why %s is used in more than one folder", row.module))
		}
		for _, folder := range row.folders {
			if !slices.Contains(used[row.module], folder) {
				bad = append(bad, fmt.Sprintf("CONTRIBUTING.md: %s is not used in %s", row.module, folder))
			}
		}
	}
	slices.Sort(bad)
	return bad
}
