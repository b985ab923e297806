package pattern

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func compile(t *testing.T, expr string, o Options) *Pattern {
	t.Helper()
	p, err := Compile(expr, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// matches are expressions, texts and what PCRE2 says. Without offsets; the
// options stand before the expression as in perl: i, m, s, x.
var matches = []struct {
	words, expr, text string
	want              bool
}{
	{"", `ok`, "all ok here", true},
	{"", `ok`, "all OK here", false},
	{"caseless", `ok`, "all OK here", true},
	{"", `(?i)ok`, "all OK here", true},
	{"", `(?i:o)k`, "Ok", true},
	{"", `(?i:o)k`, "OK", false},
	{"", `^ok$`, "ok\n", true},
	{"", `^ok$`, "ok\n\n", false},
	{"dollar_endonly", `^ok$`, "ok\n", false},
	{"", `^ok\z`, "ok\n", false},
	{"", `^ok\Z`, "ok\n", true},
	{"", `(ok|yes)$`, "yes\n", true},
	{"", `(ok$|yes$)`, "yes\n", true},
	{"", `ok$\n`, "ok\n", true},
	{"", `ok$|yes`, "ok\n", true},
	{"", `^yes`, "ok\nyes\n", false},
	{"multiline", `^yes$`, "ok\nyes\nno", true},
	{"multiline", `^$`, "ok\n", false},
	{"multiline alt_circumflex", `^$`, "ok\n", true},
	{"multiline", `^$`, "ok\n\nx", true},
	{"", `a.b`, "a\nb", false},
	{"dotall", `a.b`, "a\nb", true},
	{"", `(?s)a.b`, "a\nb", true},
	{"extended", `o k # the word`, "ok", true},
	{"extended", `o\ k`, "o k", true},
	{"extended", `a +b`, "aab", true},
	{"", `a(?#twice){2}b`, "aab", true},
	{"", `\d{3}-\d+`, "x123-4", true},
	{"", `x{2,`, "x{2,", true},
	{"", `x{,2}`, "x{,2}", true},
	{"", `\s`, "\v", true},
	{"", `[\s]`, "\v", true},
	{"", `\h\H\v\V`, " a\nb", true},
	{"", `\w+\W`, "a_1 ", true},
	{"", `\w`, "\xe9", false},
	{"", `.`, "\xe9", true},
	{"", `^..$`, "é", true},
	{"utf", `^.$`, "é", true},
	{"utf", `^\x{e9}$`, "é", true},
	{"", `^\xc3\xa9$`, "é", true},
	{"", `é+`, "éé", true},
	{"", `^é{2}$`, "é\xa9", true},
	{"utf", `^é{2}$`, "éé", true},
	{"caseless", `É`, "é", false},
	{"caseless utf", `É`, "é", true},
	{"caseless", `[^a]`, "A", false},
	{"caseless", `[x-z]`, "Y", true},
	{"extended", `(?-x)#(a)\1$`, "#aa", true},
	{"extended", `(?-x:#(a))\1$`, "#aa", true},
	{"extended", `(?^)#(a)\1$`, "#aa", true},
	{"", "(?x:a # (\nb)(c)\\1$", "abcc", true},
	{"", `(?x)[#](a)\1$`, "#aa", true},
	{"", `(?n)(a)(?-n)(b)\1$`, "abb", true},
	{"", `(?n:(a))(b)\1$`, "abb", true},
	{"", `((?n)(a))(b)\2$`, "abb", true},
	{"", `(?n)(?<x>a)(b)\1$`, "aba", true},
	{"utf ucp", `^[[:space:]]\s[^\S]$`, "\u180e\u180e\u180e", true},
	{"utf ucp", `[^[:space:]]|\S`, "\u180e", false},
	{"utf", `\s`, "\u180e", false},
	{"", `[[:alpha:]][[:digit:]][[:^digit:]]`, "a1b", true},
	{"", `[]a]`, "]", true},
	{"", `[^]a]`, "]", false},
	{"allow_empty_class", `a[]`, "a]", false},
	{"", `[a\-z]+$`, "a-z", true},
	{"", `[\d-x]+$`, "1-x", true},
	{"", `[\Q^]\E]+$`, "^]", true},
	{"", `\Qa.b\E+c`, "a.bbc", true},
	{"", `\x41\x{42}\103\o{104}\e`, "ABCD\x1b", true},
	{"", `\cA`, "\x01", true},
	{"", `\bok\b`, "it's ok.", true},
	{"", `\bok\b`, "book", false},
	{"", `\Bok`, "book", true},
	{"", `\bé`, "é", false},
	{"", `(a)(b)\2\1`, "abba", true},
	{"", `(a)(b)\g{-1}\g1`, "abba", true},
	{"", `(?<x>a|b)\k<x>`, "ab bb", true},
	{"", `(?P<x>a|b)(?P=x)`, "ab", false},
	{"caseless", `(a)\1`, "aA", true},
	{"", `(?:a)(b)\1`, "abb", true},
	{"no_auto_capture", `(a)(?<n>b)\1`, "abb", true},
	{"", `a(?=b)`, "ab", true},
	{"", `a(?!b)`, "ab", false},
	{"", `(?<=a)b`, "ab", true},
	{"", `(?<!a)b`, "ab", false},
	{"", `^(?>a*)a`, "aaa", false},
	{"", `^a*+a`, "aaa", false},
	{"", `^a++b`, "aaab", true},
	{"", `^(a)?(?(1)b|c)$`, "ab", true},
	{"", `^(a)?(?(1)b|c)$`, "b", false},
	{"", `a\Rb`, "a\r\nb", true},
	{"", `a\Nb`, "a\nb", false},
	{"", `(\w+)\s+\1`, "the the", true},
	{"", `^(?:a{2}){3}$`, "aaaaaa", true},
	{"", `a{1001}`, strings.Repeat("a", 1001), true},
	{"", `^a{1001}`, strings.Repeat("a", 1000), false},
	{"firstline", `b`, "a\nb", false},
	{"firstline", `a`, "a\nb", true},
	{"firstline", `\n`, "a\nb", true},
	{"alt_bsux", `\u0041`, "A", true},
	{"utf ucp", `^\w$`, "é", true},
	{"utf", `^\w$`, "é", false},
	{"utf", `\p{Lu}`, "É", true},
	{"utf", `\P{L}`, "é", false},
	{"utf ucp", `\bé\b`, " é ", true},
	{"utf ucp", `^[[:alpha:]]{2}$`, "aé", true},
	{"utf ucp", `^[[:^alpha:]]$`, "é", false},
	{"utf ucp", `^[[:lower:]]$`, "É", false},
	{"utf ucp caseless", `^[[:lower:]]$`, "É", true},
	{"utf ucp", `^[[:word:]_-]+$`, "é-1", true},
	{"utf ucp", `^[[:digit:]]$`, "٣", true},
	{"utf ucp", `^[[:punct:]]{3}$`, "«$»", true},
	{"utf ucp", `^[[:space:]][[:blank:]][[:graph:]][[:print:]]$`, "\u2028\u3000é ", true},
	{"utf ucp", `^[[:^space:]][[:^word:]][[:^punct:]][[:^graph:]][[:^alnum:]]$`, "é«é «", true},
	{"utf ucp", `[[:^space:]]`, "\u2028 \t\u0085", false},
	{"utf ucp", `[[:^word:]]`, "é1_٣", false},
	{"utf ucp", `[[:^punct:]]`, "«$»", false},
	{"utf ucp", `^[[:^word:]b]{3}$`, "b«-", true},
	{"utf ucp", `^[^[:^space:]]$`, "\u2028", true},
	{"utf ucp", `^[^\W_]+(é)\1$`, "aéé", true},
	{"utf ucp", `^[\D]$`, "٣", false},
	{"utf ucp caseless", `^[[:^word:]]$`, "é", false},
	{"utf ucp caseless", `^[[:^word:]]$`, "Ι", false}, // of iota beneath a letter, which is no word
	{"ucp", `^[[:^space:]][[:^word:]]$`, "a-", true},
	{"utf", `^[[:alpha:]]$`, "é", false},
	{"", `^(x)?(?(1)a|b)(?<n>c)\k<n>$`, "xacc", true},
	{"", `^(?#(no group)(a)\1$`, "aa", true},
	{"extended", "^(a) # (no group)\n(b)\\2$", "abb", true},
	{"", `(?J)a`, "a", true},
	{"alt_bsux", `^\x{2}\x41$`, "xxA", true},
	{"alt_bsux", `^\u{2}\u4$`, "uuu4", true},
	{"no_start_optimize no_auto_possess no_dotstar_anchor auto_callout use_offset_limit alt_verbnames never_backslash_c never_ucp never_utf dupnames", `ok`, "ok", true},
	{"", ``, "", true},
	{"", `|a`, "b", true},
	{"", `(?:)`, "", true},
}

func TestMatches(t *testing.T) {
	for _, test := range matches {
		p := compile(t, test.expr, Options{Words: strings.Fields(test.words), Max: -1})
		got, err := p.Match(strings.NewReader(test.text))
		if err != nil || got != test.want {
			t.Errorf("%s %q on %.40q: %v, %v; want %v (backtracks: %v)", test.words, test.expr, test.text, got, err, test.want, p.Backtracks())
		}
		// Both engines say the same of what both understand.
		if p.linear != nil {
			b := both(t, test.expr, Options{Words: strings.Fields(test.words), Max: -1})
			if got, err := b.Match(strings.NewReader(test.text)); err != nil || got != test.want {
				t.Errorf("with backtracking, %s %q on %.40q: %v, %v; want %v", test.words, test.expr, test.text, got, err, test.want)
			}
		}
	}
}

// both compiles for the engine that a pattern does not need.
func both(t *testing.T, expr string, o Options) *Pattern {
	t.Helper()
	// Something that looks ahead to nothing asks for it, and changes nothing.
	if strings.Contains(expr, "# ") {
		expr += "\n"
	}
	p := compile(t, "(?:"+expr+")(?=)", o)
	if p.linear != nil {
		t.Fatalf("%q does not backtrack", expr)
	}
	return p
}

// TestStream holds that a text that comes in pieces and is longer than any
// buffer matches as a short one does.
func TestStream(t *testing.T) {
	filler := strings.Repeat("0123456789abcdef", 1<<13) // 128 KiB
	for _, test := range []struct {
		words, expr string
		min, max    int64
		text        string
		want        bool
	}{
		{"", `needle`, 0, -1, filler + "needle", true},
		{"", `nee.le$`, 0, -1, filler + "needle\n", true},
		{"", `needle`, 0, -1, filler, false},
		{"", `needle`, 1 << 17, -1, filler + "needle", true},
		{"", `needle`, 1<<17 + 1, -1, filler + "needle", false},
		{"", `needle`, 0, 1 << 17, filler + "needle", true},
		{"", `needle`, 0, 1<<17 - 1, filler + "needle", false},
		{"", `n`, 1 << 30, -1, filler + "needle", false},
		{"utf", `é€`, 0, 1 << 17, filler + "é€", true},
		{"utf", `\x{fffd}€`, 0, -1, filler + "\xe2€", true},
		{"", `\xe2\x82\xac`, 0, -1, filler + "€", true},
		{"firstline", `f`, 0, -1, "\n" + filler, false},
		{"firstline", `f`, 0, -1, filler + "\n", true},
		{"firstline", `e`, 4, -1, "one\ntwo, one\n", true},
		{"firstline", `n`, 4, -1, "one\ntwo\none\n", false},
		{"firstline", `8`, 4, -1, "one\n" + filler, true},
		{"firstline", `(8)\1`, 4, -1, "one\n88", true},
	} {
		p := compile(t, test.expr, Options{Words: strings.Fields(test.words), Min: test.min, Max: test.max})
		for name, r := range map[string]io.Reader{
			"whole":  strings.NewReader(test.text),
			"halves": iotest.HalfReader(strings.NewReader(test.text)),
			"end":    iotest.DataErrReader(strings.NewReader(test.text)),
		} {
			if got, err := p.Match(r); err != nil || got != test.want {
				t.Errorf("%s %q from %d to %d, %s: %v, %v; want %v", test.words, test.expr, test.min, test.max, name, got, err, test.want)
			}
		}
	}
	p := compile(t, `needle`, Options{Max: -1})
	if got, err := p.Match(iotest.OneByteReader(strings.NewReader("a needle in a haystack"))); err != nil || !got {
		t.Errorf("byte by byte: %v, %v", got, err)
	}
	broken := errors.New("broken")
	for _, text := range []string{"", filler} {
		if _, err := p.Match(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken))); err != broken {
			t.Errorf("a text that breaks off ends with %v", err)
		}
	}
}

