package document

import (
	"reflect"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// Kind is what a Node is in the native languages.
type Kind uint8

// The kinds.
const (
	// Literal is a number or a boolean: Text without quotes.
	Literal Kind = iota
	// Text is text: in quotes where the language wants them.
	Text
	// List has its items in Nodes.
	List
	// Table has its keys in Nodes.
	Table
)

// Node is one value: a key of a table, an item of a list, or the whole.
type Node struct {
	// Key is the native key; empty for an item of a list and the whole.
	Key string
	// At is where it was written; zero when that is not known.
	At   config.Position
	Kind Kind
	// Text is the value of a Literal or Text, in native notation.
	Text  string
	Nodes []*Node
	// Field is its row of the schema, nil for the whole, for items, and for
	// what a program or a map consists of.
	Field *schema.Field
	// Value is the value that it was made of.
	Value reflect.Value
	// Hidden says that it is a secret and its text was left out.
	Hidden bool
	// Above are the lines of comment before it, without their marks, Behind
	// is the comment on its own line, Below are those after the last of the
	// whole.
	Above  []string
	Behind string
	Below  []string
}

// Find returns the node of a key of a table, or nil.
func (n *Node) Find(key string) *Node {
	for _, c := range n.Nodes {
		if c.Key == key {
			return c
		}
	}
	return nil
}

// Walk calls visit for n and every node beneath it, parents first.
func (n *Node) Walk(visit func(*Node)) {
	visit(n)
	for _, c := range n.Nodes {
		c.Walk(visit)
	}
}
