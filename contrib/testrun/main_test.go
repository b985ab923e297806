package main

import (
	"strings"
	"testing"
)

// fake is a machine that lacks exactly the things it lists.
type fake map[string]bool

func (f fake) root() bool            { return f["root"] }
func (f fake) program(n string) bool { return f[n] }
func (f fake) file(p string) bool    { return f[p] }

const passing = `{"Action":"run","Package":"m/a","Test":"TestOne"}
{"Action":"output","Package":"m/a","Test":"TestOne","Output":"noise\n"}
{"Action":"pass","Package":"m/a","Test":"TestOne","Elapsed":0.1}
{"Action":"pass","Package":"m/a","Elapsed":0.2}
`

const failing = `{"Action":"run","Package":"m/b","Test":"TestTwo"}
{"Action":"output","Package":"m/b","Test":"TestTwo","Output":"    b_test.go:7: got 1, want 2\n"}
{"Action":"fail","Package":"m/b","Test":"TestTwo","Elapsed":0.1}
{"Action":"fail","Package":"m/b","Elapsed":0.2}
`

const skipping = `{"Action":"run","Package":"m/c","Test":"TestThree"}
{"Action":"output","Package":"m/c","Test":"TestThree","Output":"=== RUN   TestThree\n"}
{"Action":"output","Package":"m/c","Test":"TestThree","Output":"    c_test.go:9: needs root, tshark: captures packets\n"}
{"Action":"output","Package":"m/c","Test":"TestThree","Output":"--- SKIP: TestThree (0.00s)\n"}
{"Action":"skip","Package":"m/c","Test":"TestThree","Elapsed":0}
{"Action":"pass","Package":"m/c","Elapsed":0.2}
`

// What go test says when it need not run a package again.
const cached = `{"Action":"run","Package":"m/g","Test":"TestSeven"}
{"Action":"pass","Package":"m/g","Test":"TestSeven","Elapsed":7.2}
{"Action":"output","Package":"m/g","Output":"ok  \tm/g\t(cached)\n"}
{"Action":"pass","Package":"m/g","Elapsed":0}
`

// A package that does not compile, as go 1.24 and later tell it.
const broken = `{"ImportPath":"m/d","Action":"build-output","Output":"d.go:3:1: syntax error\n"}
{"ImportPath":"m/d","Action":"build-fail"}
{"Action":"start","Package":"m/d"}
{"Action":"output","Package":"m/d","Output":"FAIL\tm/d [build failed]\n"}
{"Action":"fail","Package":"m/d","Elapsed":0,"FailedBuild":"m/d"}
`

// A panic: the test that ran never ends.
const panicking = `{"Action":"run","Package":"m/e","Test":"TestFive"}
{"Action":"output","Package":"m/e","Test":"TestFive","Output":"panic: oh\n"}
{"Action":"fail","Package":"m/e","Elapsed":0.1}
`

// go test was killed: no event ends the package.
const cut = `{"Action":"run","Package":"m/f","Test":"TestSix"}
{"Action":"output","Package":"m/f","Test":"TestSix","Output":"half a`

func TestReport(t *testing.T) {
	tests := []struct {
		name   string
		stream string
		ci     bool
		lacks  fake
		good   bool
		last   string   // the summary line
		says   []string // substrings of what is printed
		silent string   // and of what is not
	}{
		{name: "pass", stream: passing, good: true, last: "1 passed, 0 failed, 0 skipped", says: []string{"ok   m/a 0.2s, 1 tests"}, silent: "noise"},
		{name: "short", stream: passing, good: true, last: "1 passed, 0 failed, 0 skipped", silent: "took"},
		{name: "fail", stream: passing + failing, last: "1 passed, 1 failed, 0 skipped", says: []string{"FAIL m/b TestTwo (0.1s)", "got 1, want 2"}},
		{name: "skip", stream: passing + skipping, good: true, last: "1 passed, 0 failed, 1 skipped", says: []string{"skipped 1: needs root, tshark: captures packets\n    m/c TestThree\n"}},
		{name: "skip in CI that had to be", stream: passing + skipping, ci: true, lacks: fake{"tshark": true}, good: true, last: "1 passed, 0 failed, 1 skipped"},
		{name: "skip in CI that need not be", stream: passing + skipping, ci: true, last: "1 passed, 1 failed, 0 skipped", says: []string{"this machine has what"}},
		{name: "skip only", stream: skipping, last: "0 passed, 1 failed, 1 skipped", says: []string{"no test ran"}},
		{name: "does not compile", stream: passing + broken, last: "1 passed, 1 failed, 0 skipped", says: []string{"d.go:3:1: syntax error", "FAIL m/d"}},
		{name: "panic", stream: passing + panicking, last: "1 passed, 1 failed, 0 skipped", says: []string{"FAIL m/e TestFive", "panic: oh"}},
		{name: "cut short", stream: passing + cut, last: "1 passed, 1 failed, 0 skipped", says: []string{"FAIL m/f TestSix"}},
		{name: "long", stream: strings.ReplaceAll(passing, "0.1", "7.2"), good: true, last: "1 passed, 0 failed, 0 skipped", says: []string{"took 7s: m/a TestOne\n"}},
		{name: "cached", stream: passing + cached, good: true, last: "2 passed, 0 failed, 0 skipped", says: []string{"ok   m/g cached, 1 tests, after 0s"}, silent: "took"},
		{name: "nothing", stream: "", last: "0 passed, 1 failed, 0 skipped", says: []string{"no test ran"}},
		{name: "words of the go command", stream: "go: no such tool\n" + passing, good: true, last: "1 passed, 0 failed, 0 skipped", says: []string{"go: no such tool"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			if err := read(strings.NewReader(tt.stream), r.line); err != nil {
				t.Fatalf("read: %v", err)
			}
			if good := r.finish(tt.ci, tt.lacks); good != tt.good {
				t.Errorf("good = %v, want %v", good, tt.good)
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if last := lines[len(lines)-1]; last != tt.last {
				t.Errorf("last line is %q, want %q", last, tt.last)
			}
			for _, s := range tt.says {
				if !strings.Contains(out.String(), s) {
					t.Errorf("%q is missing in:\n%s", s, &out)
				}
			}
			if tt.silent != "" && strings.Contains(out.String(), tt.silent) {
				t.Errorf("%q should not be in:\n%s", tt.silent, &out)
			}
		})
	}
}

func TestUnjustified(t *testing.T) {
	lacking := fake{"root": true, "tshark": true, "/dev/none": true}
	tests := []struct {
		reason string
		lacks  fake
		ok     bool
	}{
		{"needs root: opens raw sockets", lacking, true},
		{"needs root: opens raw sockets", fake{}, false},
		{"needs root (CAP_SYS_ADMIN) to make namespaces: EPERM", lacking, true},
		{"needs root (CAP_SYS_ADMIN) to make namespaces: EPERM", fake{}, false},
		{"needs tshark", lacking, true},
		{"needs keepalived, tshark: compares them", lacking, true},
		{"needs keepalived: compares them", lacking, false},
		{"needs /dev/none", lacking, true},
		{"needs /dev/none", fake{}, false},
		{"needs a better day", fake{"a": true}, false},
		{"slow", lacking, false},
		{"no reason given", lacking, false},
	}
	for _, tt := range tests {
		if why := unjustified(tt.reason, tt.lacks); (why == "") != tt.ok {
			t.Errorf("unjustified(%q, lacking %v) = %q, want it justified: %v", tt.reason, tt.lacks, why, tt.ok)
		}
	}
}
