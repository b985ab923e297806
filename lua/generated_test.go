package lua

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// generator makes a program of what the bytes choose: it always compiles, so
// that what runs is tried, and not what is refused.
type generator struct {
	choices []byte
	depth   int
}

func (g *generator) pick(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	c := int(g.choices[0])
	g.choices = g.choices[1:]
	return c % n
}

func (g *generator) name() string { return string("abct"[g.pick(4)]) }

func (g *generator) expr() string {
	g.depth++
	defer func() { g.depth-- }()
	n := 22
	if g.depth > 6 {
		n = 7
	}
	switch g.pick(n) {
	case 0:
		return "nil"
	case 1:
		return g.name()
	case 2:
		return fmt.Sprint([]float64{0, 1, -1, 2, 65535, 1e9, 1 << 53, 0.5}[g.pick(8)])
	case 3:
		return fmt.Sprintf("%q", []string{"", "x", "a*b", "(.)%1", "%d", "[", "abc"}[g.pick(7)])
	case 4:
		return "{}"
	case 5:
		return "true"
	case 6:
		return "..."
	case 7:
		return "(" + g.expr() + " .. " + g.expr() + ")"
	case 8:
		return "(" + g.expr() + []string{" + ", " < ", " == ", " and ", " or ", " % ", " ^ "}[g.pick(7)] + g.expr() + ")"
	case 9:
		return "#" + g.name()
	case 10:
		return "{" + g.expr() + ", x = " + g.expr() + ", " + g.expr() + "}"
	case 11:
		return "(function(...) " + g.block() + " return " + g.expr() + " end)"
	case 12:
		return g.name() + "[" + g.expr() + "]"
	case 13:
		return "select(2, pcall(" + g.expr() + ", " + g.expr() + "))"
	case 14:
		return "setmetatable({}, {__index = " + g.expr() + ", __concat = " + g.expr() + ", __call = " + g.expr() + "})"
	case 15:
		return "string." + []string{"rep", "gsub", "find", "format", "match", "sub", "byte"}[g.pick(7)] + "(" + g.expr() + ", " + g.expr() + ", " + g.expr() + ")"
	case 16:
		return "table.concat({" + g.expr() + "}, " + g.expr() + ")"
	case 17:
		return "table.sort({" + g.expr() + ", " + g.expr() + "}, " + g.expr() + ")"
	case 18:
		return "unpack({" + g.expr() + "}, " + g.expr() + ", " + g.expr() + ")"
	case 19:
		return "m[" + fmt.Sprint(1+g.pick(8)) + "]." + []string{"encode", "decode", "match", "pack", "unpack", "sha256", "set", "gauge"}[g.pick(8)]
	case 20:
		return g.name() + "(" + g.expr() + ", " + g.expr() + ")"
	}
	return "next(" + g.expr() + ")"
}

func (g *generator) block() string {
	g.depth++
	defer func() { g.depth-- }()
	var b strings.Builder
	for range 1 + g.pick(3) {
		n := 9
		if g.depth > 6 {
			n = 3
		}
		switch g.pick(n) {
		case 0:
			fmt.Fprintf(&b, "%s = %s ", g.name(), g.expr())
		case 1:
			fmt.Fprintf(&b, "t[%s] = %s ", g.expr(), g.expr())
		case 2:
			fmt.Fprintf(&b, "pcall(%s, %s) ", g.expr(), g.expr())
		case 3:
			fmt.Fprintf(&b, "for i = 1, %s do %s end ", g.expr(), g.block())
		case 4:
			fmt.Fprintf(&b, "while %s do %s end ", g.expr(), g.block())
		case 5:
			fmt.Fprintf(&b, "if %s then %s else %s end ", g.expr(), g.block(), g.block())
		case 6:
			fmt.Fprintf(&b, "for k, v in pairs(%s) do %s end ", g.expr(), g.block())
		case 7:
			fmt.Fprintf(&b, "%s, t.x, t[%s] = %s, %s ", g.name(), g.expr(), g.expr(), g.expr())
		case 8:
			fmt.Fprintf(&b, "local function c(...) return c(%s) end ", g.expr())
		}
	}
	return b.String()
}

// FuzzGenerated runs generated programs: whatever they do, each call ends and
// leaves nothing behind.
func FuzzGenerated(f *testing.F) {
	f.Add([]byte("0123456789"))
	f.Add([]byte("\x04\x05\x03\x0b\x07\x0f\x00\x03\x02\x01"))
	f.Add([]byte(strings.Repeat("\x02\x0b\x04\x11\x08\x0e\x13", 20)))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, choices []byte) {
		g := generator{choices: choices[:min(len(choices), 500)]}
		source := `local m = {require "json", require "re2", require "bytes", require "hash", require "store", require "metric", require "process", require "file"}
return function(...) local a, b, c, t = ..., {}, print, {} ` + g.block() + " return true end"
		path := filepath.Join(dir, "g.lua")
		if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		script, err := Compile(path)
		if err != nil {
			return // too many registers, for example
		}
		r, err := script.NewRunner(Options{Limits: Limits{Instructions: 50_000, Memory: 4 << 20}})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			_, _, err = r.Check(ctx)
			cancel()
			if err != nil && strings.Contains(err.Error(), "panic in the Lua runtime") {
				t.Fatalf("%v\n%s", err, source)
			}
		}
		for until := time.Now().Add(5 * time.Second); r.opts.Lost.n.Load() != 0; time.Sleep(time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("the call had to be given up and did not end\n%s", source)
			}
		}
	})
}
