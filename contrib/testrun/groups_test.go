package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestGroups(t *testing.T) {
	t.Chdir("../..")
	const module = "github.com/moonkeep/moonkeep/"
	tests := []struct {
		name  string
		args  string
		plain string
		race  bool
		want  []string // the arguments of each group
	}{
		{"one", "-run X ./contrib/testrun -flag", "", true, []string{"-race -run X ./contrib/testrun -flag"}},
		{"no detector", "./contrib/testrun ./contrib/uml", "./contrib/uml", false, []string{"./contrib/testrun ./contrib/uml"}},
		{"two, in the order that is asked for", "-timeout 1m ./contrib/uml ./contrib/... -short", "./contrib/testrun,./contrib/bench/...", true, []string{
			"-race -timeout 1m " + module + "contrib/uml ",
			"-timeout 1m " + module + "contrib/bench/",
		}},
		{"all of one kind", "./contrib/testrun", "./contrib/...", true, []string{module + "contrib/testrun"}},
		{"none of it", "./contrib/testrun", "./contrib/uml", true, []string{"-race " + module + "contrib/testrun"}},
	}
	for _, tt := range tests {
		got, err := groups(strings.Fields(tt.args), tt.plain, tt.race)
		if err != nil || len(got) != len(tt.want) {
			t.Errorf("%s: %d groups, error %v, want %d", tt.name, len(got), err, len(tt.want))
			continue
		}
		for i, want := range tt.want {
			if text := strings.Join(got[i].args, " "); !strings.HasPrefix(text, want) {
				t.Errorf("%s: group %d runs %q, want %q", tt.name, i, text, want)
			}
			if race := slices.Contains(got[i].args, "-race"); got[i].aside == race && tt.race {
				t.Errorf("%s: group %d: aside %t, race detector %t", tt.name, i, got[i].aside, race)
			}
			if strings.HasSuffix(tt.args, "-short") && got[i].args[len(got[i].args)-1] != "-short" {
				t.Errorf("%s: group %d ends in %q, want -short", tt.name, i, got[i].args)
			}
		}
	}
	for _, args := range []string{"-short", "./no/such/folder"} {
		if got, err := groups(strings.Fields(args), "./contrib/uml", true); err == nil {
			t.Errorf("%s: got %v, want an error", args, got)
		}
	}
}

// TestCompile: what go test of the groups has left to compile is what it writes itself. The
// packages are ones that nobody has compiled before.
func TestCompile(t *testing.T) {
	if why := raceDetector(); why != "" {
		t.Skip("needs gcc: " + why)
	}
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"go.mod":      "module throwaway\n\ngo 1.26\n",
		"a/a.go":      "package a\n\nconst Text = %q\n",
		"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { t.Log(%q) }\n",
		"b/b_test.go": "package b\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) { t.Log(%q) }\n",
	} {
		if strings.Contains(text, "%q") {
			text = fmt.Sprintf(text, rand.Text())
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	list, err := groups([]string{"./a", "./b"}, "./b", true)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d groups, error %v", len(list), err)
	}
	left := func() (n int) {
		for _, g := range list {
			cmd := exec.Command("go", append([]string{"test", "-n"}, g.args...)...)
			cmd.Env = append(os.Environ(), g.env...)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("go test -n %q: %v: %s", g.args, err, out)
			}
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "/compile ") && !strings.Contains(line, " -p main ") {
					n++
				}
			}
		}
		return n
	}
	before := left()
	caught := make(chan os.Signal, 1)
	caught <- os.Interrupt
	if compile(list[:1], caught) {
		t.Error("it goes on after a signal")
	}
	if !compile(list, caught) || before < 2 || left() != 0 {
		t.Errorf("%d packages were to be compiled before, %d after", before, left())
	}
}
