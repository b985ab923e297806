package keepalived

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestCommandWords(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{``, nil},
		{`  /bin/x   a	b `, []string{"/bin/x", "a", "b"}},
		{`'a b' "c d"`, []string{"a b", "c d"}},
		{`x'y z'w"u v"`, []string{"xy zwu v"}},
		{`a\ b \' \"`, []string{"a b", "'", `"`}},
		{`'it''s' ''`, []string{"its", ""}},
		{`'\x41\101\t' \e`, []string{"AA\t", "e"}},
		{`\E \cA \q \0`, []string{"\x1b", "\x01", "q", "\x00"}},
		{`\x4g \xzz`, []string{"\x04g", "xzz"}},
		{`end\`, []string{`end\`}},
	} {
		got, err := commandWords(c.text)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, %v, want %q", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{`'a`, `"a`, `a"b c`, `\'a'`} {
		if got, err := commandWords(text); err != errOpenQuote {
			t.Errorf("%s: got %q, %v, want %v", text, got, err, errOpenQuote)
		}
	}
}

func TestParseSeconds(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1": time.Second, "0.25": 250 * time.Millisecond, ".5": 500 * time.Millisecond, "+2.": 2 * time.Second,
		"-1.5": -1500 * time.Millisecond, "0.1234567899": 123456789, "0": 0,
		"99999999999999999999": 1 << 62 / time.Second * time.Second,
	} {
		if got, ok := parseSeconds(text); !ok || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", ".", "-", "+."} {
		if got, ok := parseSeconds(text); ok {
			t.Errorf("%q: got %v, want none", text, got)
		}
	}
	for d, want := range map[time.Duration]string{0: "0", 1500 * time.Millisecond: "1.5", 40950 * time.Millisecond: "40.95", 24 * time.Hour: "86400"} {
		if got := decimal(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func TestPositions(t *testing.T) {
	text := "# é\n\tvrrp_instance é {\n  interface eth0\n virtual_router_id é 1\n}"
	_, findings := Read("dir/f.conf", []byte(text))
	want := "dir/f.conf:4:20: error: virtual_router_id takes a number, 1..255, not \"é\" [not-a-number]"
	for _, f := range findings {
		if f.String() == want {
			return
		}
	}
	t.Errorf("got %v, want %s in it", findings, want)
}

func TestRewrite(t *testing.T) {
	text := "# script \"no\"\r\nvrrp_script a{\n\tscript\"/bin/old x\"  # why\n  interval 2\n}\nvrrp_script_b { script /bin/keep }\n" +
		"vrrp_instance V {\n notify_master '/bin/n' root wheel ! x\n notify /bin/m\n notify_stop \"open\n}\nscript \"no\"\n" +
		"vrrp_sync_group G {\n notify \"/bin/g g\"\n}\n"
	var asked []string
	got := Rewrite([]byte(text), func(keyword, name string) (string, bool) {
		asked = append(asked, keyword+" "+name)
		return "/new " + name, name != "b"
	})
	want := "# script \"no\"\r\nvrrp_script a{\n\tscript\"/new a\"  # why\n  interval 2\n}\nvrrp_script_b { script /bin/keep }\n" +
		"vrrp_instance V {\n notify_master \"/new V\" root wheel ! x\n notify \"/new V\"\n notify_stop \"open\n}\nscript \"no\"\n" +
		"vrrp_sync_group G {\n notify \"/new G\"\n}\n"
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if want := []string{"script a", "script b", "notify_master V", "notify V", "notify G"}; !reflect.DeepEqual(asked, want) {
		t.Errorf("asked for %v, want %v", asked, want)
	}
	same := Rewrite([]byte(text), func(string, string) (string, bool) { return "", false })
	if string(same) != text {
		t.Errorf("changed without a replacement:\n%s", same)
	}
}

// FuzzRead holds that any text is read, in time, with findings that lie in
// it, and that Rewrite leaves alone what it is not asked to change.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(files) == 0 {
		f.Fatalf("no test data: %v", err)
	}
	for _, path := range append(files, siteFiles(f)...) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(strings.ReplaceAll(string(data), "hidden", "secret")))
	}
	f.Add([]byte("vrrp_instance V { { } virtual_ipaddress { 1.2.3.4/ brd + dev } track_script { a weight } } }"))
	f.Fuzz(func(t *testing.T, data []byte) {
		// The usual bounds allow a ~SEQ of a million lines.
		start := worked()
		cfg, findings := read("f", string(data), nil, Files{}, Options{bounds: &bounds{lines: 5000, bytes: 500_000, references: 5000}})
		if d := worked() - start; d > slowness*5*time.Second {
			t.Errorf("took %v of the processor", d)
		}
		if cfg == nil && !findings.Errors() {
			t.Error("neither a configuration nor an error")
		}
		if !strings.Contains(string(data), "hidden") {
			checkFindings(t, data, findings)
		}
		if cfg != nil {
			for _, i := range cfg.Instances {
				bound := i.Interface != "" || i.VRF != "" || len(i.UnicastPeers) > 0 || i.UseIPVLAN != nil
				if !bound || i.VRID < 1 || i.VRID > 255 || i.Priority < 1 || i.Priority > 255 ||
					i.Version < 2 || i.Version > 3 || i.AdvertInt <= 0 || len(i.Addresses) > 255 || len(i.AuthPass) > 8 {
					t.Errorf("not valid: %+v", i)
				}
			}
		}
		same := Rewrite(data, func(string, string) (string, bool) { return "", false })
		// What directives say is carried out, and they are gone.
		if plain := !strings.ContainsAny(string(data), "$@~\\\ufeff") && !strings.Contains(string(data), "include"); plain && string(same) != string(data) {
			t.Error("Rewrite changed the text unasked")
		}
	})
}

// servers is a file of 37,000 real servers in 2,300 virtual servers.
func servers() []byte {
	var b strings.Builder
	b.WriteString(instanceText(oneAddress))
	for v := range 2300 {
		fmt.Fprintf(&b, "virtual_server 10.%d.%d.1 80 {\n    delay_loop 3\n    lb_algo wrr\n    lb_kind DR\n    protocol TCP\n", v>>8, v&255)
		for s := range 16 {
			fmt.Fprintf(&b, "    real_server 10.%d.%d.%d 80 {\n        weight 10\n        HTTP_GET {\n            url {\n                path /health\n"+
				"                status_code 200\n            }\n            connect_timeout 3\n            retry 2\n"+
				"            delay_before_retry 1\n        }\n    }\n", v>>8, v&255, s+2)
		}
		b.WriteString("}\n")
	}
	return []byte(b.String())
}

func BenchmarkRead(b *testing.B) {
	data := servers()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, findings := Read("f", data); findings.Errors() {
			b.Fatal(findings)
		}
	}
}

// TestBudget holds that a short text does not become more than any site has,
// and that it says so.
func TestBudget(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"instances": {"~SEQ(N, 1, 150100) vrrp_instance V${N} { }\n", "more than 150000 instances"},
		"entries": {"vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n" +
			"~SEQ(A, 1, 5) ~SEQ(B, 1, 250) ~SEQ(C, 1, 250) 10.${A}.${B}.${C}\n}\n}\n", "more than 250000 lines"},
		"errors": {strings.Repeat("vrrp_instance {\n}\n", 30_000), "more than 20000 errors"},
	} {
		cfg, findings := Read("f", []byte(test.text))
		if !findings.Errors() {
			t.Errorf("%s: no error", name)
		}
		if cfg != nil && (len(cfg.Instances) > mostInstances || len(cfg.Instances) == 1 && len(cfg.Instances[0].Addresses)+len(cfg.Instances[0].Excluded) > mostEntries) {
			t.Errorf("%s: %d instances", name, len(cfg.Instances))
		}
		said := false
		for _, f := range findings {
			said = said || strings.Contains(f.Text, test.want)
		}
		if !said {
			t.Errorf("%s: got %v, want %q in it", name, findings, test.want)
		}
	}
}