// TestOffsets holds what the text before the offset means.
func TestOffsets(t *testing.T) {
	for _, test := range []struct {
		expr, text string
		min, max   int64
		want       bool
	}{
		{`b`, "abc", 1, -1, true},
		{`b`, "abc", 2, -1, false},
		{`^b`, "abc", 1, -1, false},
		{`\bb`, "abc", 1, -1, false},
		{`\bb`, "a b", 1, -1, true},
		{`(?<=a)b`, "abc", 1, -1, true},
		{`$`, "abc", 3, -1, true},
		{`$`, "abc", 4, -1, false},
		{`c`, "abc", 0, 2, true},
		{`c`, "abc", 0, 1, false},
		{`(?=c)`, "abc", 0, 1, false},
		{`b|c`, "abcb", 2, 2, true},
	} {
		p := compile(t, test.expr, Options{Min: test.min, Max: test.max})
		if got, err := p.Match(strings.NewReader(test.text)); err != nil || got != test.want {
			t.Errorf("%q on %q from %d to %d: %v, %v; want %v", test.expr, test.text, test.min, test.max, got, err, test.want)
		}
	}
}

func TestWindow(t *testing.T) {
	p := compile(t, `(n)eedle\1?`, Options{Max: -1})
	if !p.Backtracks() {
		t.Fatal("does not backtrack")
	}
	if got, err := p.Match(strings.NewReader(strings.Repeat("x", Window-6) + "needle and more")); !got || err != nil {
		t.Errorf("in the window: %v, %v", got, err)
	}
	if _, err := p.Match(strings.NewReader(strings.Repeat("x", Window) + "needle")); err != ErrWindow {
		t.Errorf("behind the window: %v", err)
	}
	slow := compile(t, `^(a+)+\1$`, Options{Max: -1})
	if _, err := slow.Match(strings.NewReader(strings.Repeat("a", 5000) + "b")); err != ErrTime {
		t.Errorf("a pattern without end: %v", err)
	}
}

