// Package convert writes a configuration down in another of the languages
// that moonkeep reads, with the author's comments, and proves that nothing
// changed on the way by reading its own text back.
//
// It opens no file and prints nothing; moonkeep convert does. config/document
// makes the tree that is written, config/source writes the native languages,
// keepalived.go writes keepalived's.
package convert

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/document"
	"github.com/moonkeep/moonkeep/config/keepalived"
	"github.com/moonkeep/moonkeep/config/schema"
	"github.com/moonkeep/moonkeep/config/source"
)

// The languages by the names that users give.
const (
	YAML       = "yaml"
	TOML       = "toml"
	JSON       = "json"
	Keepalived = "keepalived"
)

// Languages returns the names that To knows.
func Languages() []string { return []string{YAML, TOML, JSON, Keepalived} }

// To renders a configuration that was read without an error. The findings
// name what the other language has no words for (not-carried), secrets that
// were left out because they were not asked for (secret-left-out), what the reader
// of the other language refuses though keepalived runs it (refused-there, an Error),
// and what reads back differently, or is refused though it came from one of
// moonkeep's own languages (not-the-same, an Error, which is a fault of
// moonkeep's). The error is for a language that is not known.
func To(language string, c *config.Config, comments []document.Comment, secrets bool) ([]byte, config.Findings, error) {
	if !slices.Contains(Languages(), language) {
		return nil, nil, fmt.Errorf("convert: no language is called %q; there are %s", language, strings.Join(Languages(), ", "))
	}
	s := schema.New()
	whole, found, err := write(language, document.Of(s, c, true), comments)
	if err != nil {
		return nil, nil, err
	}
	found = append(found, verify(s, language, c, whole, found)...)
	if secrets {
		return whole, found, nil
	}
	doc := document.Of(s, c, false)
	doc.Walk(func(n *document.Node) {
		if n.Hidden {
			found.Add(n.At, config.Warning, "secret-left-out", "%s is left out because it is a secret; --secrets writes it", n.Key)
		}
	})
	text, _, err := write(language, doc, comments)
	return text, found, err
}

func write(language string, doc *document.Node, comments []document.Comment) ([]byte, config.Findings, error) {
	doc.Annotate(comments)
	if language == Keepalived {
		text, found := writeKeepalived(doc)
		return text, found, nil
	}
	text, err := source.Write(doc, "."+language)
	var found config.Findings
	if language == JSON && len(comments) > 0 {
		found.Add(comments[0].At, config.Warning, "not-carried", "JSON has no comments: %d are left out", len(comments))
	}
	return text, found, err
}

// verify reads the text back and says where it means something else than c.
func verify(s *schema.Schema, language string, c *config.Config, text []byte, lost config.Findings) config.Findings {
	path := "converted." + language
	read := func() (*config.Config, config.Findings) {
		return source.ReadAll([]source.File{{Path: path, Data: text}}, source.Options{Sound: true})
	}
	var refused config.Findings
	if language == Keepalived {
		path = "converted.conf"
		read = func() (*config.Config, config.Findings) { return keepalived.Read(path, text) }
	} else {
		_, refused = source.Read(path, text)
	}
	again, errors := read()
	var found config.Findings
	for _, f := range errors {
		if f.Severity == config.Error {
			found.Add(config.Position{}, config.Error, "not-the-same", "what was written does not read back: %s", f)
		}
	}
	if len(found) > 0 || len(lost) > 0 && language == Keepalived {
		return found
	}
	for _, change := range s.Diff(c, again) {
		found.Add(change.At, config.Error, "not-the-same", "%s reads back differently", change.Path)
	}
	for _, f := range refused {
		switch {
		case f.Severity != config.Error:
		case ofMoonkeep(c):
			found.Add(config.Position{}, config.Error, "not-the-same", "what was written is refused, though what it was made of is not: %s", f)
		default:
			found.Add(config.Position{}, config.Error, "refused-there", "the result is refused until this is put right, which keepalived runs: %s", f)
		}
	}
	return found
}

// ofMoonkeep reports whether a configuration was read in one of moonkeep's own
// languages.
func ofMoonkeep(c *config.Config) bool {
	return len(c.Files) > 0 && slices.Contains(source.Extensions(), strings.ToLower(filepath.Ext(c.Files[0])))
}
