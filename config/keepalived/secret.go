package keepalived

import (
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// secrets returns the words of the file that no message may repeat: all that
// stands in a block for authentication, or behind a word for it, and is no
// keyword: where a brace is missing the words of other blocks are among them.
func (t *tree) secrets(keyword func(string) bool) []string {
	var all []string
	// Statements lie in the order of the text, so the body of a block is all
	// that begins before its end.
	end := pos(0)
	for i := range t.statements {
		s := &t.statements[i]
		switch {
		case len(s.words) == 0 || len(all) >= mostSecrets:
		case s.at() < end:
			all = secretWords(all, s.words, keyword)
		case authenticates(s.words[0].text):
			all = secretWords(all, s.words[1:], keyword)
			if s.hasBody {
				end = s.close
			}
		}
	}
	return all
}

// authenticates reports whether a word begins a line or a block with secrets.
func authenticates(word string) bool {
	switch {
	case len(word) < 4:
		return false
	case strings.HasPrefix(word, "auth"):
		return true
	}
	word = strings.ToLower(word)
	return strings.HasPrefix(word, "auth") || strings.Contains(word, "pass") || strings.Contains(word, "secret")
}

// mostSecrets bounds the words that are looked for in messages.
const mostSecrets = 1000

// secretWords adds those that are secret.
func secretWords(all []string, words []token, keyword func(string) bool) []string {
	for _, w := range words {
		if !config.OpenWord(w.text) && !keyword(w.text) {
			all = append(all, w.text)
		}
	}
	return all
}
