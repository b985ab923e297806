package keepalived

import (
	"cmp"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// explain says what an unknown word is likely meant to be.
func (r *reader) explain(b *block, s *statement) {
	word := s.words[0]
	ignored := "it is ignored, as by keepalived"
	if s.hasBody {
		ignored = "it is ignored with what is in its braces"
	}
	if homes := r.language.homes(word.text); homes != nil {
		r.out.lose(word.at, "wrong-block", "%s belongs in %s, not %s; %s", word.text, strings.Join(homes, " or "), b.place(), ignored)
		return
	}
	guess, glued := config.Nearest(word.text, b.names), ""
	for _, name := range b.names {
		if strings.HasPrefix(word.text, name) && len(name) > len(glued) && len(name) > 3 {
			glued = name
		}
	}
	shown := quoted(word.text)
	if b.secret {
		shown = "a word"
		if guess != "" {
			shown = quoted(strings.TrimRight(word.text, "0123456789"))
		}
	}
	// What asks for signatures, or for what only moonkeep has, does not run
	// without them for a slip of the pen: see gentlyIf.
	severity := config.Warning
	if k := b.find(cmp.Or(guess, glued)); s.hasBody && k != nil && k.braces() && (k.vital || k.bound != nil && k.bound.field.Own) {
		severity, ignored = config.Error, "put the word right: what is in its braces would not be there"
		r.damaged = true
		r.mean(k.name)
	}
	if s.hasBody && guess != "" {
		for _, name := range s.words[1:] {
			r.skipped[name.text] = r.src.position(word.at)
		}
	}
	switch {
	case guess != "":
		r.out.add(word.at, severity, "unknown-keyword", "unknown keyword %s %s: did you mean %s? %s", shown, b.place(), guess, capital(ignored))
	case glued != "":
		r.out.add(word.at, severity, "unknown-keyword", "unknown keyword %s that begins with %s: is a blank missing behind it? %s", b.place(), glued, capital(ignored))
	default:
		r.out.warn(word.at, "unknown-keyword", "unknown keyword %s %s; %s", shown, b.place(), ignored)
	}
}

// described names a statement in a message: a block with its name.
func described(k *keyword, s *statement) string {
	if !k.named || len(s.words) < 2 {
		return k.name
	}
	name := k.name
	for _, w := range s.words[1:min(len(s.words), 3)] {
		name += " " + printable(w.text)
	}
	return name
}

// arguments says how many arguments a keyword takes.
func arguments(k *keyword) string {
	switch {
	case k.named && k.max == 1:
		return "one name"
	case k.max == 1:
		return "one value"
	case k.max < 0:
		return "at least one value"
	}
	return "one to " + string(rune('0'+k.max)) + " values"
}

// capital begins a sentence.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
