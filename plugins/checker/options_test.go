package checker

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestDecodeIsStrictAndNamesTheOption(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{`{"path":"/","prot":1}`, `there is no option "prot"`},
		{`{"path":7}`, "option path is a number where a text is expected"},
		{`{"codes":{"a":1}}`, "option codes is a block where a list is expected"},
		{`{"wait":"soon"}`, `"soon" is no duration; write one such as 500ms, 3s or 30d`},
		{`{"wait":1e300}`, "1e300 is no duration; write one such as 500ms, 3s or 30d"},
	} {
		o, err := NewOptions([]byte(test.in))
		if err != nil {
			t.Fatal(err)
		}
		var into struct {
			Path  string   `json:"path"`
			Codes []int    `json:"codes"`
			Wait  Duration `json:"wait"`
		}
		if err := o.Decode(&into); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.in, err, test.want)
		}
	}
}

func TestDecodeKeepsDefaults(t *testing.T) {
	into := struct {
		Path string   `json:"path"`
		Wait Duration `json:"wait"`
		Long Duration `json:"long"`
		Days Duration `json:"days"`
		Kept int      `json:"kept"`
	}{Kept: 7}
	o, err := NewOptions([]byte(` {"path":"/x","wait":"150ms","long":1.5,"days":"30d"} `))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Decode(&into); err != nil {
		t.Fatal(err)
	}
	if into.Path != "/x" || time.Duration(into.Wait) != 150*time.Millisecond || time.Duration(into.Long) != 1500*time.Millisecond || time.Duration(into.Days) != 720*time.Hour || into.Kept != 7 {
		t.Errorf("decoded %+v", into)
	}
	if b, err := json.Marshal(into.Wait); err != nil || string(b) != `"150ms"` {
		t.Errorf("a duration is written as %s, %v", b, err)
	}
	if err := (Options{}).Decode(&into); err != nil || string(Options{}.JSON()) != "{}" {
		t.Errorf("no options: %v, %s", err, Options{}.JSON())
	}
}

func TestOptionsAreAnObject(t *testing.T) {
	for _, in := range []string{"[]", "1", `"x"`, "{", `{} {}`, `null`} {
		if _, err := NewOptions([]byte(in)); err == nil {
			t.Errorf("%s was taken for options", in)
		}
	}
}
