package lua

import (
	"context"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// All matches, which are found one by one, are those that Go's package finds in one
// go: also where a match depends on what is before it, and in what is no UTF-8.
func TestMatchesOneByOne(t *testing.T) {
	r := runner(t, "return function() return true end", Options{})
	if _, _, err := r.Check(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	s := r.state
	patterns := []string{
		``, `a`, `a*`, `a*?`, `a|ab`, `ab|a`, `(a)|b`, `(a*)(b*)`, `(?:a|b)+?`, `.`, `(?s).`, `(?U)a+b*`, `[^a]`, `é`, `\pL+`, `x*`, `()`, `a*b|a`, `[^\x00-\x{10FFFF}]`, `$`, `a$`, `(?m)$`, `\z`,
		`^`, `^a`, `(?m)^`, `(?m)^a*`, `(?m)^.*$`, `(?m)^(\w*) ?(\w*)$`, `\A`, `\Aa|b`, `^a|b`, `^a*`, `(^|b)a`, `\b`, `\B`, `\b\w`, `\w\b`, `\ba*`, `\Ba`, `\b(?P<word>\w+)\b`, `(?i)\bA|B\b`, `(?U)\b.+\b`,
		`\b$`, `(?m)^$`, `(?m)(?:^|\s)(a+)`, `\bé|é\B`, `(?s)\b.*?b`, `^\b|\b$`, `(?:\b|^)(?:a|)`, `\b\Qa`, `\B\Q(`, `(?i)[É]\b`, `(?m)^\pL*`, `\B[^a]`, `(?m:^)b|(?-m:^)a`,
	}
	letters := []string{"a", "b", " ", "\n", "é", "É", "\xff", "\xe2\x82", "A", "_", "("}
	source := rand.New(rand.NewPCG(1, 2))
	for _, pattern := range patterns {
		re := regexp.MustCompile(pattern)
		for range 300 {
			var b strings.Builder
			for range source.IntN(10) {
				b.WriteString(letters[source.IntN(2+source.IntN(len(letters)-1))])
			}
			text, most := b.String(), 1+source.IntN(8)
			want := re.FindAllStringSubmatchIndex(text, most)
			var got [][]int
			s.meter.begin(within(t, 5*time.Second), r.opts.Limits)
			err := s.l.CallByParam(lua.P{Fn: s.l.NewFunction(func(l *lua.LState) int {
				c := call{s: s, l: l, name: "re2"}
				l.SetTop(0)
				l.Push(lua.LString(pattern))
				l.Push(lua.LString(text))
				compiled, text := c.regexp()
				c.each(compiled, text, most, func(at []int) { got = append(got, slices.Clone(at)) })
				return 0
			}), Protect: true})
			if err != nil || !slices.EqualFunc(got, want, slices.Equal) {
				t.Fatalf("%q in %q, at most %d:\n got %v, %v\nwant %v", pattern, text, most, got, err, want)
			}
		}
	}
}

// A page of many lines is searched line by line within the budget of one call.
func TestLinesOfAPage(t *testing.T) {
	r := runner(t, `
local re2 = require "re2"
local page = ("node_load 0.25 # one\n"):rep(1200)
return function()
  local all = re2.find_all([[(?m)^node_load ([0-9.]+)\b]], page)
  local short = re2.replace([[(?m)\s*#.*$]], page, "")
  local words = re2.replace([[\b(\w)\w*\b]], page, "$1")
  return #all == 1000 and all[1000] == "0.25" and short == ("node_load 0.25\n"):rep(1200) and words == ("n 0.2 # o\n"):rep(1200)
end`, Options{})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if ok, _, err := r.Check(ctx); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	t.Logf("%+v", r.Usage())
}
