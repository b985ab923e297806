package keepalived

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// memory is a file system of texts by path. A text that begins with "!" is a
// file that cannot be read.
func memory(files map[string]string) Files {
	return Files{
		Read: func(path string) (string, error) {
			text, ok := files[path]
			switch {
			case !ok:
				return "", fmt.Errorf("%s: %w", path, fs.ErrNotExist)
			case strings.HasPrefix(text, "!"):
				return "", errors.New(path + ": it is executable")
			}
			return text, nil
		},
		List: func(folder string) ([]string, error) {
			var names []string
			for path := range files {
				rel, err := filepath.Rel(folder, path)
				if err != nil || strings.HasPrefix(rel, "..") {
					continue
				}
				if name, _, _ := strings.Cut(rel, "/"); !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
			if names == nil {
				return nil, fmt.Errorf("%s: %w", folder, fs.ErrNotExist)
			}
			return names, nil
		},
	}
}

// fed returns what the lexer would see of the files, and what was found.
func fed(files map[string]string, opts Options) ([]string, config.Findings) {
	src := newSource(newFile("main.conf", files["main.conf"]))
	out := newReport(src)
	f := newFeed(src, out, memory(files), opts)
	f.start(nil)
	var all []string
	for {
		text, _, ok := f.next()
		if !ok {
			return all, out.findings()
		}
		all = append(all, text)
	}
}

// TestDirectives holds what the lexer sees of a text. All but the cases marked
// "ours" are what keepalived 2.2.7 makes of it, found by "keepalived -t" on
// files in which each line is a word that it does not know and so reports.
func TestDirectives(t *testing.T) {
	opts := Options{
		ConfigID: "vm",
		WorkDir:  "/etc/keepalived",
		Getenv:   func(name string) (string, bool) { return map[string]string{"FOO": "foo bar"}[name], name == "FOO" },
		Random:   func(n int64) int64 { return n - 1 },
	}
	for _, c := range []struct {
		name, text string
		want       string // lines, with " / " between them
		found      string
	}{
		// Conditionals.
		{"for this node", "@vm a", "a", ""},
		{"for another node", "@other a\n@VM b\n@vmx c\n@vm{ d", "", ""},
		{"not for another node", "@^other a\n@^vm b", "a", ""},
		{"nothing behind the name", "@vm\n@^vm\n@ a\n@^ b", "b", ""},
		{"blanks around", "  \t@vm\ta  b", "a  b", ""},
		{"not at the beginning", "a @vm b", "a @vm b", ""},
		{"only one", "@vm @vm a", "@vm a", ""},
		{"a definition for one node", "@vm $Z=z\n@other $Z=no\na_${Z}", "a_z", ""},
		{"the name by reference", "$I=@vm\n$J=@other\n$I a\n$J b\n${I} c", "a / c", ""},
		{"behind a brace", "a { @vm b\nc { @other d", "a { / b / c {", ""},
		// Definitions.
		{"in braces anywhere", "$A=foo\nx_${A}_y ${A}", "x_foo_y foo", ""},
		{"before blank, comma, bracket and end", "$A=foo\n$A x\n$A\tx\n$A,x\n$A)\nx$A", "foo x / foo\tx / foo,x / foo) / xfoo", ""},
		{"not before anything else", "$A=foo\na $A/24\n", "a $A/24", "error not-expanded"},
		{"in quotes", "$A=foo\n\"${A} $A x\"", "\"foo foo x\"", ""},
		{"before a quote", "$A=foo\n\"b $A\"", "\"b $A\"", "warning not-expanded"},
		{"a value with quotes and blanks", "$A=a b\t \"c\" d  # e", "", ""},
		{"the value of it", "$A=a b\t \"c\" d  # e\n$A", "a b\t \"c\" d", ""},
		{"an empty value", "$E=\na${E}b\n$E\nc", "ab / c", ""},
		{"a blank before the =", "$A = b", "$A = b", ""},
		{"blanks behind the =", "$A=  b\nx${A}", "xb", ""},
		{"the name of a digit", "$1a=x", "$1a=x", ""},
		{"an = in the value", "$A=a=b\n$A", "a=b", ""},
		{"replaced when used", "$B=${C}.x\n$C=1\nd1_${B}\n$C=2\nd2_${B}", "d1_1.x / d2_2.x", ""},
		{"replaced again together", "$X=7\n$D=$\nf_${D}{X}", "f_7", ""},
		{"not replaced again", "$X=7\n$D=$X\nd_${D} d_${D}x", "d_7 d_$Xx", ""},
		{"braces in a value", "$O={\n$P=}\na ${O}\n$P", "a { / }", ""},
		{"the name of nothing stays", "a $NO b", "a $NO b", ""},
		{"in quotes the name of nothing stays", "\"a ${NO} b\"", "\"a ${NO} b\"", ""},
		{"ours: one mistake, not many braces", "a_${NO}", "a_$NO", "error undefined-name"},
		{"ours: did you mean", "$NAME=x\na $NAMES b", "a $NAMES b", "warning undefined-name"},
		{"behind a brace", "a { $X=1\nb_${X}", "a { / b_1", ""},
		{"an escaped hash", "$A=a\\#b # c\n\"${A}\"", "\"a\\#b\"", ""},
		// Definitions of several lines.
		{"a backslash behind or before a comment", "$K=k1 \\  # c\n k2 # c \\\n k3\n$K", "k1 / k2 / k3", ""},
		{"several lines", "$M= \\\n  a \\\n  b_${C} { \\\n }\n$C=1\n$M\nd", "a / b_1 { / } / d", ""},
		{"behind a word", "$M=a \\\nb\nx $M\ny_${M}", "x a / b / y_a / b", ""},
		{"before a word", "$M=a \\\nb\n$M x", "", "error definition-of-lines"},
		{"within each other", "$L=p \\\nq\n$N=i1 \\\n$L \\\ni2\npre $N", "pre i1 / p / q / i2", ""},
		{"directives in it", "$L=p_${X} \\\n$X=7 \\\nr_${X} \\\n@vm s \\\n@other t \\\n~SEQ(i, 2) u_${i}\n$X=2\n$L", "p_2 / r_7 / s / u_1 / u_2", ""},
		{"an empty line ends it", "$L=l1 \\\n\nl2\nd_${L}", "l2 / d_l1", "warning definition-gap"},
		{"a comment in it", "$A=a1 \\\n# c\na2 \\\n ! c\na3\n$A", "a1 / a2 / a3", "warning definition-gap,warning definition-gap"},
		{"the end of the file in it", "$A=a \\", "", ""},
		{"ours: several lines for another node", "@other $X=o1 \\\no2\nc", "c", "warning conditional-definition"},
		{"a definition in a definition", "$Y=y1 \\\n$Z=z \\\ny3\n$Y\n$Z", "y1 / y3 / z", ""},
		{"ours: a backslash continues nothing else", "a b \\\nc", "a b / c", "warning stray-continuation"},
		// What is defined already.
		{"the node", "a_${_INSTANCE} $_INSTANCE", "a_vm vm", ""},
		{"the folder", "a_${_PWD}", "a_/etc/keepalived", ""},
		{"it can be defined", "$_PWD=mine\na_${_PWD}", "a_mine", ""},
		{"a random number", "${_RANDOM} ${_RANDOM 5} ${_RANDOM 5 6}", "32767 32767 6", ""},
		{"no random number", "${_RANDOM 6 5}", "", "error bad-random"},
		{"no number", "${_RANDOM x}\n${_RANDOM -5 5}\n${_RANDOM 1 2 3}", "", "error bad-random,error bad-random,error bad-random"},
		{"hash and bang", "\"a${_HASH}b${_BANG}\" # c", "\"a#b!\"", ""},
		{"a hash in a definition", "$S=a ${_HASH} b # c\n\"${S}\"", "\"a # b\"", ""},
		{"of 2.4.3: the environment", "a ${_ENV FOO}", "a foo bar", ""},
		{"ours: not in the environment", "a${_ENV NO}", "a", "warning no-environment"},
		{"ours: no variable", "${_ENV A B}", "", "error bad-environment"},
		// Sequences.
		{"up to", "~SEQ(a, 3) x_$a", "x_1 / x_2 / x_3", ""},
		{"from to", "~SEQ(a, 0, 2) x_${a}_", "x_0_ / x_1_ / x_2_", ""},
		{"with a step", "~SEQ(a, 1, 2, 6) $a", "1 / 3 / 5", ""},
		{"down with a step", "~SEQ(a,10,-4,1) $a", "10 / 6 / 2", ""},
		{"down", "~SEQ(a, 5, 3) $a", "5 / 4 / 3", ""},
		{"down to", "~SEQ(a, -3) $a", "-1 / -2 / -3", ""},
		{"down to 0", "~SEQ(a, 0) $a", "1 / 0", ""},
		{"hexadecimal", "~SEQx(a, 0x8, 11) $a", "8 / 9 / a / b", ""},
		{"octal", "~SEQ(a, 07, 010) $a", "7 / 8", ""},
		{"blanks", "~SEQ ( a , 1 , 2 )x$a", "x1 / x2", ""},
		{"two", "~SEQ(a,2) ~SEQ(b,2) ${a}_$b", "1_1 / 1_2 / 2_1 / 2_2", ""},
		{"the name again", "~SEQ(a,2) $a\n~SEQ(a,2,3) b$a\nc$a", "1 / 2 / b2 / b3 / c3", ""},
		{"numbers by reference", "$E=2\n~SEQ(a, ${E}) $a\n~SEQ(b, $E) $b", "1 / 2 / 1 / 2", ""},
		{"by reference", "$L=~SEQ(a,2) x_$a\n$L", "x_1 / x_2", ""},
		{"of several lines", "$M=a_$i \\\nb_$i\n~SEQ(i, 2) $M", "a_1 / b_1 / a_2 / b_2", ""},
		{"for one node", "@vm ~SEQ(a,2) $a\n@other ~SEQ(a,2) $a", "1 / 2", ""},
		{"of lines for one node", "~SEQ(a,2) @vm $a", "1 / 2", ""},
		{"of definitions", "~SEQ(a,2) $G=$a\n${G}", "2", ""},
		{"with braces", "~SEQ(a,2) x_${a} { y_$a }", "x_1 { y_1 } / x_2 { y_2 }", ""},
		{"behind a brace", "x { ~SEQ(a,2) y_$a", "x { / y_1 / y_2", ""},
		{"not at the beginning", "x ~SEQ(a,2)", "x ~SEQ(a,2)", ""},
		{"bad steps", "~SEQ(a,1,0,3) x\n~SEQ(a,5,-1,7) x\n~SEQ(a,5,1,3) x", "", "error bad-repetition,error bad-repetition,error bad-repetition"},
		{"bad forms", "~SEQ(a) x\n~SEQ(a,b) x\n~SEQ(a,1,2,3,4) x\n~SEQ(a, 2\n~SEQ\n~SEQ(,2) x", "", strings.Repeat(",error bad-repetition", 6)[1:]},
		{"hexadecimal below 0", "~SEQx(a, -2, 2) x", "", "error bad-repetition"},
		{"ours: nothing to repeat", "~SEQ(a, 2)", "", "warning empty-repetition"},
		{"another word", "~seq(a,2) x\n~FOO(x)\n~", "~seq(a,2) x / ~FOO(x) / ~", ""},
		// Lists.
		{"a list", "~LST(a, x, y,z) l_$a", "l_x / l_y / l_z", ""},
		{"pairs", "~LST({b,c}, {1,2}, { 3 ,4 }) ${b}_${c}", "1_2 / 3_4", ""},
		{"a short pair", "~LST({b,c}, {1,2}, {3}) ${b}_${c}_", "1_2_ / 3__", "warning short-item"},
		{"no pair", "~LST({b,c}, 1, 2) ${b}_${c}_", "1__ / 2__", "warning short-item,warning short-item"},
		{"a pair too much", "~LST(k, {1,2}) $k\n~LST({p,q}, {1,2,3}) x", "", "error bad-repetition,error bad-repetition"},
		{"empty items", "~LST(r, 1,,2) _${r}_\n~LST(g, ) _${g}_", "_1_ / __ / _2_ / __", ""},
		{"no item", "~LST(f) x\n~LST x\n~LST(y, a x", "", "error bad-repetition,error bad-repetition,error bad-repetition"},
		{"blanks and quotes in an item", "~LST(m, a b) x\n~LST(m, \"a b\") x", "", "error bad-repetition,error bad-repetition"},
		{"an item by reference", "$AB=q\n~LST(v, $AB, x) $v", "q / x", ""},
		{"a list of sequences", "~LST({a,b}, {10,1},{20,4}) ~SEQ(c,168,2,170) ${c}.${a}.${b}", "168.10.1 / 170.10.1 / 168.20.4 / 170.20.4", ""},
		{"a name that is none", "~LST({a b}, {1}) x", "", "error bad-repetition"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, findings := fed(map[string]string{"main.conf": c.text}, opts)
			if text := strings.Join(got, " / "); text != c.want {
				t.Errorf("%s\ngot  %s\nwant %s\n%v", c.text, text, c.want, findings)
			}
			if found := strings.Join(names(findings), ","); found != c.found {
				t.Errorf("%s\nfound %v, want %s", c.text, findings, c.found)
			}
		})
	}
}

