// Package silence takes out the warnings that somebody has allowed, by a
// comment in the file or by name on the command line, and reports the allows
// that do nothing.
//
// It reads no file and prints nothing; moonkeep check hands it findings and
// texts. Errors are never taken out: what cannot run does not run because
// somebody would like it to.
//
// # Comments
//
//	priority 100  # moonkeep: allow NAME, NAME: a remark
//
// allows the findings of these names on its line. A comment on a line of its
// own is for the next line that is more than a comment, and
//
//	# moonkeep: allow-file NAME
//
// above all else is for the whole file. Comments begin with # in YAML and
// TOML, with # or ! in keepalived.conf; JSON has none.
package silence

import (
	"fmt"
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/lint"
)

// Text is one file whose comments count.
type Text struct {
	// File is its path as in the positions of its findings.
	File string
	Data []byte
}

// Known returns an error for a name that no finding has.
func Known(name string) error {
	if _, ok := lint.Comes(name); ok {
		return nil
	}
	return fmt.Errorf("no finding is called %q%s", name, meant(name))
}

func meant(name string) string {
	if near := config.Nearest(name, lint.Explained()); near != "" {
		return fmt.Sprintf("; is %s meant?", near)
	}
	return "; moonkeep check --explain all lists the names"
}

// allow is one name that is allowed somewhere.
type allow struct {
	name string
	// at is where it was written; zero for the command line.
	at config.Position
	// line is the one that it is for; 0 is the whole file, and everything
	// for the command line.
	line int
	used bool
	// refused says that an error has this name here.
	refused bool
}

// covers reports whether a finding is one that a allows.
func (a *allow) covers(f config.Finding) bool {
	return a.name == f.Name && (a.at.File() == "" || a.at.File() == f.At.File() && (a.line == 0 || a.line == f.At.Line()))
}

// Apply returns the findings of nodes files' configurations without those
// that the comments of the texts or names allow, with one finding for each
// allow that does nothing, and how many findings were taken out. The names
// must be known.
//
// An allow is not missed where its finding could not have come about: one
// that depends on the host, one between nodes when there is one node only,
// and any when an error kept the rest from being looked at.
func Apply(found config.Findings, texts []Text, names []string, nodes int) (config.Findings, int) {
	var all []*allow
	var own config.Findings
	for _, name := range names {
		all = append(all, &allow{name: name})
	}
	for _, t := range texts {
		allows, bad := comments(t)
		all = append(all, allows...)
		own = append(own, bad...)
	}
	kept := take(found, all)
	for _, a := range all {
		where, ok := lint.Comes(a.name)
		switch {
		case !ok:
			own.Add(a.at, config.Warning, "unknown-allow", "no finding is called %.60q%s", a.name, meant(a.name))
		case where == lint.FromAllow:
		case a.used:
		case a.refused:
			own.Add(a.at, config.Warning, "unused-allow", "%s is not silenced: it is an error here, and errors stay", a.said())
		case !found.Errors() && where != lint.FromHost && (where != lint.FromSeveral || nodes > 1):
			own.Add(a.at, config.Warning, "unused-allow", "%s silences nothing; take it out", a.said())
		}
	}
	own = take(own, all)
	for _, a := range all {
		if where, ok := lint.Comes(a.name); ok && where == lint.FromAllow && !a.used && !found.Errors() {
			own.Add(a.at, config.Warning, "unused-allow", "%s silences nothing; take it out", a.said())
		}
	}
	silenced := len(found) - len(kept)
	return append(kept, own...), silenced
}

// said names the allow as its author wrote it.
func (a *allow) said() string {
	if a.at.File() == "" {
		return "--allow " + a.name
	}
	return "allow " + a.name
}

// take returns the findings that no allow covers.
func take(found config.Findings, all []*allow) config.Findings {
	return slices.DeleteFunc(slices.Clone(found), func(f config.Finding) bool {
		gone := false
		for _, a := range all {
			switch {
			case !a.covers(f):
			case f.Severity == config.Error:
				a.refused = true
			default:
				a.used, gone = true, true
			}
		}
		return gone
	})
}
