package document

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/comment"
)

// Comment is one comment of a file.
type Comment struct {
	// At is where its mark stands.
	At config.Position
	// Text is what it says, without marks and without blanks around it.
	Text string
	// Alone says that nothing else is on its line.
	Alone bool
}

// Comments returns the comments of a file's text, in order. Lines that hold
// marks only, such as rulers of # signs, say nothing and are left out, as are
// those of languages without comments.
func Comments(path string, data []byte) []Comment {
	start := comment.Start(path)
	if start == nil {
		return nil
	}
	var all []Comment
	number := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		number++
		at := start(line)
		if at == len(line) {
			continue
		}
		text := strings.TrimSpace(strings.TrimLeft(line[at:], "#! \t"))
		text = strings.TrimRight(strings.ToValidUTF8(text, "?"), "# \t")
		if text == "" {
			continue
		}
		all = append(all, Comment{
			At:    config.NewPosition(path, number, utf8.RuneCountInString(line[:at])+1),
			Text:  printable(text),
			Alone: strings.Trim(line[:at], " \t\r\ufeff") == "",
		})
	}
	return all
}

// printable replaces what must not stand in a comment of any language.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

// Annotate hangs comments into the tree: one that is alone on its line goes
// above what is written next in its file, one behind something goes with the
// last node that begins on its line before it. What follows the last node of
// a file goes below the whole.
func (n *Node) Annotate(comments []Comment) {
	byFile := map[string][]*Node{}
	n.Walk(func(c *Node) {
		if c.At.Line() > 0 {
			byFile[c.At.File()] = append(byFile[c.At.File()], c)
		}
	})
	for _, nodes := range byFile {
		slices.SortStableFunc(nodes, func(a, b *Node) int {
			return a.At.Compare(b.At)
		})
	}
	for _, c := range comments {
		nodes := byFile[c.At.File()]
		// The first node after the comment.
		i, _ := slices.BinarySearchFunc(nodes, c.At, func(a *Node, at config.Position) int {
			return a.At.Compare(at)
		})
		switch {
		case !c.Alone && i > 0 && nodes[i-1].At.Line() == c.At.Line() && nodes[i-1].Behind == "":
			nodes[i-1].Behind = c.Text
		case i < len(nodes):
			nodes[i].Above = append(nodes[i].Above, c.Text)
		default:
			n.Below = append(n.Below, c.Text)
		}
	}
}