// TestIncludes holds which files are read, and what is said about those that
// are not; as keepalived 2.2.7 does it ("keepalived -t" in a folder of these
// files; exit status 6 is our error).
func TestIncludes(t *testing.T) {
	files := map[string]string{
		"sub/a.conf": "a\ninclude b.conf\n$SUB=sub\n", "sub/b.conf": "b ${_PWD}", "sub/c.conf": "c",
		"conf.d/2.conf": "two\n", "conf.d/1.conf": "one", "conf.d/.h.conf": "hidden", "conf.d/10.conf": "ten\n",
		"d1/x.conf": "d1x", "d2/x.conf": "d2x", "exec.conf": "!", "/abs/x.conf": "abs", "open.conf": "open {",
		"checked.conf": "global_defs {\n include_check\n}\ninclude none.conf",
	}
	for _, c := range []struct{ text, want, found string }{
		{"x\ninclude sub/a.conf\ny ${SUB}", "x / a / b sub / y sub", ""},
		{"include conf.d/*.conf", "one / ten / two", ""},
		{"include conf.d/?.conf # all", "one / two", ""},
		{"include conf.d/[^1].conf", "two", ""},
		{"include conf.d/[!1].conf", "", ""}, // the ! begins a comment
		{"include conf.d/{2,10,1}.conf", "two / ten / one", ""},
		{"include conf.d/{2,{10,1}}.conf", "two / ten / one", ""},
		{"include {d1,d2}/x.conf", "d1x / d2x", ""},
		{"include d[12]/x.conf", "d1x / d2x", ""},
		{"include d?/../d1/./x.conf", "d1x / d1x", ""},
		{"include sub/\\c.conf", "c", ""},
		{"include /abs/*", "abs", ""},
		{"include conf.d/.h*", "hidden", ""},
		{"includer sub/c.conf\nincludem sub/c.conf\nincludew sub/c.conf\nincludeb sub/c.conf\nincludea sub/c.conf", "c / c / c / c / c", ""},
		{"x {\n\tinclude sub/c.conf\n}\ny { include sub/c.conf\n}", "x { / c / } / y { / c / }", ""},
		{"include open.conf\n}", "open { / }", ""},
		{"@vm include sub/c.conf\n@no include sub/c.conf", "c", ""},
		{"$F=sub/c.conf\ninclude ${F}\ninclude $F", "c / c", ""},
		{"~SEQ(i,2) include conf.d/${i}.conf", "one / two", ""},
		{"$M=include sub/c.conf \\\nm\n$M", "c / m", ""},
		{"include none.conf", "", "warning include-nothing"},
		{"include //none.conf", "", "warning include-nothing"},
		{"includer none.conf", "", "warning include-nothing"},
		{"includem none.conf", "", "error include-nothing"},
		{"includew none.conf", "", "error include-nothing"},
		{"includeb none.conf", "", "warning include-nothing"},
		{"includea none.conf", "", "error include-nothing"},
		{"include *.nope", "", ""},
		{"includem *.nope", "", ""},
		{"includeb *.nope", "", ""},
		{"includew *.nope", "", "error include-nothing"},
		{"includea {*.nope,*.z}", "", "error include-nothing"},
		{"include nowhere/*.conf", "", "warning include-nothing"},
		{"includer nowhere/*.conf", "", "warning include-nothing"},
		{"includem nowhere/*.conf", "", "error include-nothing"},
		{"includew nowhere/*.conf", "", "error include-nothing"},
		{"includeb nowhere/*.conf", "", "warning include-nothing"},
		{"includea nowhere/*.conf", "", "error include-nothing"},
		{"include {nowhere,d1}/x*.conf", "d1x", "warning include-nothing"},
		{"includem {nowhere,d1}/x*.conf", "d1x", "warning include-nothing"},
		{"includeb {nowhere,d1}/x*.conf", "d1x", "error include-nothing"},
		{"includew {*.nope,none}", "", "warning include-nothing"},
		{"includeb {*.nope,none}", "", "error include-nothing"},
		{"includew {d1,none}/x.conf", "d1x", "warning include-nothing"},
		{"includeb {d1,none}/x.conf", "d1x", "error include-nothing"},
		{"includea d1/{x,*.z}.conf", "d1x", ""},
		{"include exec.conf", "", "warning include-unreadable"},
		{"includer exec.conf", "", "error include-unreadable"},
		{"includeb {exec,sub/c}.conf", "c", "error include-unreadable"},
		{"include checked.conf\ninclude none.conf", "global_defs { / include_check / } / x", "error include-nothing,warning include-nothing"},
		{"include sub/c.conf sub/c.conf", "", "warning include-nothing"},
		{`include "sub/c.conf"`, "", "warning include-nothing"},
		{"includex sub/c.conf", "includex sub/c.conf", ""},
		{"include", "", "error missing-argument"},
		{"include {a,b", "", "error include-pattern"},
		{"include main.conf", "", "error include-loop"},
	} {
		t.Run(c.text, func(t *testing.T) {
			files["main.conf"] = c.text
			if strings.Contains(c.want, "include_check") {
				testCheckScope(t, files, c.found)
				return
			}
			got, findings := fed(files, Options{ConfigID: "vm"})
			if text := strings.Join(got, " / "); text != c.want {
				t.Errorf("got %s, want %s; %v", text, c.want, findings)
			}
			if found := strings.Join(names(findings), ","); found != c.found {
				t.Errorf("found %v, want %s", findings, c.found)
			}
		})
	}
}

