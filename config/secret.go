package config

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Hidden stands in messages for what must not be shown.
const Hidden = "***"

// shortest is the length below which a text is not looked for in messages:
// hiding it everywhere would leave nothing to read. Whoever reports a secret's
// own value leaves it out in any case.
const shortest = 3

// Hide takes secrets out of the texts of findings. It is the net under those
// that report: a password may stand where a number or a keyword is expected,
// and be repeated as what is wrong there.
func (f Findings) Hide(secrets []string) {
	for _, s := range byLength(secrets) {
		hide := hideWord
		if utf8.RuneCountInString(s) >= longest { // cut anywhere
			hide = func(text, secret string) string { return strings.ReplaceAll(text, secret, Hidden) }
		}
		for i := range f {
			f[i].Text, f[i].Essence = hide(f[i].Text, s), hide(f[i].Essence, s)
		}
	}
}

// hideWord replaces a secret where it stands by itself: a part of a longer
// word is that word and no secret, as auth in authentication.
func hideWord(text, secret string) string {
	var b strings.Builder
	for {
		i := strings.Index(text, secret)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		first, size := utf8.DecodeRuneInString(secret)
		end := i + len(secret)
		after, _ := utf8.DecodeRuneInString(text[end:])
		last, _ := utf8.DecodeLastRuneInString(secret)
		if i > 0 && letter(before) && letter(first) || end < len(text) && letter(after) && letter(last) {
			b.WriteString(text[:i+size])
			text = text[i+size:]
			continue
		}
		b.WriteString(text[:i] + Hidden)
		text = text[end:]
	}
}

func letter(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// longest is how much of a secret messages may repeat before they cut it.
const longest = 40

// byLength returns what is long enough to be looked for, as it is printed,
// the longest first: one may be a part of another. What is longer than
// messages repeat is looked for by its beginning.
func byLength(secrets []string) []string {
	all := make([]string, 0, len(secrets))
	for _, s := range secrets {
		if runes := []rune(Printable(s)); len(runes) >= shortest {
			all = append(all, string(runes))
			if len(runes) > longest {
				all = append(all, string(runes[:longest]))
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(all)
}

// openWords are those of tables for authentication that are no secrets.
func openWords() []string {
	return []string{
		"PASS", "AH", "auth_type", "auth_pass", "key", "keys", "id", "secret", "active_key", "time_window", "anti_replay", "mode",
		"time", "monotonic", "enforce", "permissive", "receive-only", "hex", "file", "true", "false", "null",
	}
}

// OpenWord reports whether a word that stands in a table for authentication
// is one that everybody may see.
func OpenWord(word string) bool { return slices.Contains(openWords(), word) }