func TestFaults(t *testing.T) {
	for expr, want := range map[string]string{
		`(`:             "a parenthesis that is not closed, at byte 0",
		`a)`:            "a parenthesis is closed that was not opened, at byte 1",
		`[a`:            "a class that does not end, at byte 0",
		`*a`:            "nothing that * could repeat, at byte 0",
		`^*`:            "nothing that * could repeat",
		`a**`:           "nothing that * could repeat",
		`a{3,2}`:        "the wrong way round",
		`[z-a]`:         "the wrong way round",
		`\`:             "a backslash at the end",
		`\j`:            `\j means nothing`,
		`(a)\2`:         "there is no group 2",
		`\k<x>`:         `there is no group "x"`,
		`(?<x>a)(?<x>)`: `two groups are called "x"`,
		`\x{100}`:       "the regex option utf",
		`[[:foo:]]`:     "there is no class [:foo:]",
		`[[.a.]]`:       "collating elements",
		`(?|a|b)`:       "needs alternatives with the same group numbers",
		`(a(?1))`:       "needs recursion",
		`(?R)`:          "needs recursion",
		`a\Kb`:          `needs \K (at byte 1), which PCRE2 has and moonkeep has not`,
		`\Ga`:           `needs \G`,
		`\X`:            `needs \X`,
		`(*UTF8)a`:      "needs (*UTF8)",
		`(?C1)`:         "needs a callout",
		`\p{Foo}`:       `needs the property \p{Foo}`,
		`(?(?=a)b|c)`:   "needs the condition",
		`(?y)`:          "(?y",
	} {
		if _, err := Compile(expr, Options{Max: -1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", expr, err, want)
		}
	}
	if _, err := Compile("a", Options{Words: []string{"casless"}}); err == nil || !strings.Contains(err.Error(), `no regex option "casless"; there are allow_empty_class,`) {
		t.Error(err)
	}
	if _, err := Compile(strings.Repeat("(", 1000)+strings.Repeat(")", 1000), Options{}); err == nil {
		t.Error("a thousand groups in each other")
	}
}

func FuzzCompile(f *testing.F) {
	for _, test := range matches {
		f.Add(test.words, test.expr, test.text)
	}
	f.Fuzz(func(t *testing.T, words, expr, text string) {
		if len(expr) > 200 || len(text) > 2000 {
			return
		}
		p, err := Compile(expr, Options{Words: strings.Fields(words), Max: -1})
		if err != nil {
			return
		}
		got, err := p.Match(strings.NewReader(text))
		if err != nil && err != ErrTime {
			t.Fatal(err)
		}
		again, err2 := p.Match(iotest.OneByteReader(strings.NewReader(text)))
		if got != again && err == nil && err2 == nil {
			t.Errorf("%s %q on %q: %v, and byte by byte %v", words, expr, text, got, again)
		}
	})
}
