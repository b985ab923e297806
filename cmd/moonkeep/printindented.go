package main

import (
	"encoding/json"
	"io"
)

// printIndented prints a value as JSON, for programs, in lines that people can
// read as well. What HTML would take amiss stays as it is.
func printIndented(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}
