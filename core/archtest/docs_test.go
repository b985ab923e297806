package archtest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	// linkTarget is what a markdown link inside the repository points at.
	linkTarget = regexp.MustCompile(`\]\(([^)#:]+)\)`)
	// makeTarget is a target in a command of a document.
	makeTarget = regexp.MustCompile("(?m)(?:^ {4}|`)make ([a-z][a-z-]*)")
	// repoPath is a file or folder that a document names from the root.
	repoPath = regexp.MustCompile("(?:^|[\\s`])((?:build|cmd|config|contrib|core|examples|lua|plugins)/[\\w./*-]*[\\w/])")
	// makeRule is a target in the Makefile.
	makeRule = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)
)

// documents holds that links, paths and make targets in the documents exist.
func documents(t *tree) []string {
	var targets []string
	for _, m := range makeRule.FindAllStringSubmatch(t.texts["Makefile"], -1) {
		targets = append(targets, m[1])
	}
	var bad []string
	for name, text := range t.texts {
		if path.Ext(name) != ".md" {
			continue
		}
		for _, m := range linkTarget.FindAllStringSubmatch(text, -1) {
			if to := path.Join(path.Dir(name), m[1]); !t.exists(to) {
				bad = append(bad, fmt.Sprintf("%s: links to %s, which is not there", name, to))
			}
		}
		for _, m := range makeTarget.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(targets, m[1]) {
				bad = append(bad, fmt.Sprintf("%s: names make %s, which is no target", name, m[1]))
			}
		}
		for _, m := range repoPath.FindAllStringSubmatch(text, -1) {
			p := strings.TrimSuffix(m[1], "/")
			generic := strings.Contains(p, "NAME") || strings.HasSuffix(p, "...")
			if !generic && !within(p, "build") && !t.exists(p) {
				bad = append(bad, fmt.Sprintf("%s: names %s, which is not there", name, p))
			}
		}
	}
	slices.Sort(bad)
	return bad
}

// exists reports whether there is a file or folder of that name.
func (t *tree) exists(name string) bool {
	if _, ok := t.texts[name]; ok {
		return true
	}
	for file := range t.texts {
		if within(file, name) {
			return true
		}
	}
	return false
}
