package keepalived

import (
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// findSecrets notes the words of the statements from first on that no message
// may repeat: all that stands in a block for authentication, or behind a word for
// it, and is no keyword: where a brace is missing the words of other blocks are
// among them.
func (t *tree) findSecrets(first int32) {
	// Statements lie in the order of the text, so the body of a block is all
	// that begins before its end.
	end := pos(0)
	for i := int(first); i < t.statements.len() && len(t.secrets) < mostSecrets; i++ {
		s := t.statements.at(i)
		switch {
		case len(s.words) == 0:
		case s.at() < end:
			t.addSecrets(s.words)
		case authenticates(s.words[0].text):
			t.addSecrets(s.words[1:])
			if s.hasBody {
				end = s.close
			}
		}
	}
}

// authenticates reports whether a word begins a line or a block with secrets.
func authenticates(word string) bool {
	for i := range len(word) {
		rest := word[i:]
		begins := func(with string) bool { return len(rest) >= len(with) && strings.EqualFold(rest[:len(with)], with) }
		// Every line of the file is asked.
		switch word[i] | 0x20 {
		case 'a':
			if i == 0 && begins("auth") {
				return true
			}
		case 'p', 's':
			if begins("pass") || begins("secret") {
				return true
			}
		}
	}
	return false
}

// mostSecrets bounds the words that are looked for in messages.
const mostSecrets = 1000

// addSecrets notes those words that are secret.
func (t *tree) addSecrets(words []token) {
	for _, w := range words {
		if !config.OpenWord(w.text) && !t.keyword(w.text) {
			t.secrets = append(t.secrets, w.text)
		}
	}
}