// testCheckScope reads with the parser, which carries include_check out.
func testCheckScope(t *testing.T, files map[string]string, want string) {
	t.Helper()
	r := newReader("main.conf", files["main.conf"], nil, memory(files), Options{})
	r.tree.whole()
	if got := strings.Join(names(r.out.findings()), ","); got != want {
		t.Errorf("found %s, want %s", got, want)
	}
}

// TestIncludeCheck holds the words of include_check.
func TestIncludeCheck(t *testing.T) {
	all := checks{true, true, true, true}
	for _, c := range []struct {
		before checks
		words  string
		want   checks
		bad    int
	}{
		{checks{}, "", all, -1},
		{all, "match", checks{read: true, match: true}, -1},
		{checks{}, "+wildcard_match", checks{read: true, wildcard: true}, -1},
		{all, "-match", checks{read: true, wildcard: true, brace: true}, -1},
		{checks{}, "readable brace_match", checks{read: true, brace: true}, -1},
		{checks{}, "read matches", checks{read: true}, 1},
	} {
		var words []token
		for _, w := range strings.Fields(c.words) {
			words = append(words, token{text: w})
		}
		got := c.before
		if bad := got.set(words); got != c.want || bad != c.bad {
			t.Errorf("%+v %s: got %+v, %d, want %+v, %d", c.before, c.words, got, bad, c.want, c.bad)
		}
	}
}

func TestAlternatives(t *testing.T) {
	for pattern, want := range map[string][]string{
		"a": {"a"}, "a{b,c}d": {"abd", "acd"}, "{a,{b,c}}": {"a", "b", "c"}, "{}": {"{}"}, `\{a,b}`: {`\{a,b}`},
		"{a,b}{c,d}": {"ac", "ad", "bc", "bd"}, "{a}": {"a"}, "x{,y}": {"x", "xy"}, "{a,b": nil,
		strings.Repeat("{a,b}", 60): nil,
	} {
		if got, ok := alternatives(pattern); !reflect.DeepEqual(got, want) || ok != (want != nil) {
			t.Errorf("%s: got %q, %v, want %q", pattern, got, ok, want)
		}
	}
}
