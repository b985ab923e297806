package config

import "testing"

func TestArgs(t *testing.T) {
	for text, want := range map[string]any{
		"3": 3.0, "-0.5": -0.5, "1e3": 1000.0, "true": true, "false": false, "": "", "True": "True",
		"007": "007", "1.2.3": "1.2.3", "+3": "+3", ".5": ".5", "0x10": "0x10", "inf": "inf", "nan": "nan", "1e999": "1e999",
		`"3"`: "3", `"true"`: "true", `"`: `"`, `""`: "", `"a"b"`: `"a"b"`, `"\"3\""`: `"3"`,
	} {
		if got := ParseArg(text); got != want {
			t.Errorf("ParseArg(%q) = %#v, want %#v", text, got, want)
		}
	}
	if got := ArgText(2.0) + " " + ArgText(0.25) + " " + ArgText(1e300) + " " + ArgText(true) + " " + ArgText("x y"); got != "2 0.25 1e+300 true x y" {
		t.Errorf("the texts are %q", got)
	}
}

func FuzzArgs(f *testing.F) {
	for _, s := range []string{"3", `"3"`, "true", "", "\xff", "a\nb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := ParseArg(s)
		if again := ParseArg(ArgWord(v)); again != v {
			t.Errorf("%q is %#v, its word %q is %#v", s, v, ArgWord(v), again)
		}
		if again := ParseArg(ArgWord(s)); again != any(s) && validText(s) {
			t.Errorf("the text %q becomes %#v", s, again)
		}
	})
}

func validText(s string) bool {
	for _, r := range s {
		if r == '\uFFFD' {
			return false
		}
	}
	return true
}
