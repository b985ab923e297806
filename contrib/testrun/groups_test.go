package main

import (
	"os"
	"os/exec"
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

// TestCompile: what go test of the groups has left to compile is what it writes itself.
func TestCompile(t *testing.T) {
	if why := raceDetector(); why != "" {
		t.Skip("needs gcc: " + why)
	}
	t.Chdir("../..")
	list, err := groups([]string{"./contrib/binarycheck", "./contrib/uml"}, "./contrib/uml", true)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d groups, error %v", len(list), err)
	}
	compile(list)
	for _, g := range list {
		cmd := exec.Command("go", append([]string{"test", "-n"}, g.args...)...)
		cmd.Env = append(os.Environ(), g.env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go test -n %q: %v: %s", g.args, err, out)
		}
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "/compile ") && !strings.Contains(line, " -p main ") {
				t.Errorf("%q: not compiled yet: %s", g.packages, line)
			}
		}
	}
}
