package silence

import (
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// finding is a warning at a line, or an error when its name ends in "!".
func finding(file string, line int, name string) config.Finding {
	f := config.Finding{At: config.NewPosition(file, line, 1), Name: name, Text: "text"}
	if bare, ok := strings.CutSuffix(name, "!"); ok {
		f.Name, f.Severity = bare, config.Error
	}
	return f
}

func TestApply(t *testing.T) {
	const k = "a.conf"
	at := func(line int, name string) config.Finding { return finding(k, line, name) }
	for name, test := range map[string]struct {
		found config.Findings
		file  string
		text  string
		names []string
		nodes int
		// want are LINE:COLUMN of what stays, its name and, for what this
		// package says, a part of its text.
		want     []string
		silenced int
	}{
		"nothing allowed": {found: config.Findings{at(1, "given-twice")}, want: []string{"1:1 given-twice"}},
		"at the end of the line": {found: config.Findings{at(1, "given-twice"), at(2, "given-twice"), at(1, "bad-state")}, text: "x # moonkeep: allow given-twice\ny",
			want: []string{"2:1 given-twice", "1:1 bad-state"}, silenced: 1},
		"above the line":     {found: config.Findings{at(4, "given-twice")}, text: "x\n  ! moonkeep: allow given-twice\n\n# and why\ny", want: []string{"4:1 given-twice", "2:21 unused-allow silences nothing"}},
		"above, skipping":    {found: config.Findings{at(5, "given-twice")}, text: "x\n  ! moonkeep: allow given-twice\n\n# and why\ny", silenced: 1},
		"several above":      {found: config.Findings{at(3, "given-twice"), at(3, "bad-state")}, text: "# moonkeep: allow given-twice\n# moonkeep: allow bad-state\ny", silenced: 2},
		"several names":      {found: config.Findings{at(1, "given-twice"), at(1, "bad-state")}, text: "y #moonkeep:allow given-twice , bad-state : since, it is so\r", silenced: 2},
		"the file":           {found: config.Findings{at(3, "given-twice"), at(0, "given-twice")}, text: "\ufeff# moonkeep: allow-file given-twice\nx\ny", silenced: 2},
		"the file, too low":  {found: config.Findings{at(1, "given-twice")}, text: "x\n# moonkeep: allow-file given-twice", want: []string{"1:1 given-twice", "2:1 bad-allow above all else"}},
		"the command line":   {found: config.Findings{at(1, "given-twice"), finding("b", 2, "given-twice")}, names: []string{"given-twice"}, silenced: 2},
		"an error":           {found: config.Findings{at(1, "given-twice!")}, text: "x # moonkeep: allow given-twice", want: []string{"1:1 given-twice", "1:21 unused-allow errors stay"}},
		"unused":             {text: "x # moonkeep: allow given-twice", want: []string{"1:21 unused-allow allow given-twice silences nothing"}},
		"unused, by flag":    {names: []string{"given-twice"}, want: []string{"0:0 unused-allow --allow given-twice silences nothing"}},
		"unused in an error": {found: config.Findings{at(2, "bad-state!")}, text: "x # moonkeep: allow given-twice", want: []string{"2:1 bad-state"}},
		"of the host":        {text: "x # moonkeep: allow no-program"},
		"of one node":        {text: "x # moonkeep: allow no-peer", nodes: 1},
		"of several nodes":   {text: "x # moonkeep: allow no-peer", nodes: 2, want: []string{"1:21 unused-allow"}},
		"unknown":            {text: "x # moonkeep: allow given-twic", want: []string{"1:21 unknown-allow is given-twice meant?"}},
		"unknown, far":       {text: "x # moonkeep: allow frobnicate", want: []string{"1:21 unknown-allow --explain all"}},
		"the unused too":     {text: "# moonkeep: allow-file unused-allow\nx # moonkeep: allow given-twice"},
		"the unused, unused": {text: "# moonkeep: allow-file unused-allow\nx", want: []string{"1:24 unused-allow silences nothing"}},
		"no verb":            {text: "x # moonkeep: given-twice", want: []string{"1:3 bad-allow not what"}},
		"no name":            {text: "x # moonkeep: allow ", want: []string{"1:3 bad-allow no name"}},
		"no name behind":     {text: "x # moonkeep: allow a,", want: []string{"1:3 bad-allow no name"}},
		"no comma":           {text: "x # moonkeep: allow given-twice bad-state", want: []string{"1:3 bad-allow separated by commas"}},
		"in quotes":          {found: config.Findings{at(1, "given-twice")}, text: `x "# moonkeep: allow given-twice"`, want: []string{"1:1 given-twice"}},
		"behind a backslash": {found: config.Findings{at(1, "given-twice")}, text: `x \# moonkeep: allow given-twice`, want: []string{"1:1 given-twice"}},
		"YAML":               {file: "a.yaml", found: config.Findings{finding("a.yaml", 1, "given-twice")}, text: `x: "it's # no" # moonkeep: allow given-twice`, silenced: 1},
		"YAML, glued":        {file: "a.yaml", found: config.Findings{finding("a.yaml", 1, "given-twice")}, text: `x: it's# moonkeep: allow given-twice`, want: []string{"1:1 given-twice"}},
		"YAML, apostrophe":   {file: "a.yaml", found: config.Findings{finding("a.yaml", 1, "given-twice")}, text: `x: it's # moonkeep: allow given-twice`, silenced: 1},
		"YAML, no !":         {file: "a.yaml", found: config.Findings{finding("a.yaml", 1, "given-twice")}, text: `x: ! moonkeep: allow given-twice`, want: []string{"1:1 given-twice"}},
		"TOML, quotes":       {file: "a.toml", found: config.Findings{finding("a.toml", 1, "given-twice")}, text: `x = "\" # moonkeep: allow given-twice"`, want: []string{"1:1 given-twice"}},
		"JSON":               {file: "a.json", found: config.Findings{finding("a.json", 1, "given-twice")}, text: `"# moonkeep: allow given-twice`, want: []string{"1:1 given-twice"}},
		"another file":       {file: "b.conf", found: config.Findings{at(1, "given-twice")}, text: `x # moonkeep: allow given-twice`, want: []string{"1:1 given-twice", "1:21 unused-allow"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := test.file
			if file == "" {
				file = k
			}
			before := slices.Clone(test.found)
			got, silenced := Apply(test.found, []Text{{file, []byte(test.text)}}, test.names, test.nodes)
			if !slices.Equal(before, test.found) {
				t.Error("the findings that were handed in have changed")
			}
			if silenced != test.silenced || len(got) != len(test.want) {
				t.Fatalf("silenced %d of them, want %d; what stays is %v, want %v", silenced, test.silenced, got, test.want)
			}
			for i, f := range got {
				place, rest, _ := strings.Cut(test.want[i], " ")
				name, text, _ := strings.Cut(rest, " ")
				line := strings.Replace(f.At.String(), f.At.File()+":", "", 1)
				if f.At.File() == "" {
					line = "0:0"
				}
				if line != place || f.Name != name || !strings.Contains(f.Text, text) {
					t.Errorf("%v, want %s", f, test.want[i])
				}
			}
		})
	}
}

func TestKnown(t *testing.T) {
	if err := Known("no-peer"); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{
		"no-per": `no finding is called "no-per"; is no-peer meant?`,
		"frob":   `no finding is called "frob"; moonkeep check --explain all lists the names`,
	} {
		if err := Known(name); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
