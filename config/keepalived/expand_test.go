package keepalived

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/config"
)

// TestExpansionPositions holds that a finding points at the file, line and
// column where its text was written, and says through which expansion it came.
func TestExpansionPositions(t *testing.T) {
	files := map[string]string{
		"/c/main.conf": "$PRIO=300\n$VI= \\\n  vrrp_instance V${ID} { \\\n    interface eth0 \\\n    virtual_router_id ${ID} \\\n" +
			"    prioritty 1 \\\n    virtual_ipaddress { 10.0.0.${ID} \\\n }}\n" +
			"~SEQ(ID, 1, 3) $VI\ninclude sub/more.conf\n" +
			"vrrp_instance W {\n  interface eth0\n  virtual_router_id 9\n  @a priority é $PRIO x\n  virtual_ipaddress { 10.0.1.1\n}}\n",
		"/c/sub/more.conf": "vrrp_instance X {\n  interface eth0\n  virtual_router_id 256\n  virtual_ipaddress { 10.0.2.1\n}\n  @a priority $PRIO\n}\n" +
			"~LST(p, hidden1, hidden2) wrod_$p 1\n",
	}
	_, findings, err := ReadFiles("/c/main.conf", memory(files), Options{ConfigID: "a"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		got = append(got, f.String())
	}
	want := []string{
		"/c/main.conf:9:16: warning: unknown keyword \"prioritty\" in vrrp_instance: did you mean priority? It is ignored, as by keepalived" +
			" (in the expansion of ~SEQ with ID = 1, $VI of line 6); and 2 more of the same line [unknown-keyword]",
		"/c/main.conf:14:15: warning: priority takes a number, 1..255, not \"é\"; 100 is taken, as by keepalived [not-a-number]",
		"/c/main.conf:14:17: warning: priority takes one value; the rest of the line is ignored (in the expansion of $PRIO of line 1) [surplus-words]",
		"/c/sub/more.conf:3:21: error: virtual_router_id 256 is out of range: it takes 1..255 [out-of-range]",
		"/c/sub/more.conf:6:15: warning: priority 300 is out of range: it takes 1..255; 100 is taken, as by keepalived (in the expansion of $PRIO of line 1 of /c/main.conf) [out-of-range]",
		"/c/sub/more.conf:8:27: warning: unknown keyword \"wrod_hidden1\" at the top level of the file; it is ignored, as by keepalived" +
			" (in the expansion of ~LST, item 1); and 1 more of the same line [unknown-keyword]",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestReadFiles holds what is made of several files, and of none.
func TestReadFiles(t *testing.T) {
	files := map[string]string{
		"/c/1.conf":    instanceText(oneAddress) + "include part\n$A=x\n",
		"/c/2.conf":    "global_defs {\n router_id ${A}\n}\ninclude part\n",
		"/c/part":      "# nothing\n",
		"/c/exec.conf": "!",
		"/c/bin":       "\x00\x01\x02\x03",
		"/c/bad.conf":  instanceText(oneAddress) + "include bin\n",
		"/c/[x].conf":  instanceText(oneAddress),
	}
	for _, c := range []struct {
		path  string
		files []string
		found string
		err   error
	}{
		{"/c/1.conf", []string{"/c/1.conf", "/c/part"}, "", nil},
		{"/c/[12].conf", []string{"/c/1.conf", "/c/part", "/c/2.conf"}, "", nil},
		{"/c/{1,2}.conf", []string{"/c/1.conf", "/c/part", "/c/2.conf"}, "", nil},
		{"/c/{1,none}.conf", []string{"/c/1.conf", "/c/part"}, "error include-unreadable", nil},
		{"/c/[x].conf", []string{"/c/[x].conf"}, "", nil},
		{"/c/bad.conf", []string{"/c/bad.conf"}, "error not-text", nil},
		{"/c/none.conf", nil, "", fs.ErrNotExist},
		{"/c/*.none", nil, "", fs.ErrNotExist},
		{"/none/*", nil, "", fs.ErrNotExist},
	} {
		cfg, findings, err := ReadFiles(c.path, memory(files), Options{})
		if !errors.Is(err, c.err) || strings.Join(names(findings), ",") != c.found {
			t.Errorf("%s: %v, %v, want %s, %v", c.path, findings, err, c.found, c.err)
		}
		if c.err == nil && !reflect.DeepEqual(cfg.Files, c.files) {
			t.Errorf("%s: files %v, want %v", c.path, cfg.Files, c.files)
		}
	}
	if _, _, err := ReadFiles("/c/exec.conf", memory(files), Options{}); err == nil || !strings.Contains(err.Error(), "executable") {
		t.Errorf("an executable file: %v", err)
	}
	cfg, findings, err := ReadFiles("/c/[12].conf", memory(files), Options{})
	if err != nil || len(findings) > 0 || cfg.Global.RouterID != "x" || len(cfg.Instances) != 1 {
		t.Errorf("%+v, %v, %v", cfg, findings, err)
	}
	_, findings = Read("f", []byte("include x.conf\n"+instanceText(oneAddress)))
	if got := strings.Join(names(findings), ","); got != "error include-not-possible" {
		t.Errorf("by itself: %v", findings)
	}
}

// TestEachFileOnce holds that a file is opened once, so that what was checked
// is what is loaded.
func TestEachFileOnce(t *testing.T) {
	files := memory(map[string]string{"/c/a": strings.Repeat("include b\n", 5) + instanceText(oneAddress), "/c/b": "include c\n", "/c/c": "# c\n"})
	opened := map[string]int{}
	read := files.Read
	files.Read = func(path string) (string, error) {
		opened[path]++
		return read(path)
	}
	if _, findings, err := ReadFiles("/c/a", files, Options{}); err != nil || len(findings) > 0 {
		t.Fatal(findings, err)
	}
	if want := map[string]int{"/c/a": 1, "/c/b": 1, "/c/c": 1}; !reflect.DeepEqual(opened, want) {
		t.Errorf("opened %v, want %v", opened, want)
	}
}

var fullBounds = flag.Bool("full", false, "go up to the bounds that users have in TestExpansionBounds, which takes a minute")

// TestExpansionBounds holds that no directive exhausts memory or time, and
// that each such text is refused with a finding that says why.
func TestExpansionBounds(t *testing.T) {
	doubling := func(first string) string {
		text := "$A0=" + first + "\n"
		for i := range 40 {
			text += fmt.Sprintf("$A%d=${A%d}${A%d}\n", i+1, i, i)
		}
		return text + "x${A40}\n"
	}
	lines := "$M0=a \\\nb\n"
	for i := range 40 {
		lines += fmt.Sprintf("$M%d=$M%d \\\n$M%d\n", i+1, i, i)
	}
	deep := map[string]string{}
	wide := map[string]string{"main.conf": "include 0.conf\n"}
	for i := range 40 {
		deep[fmt.Sprintf("%d.conf", i)] = fmt.Sprintf("include %d.conf\n", i+1)
		wide[fmt.Sprintf("%d.conf", i)] = strings.Repeat(fmt.Sprintf("include %d.conf\n", i+1), 9)
	}
	deep["main.conf"] = "include 0.conf\n"
	wide["20.conf"] = "# the end\n"
	long := strings.Repeat("x", 900)
	most, few, referring := 5*time.Second, bounds{lines: 12_000, bytes: 640_000, references: 25_000}, usualBounds()
	referring.references = 350_000
	if *fullBounds {
		most, few, referring = 30*time.Second, usualBounds(), usualBounds()
	}
	manyLines, manyBytes := fmt.Sprintf("%d lines", few.lines), fmt.Sprintf("%d bytes", few.bytes)
	for _, c := range []struct {
		name  string
		files map[string]string
		found string
		says  string
	}{
		{"a sequence of a billion", one("~SEQ(i, 1000000000) x$i"), "bad-repetition", "repeats the line 1000000000 times, and at most 1000000 are allowed"},
		{"a sequence beyond numbers", one("~SEQ(i, 99999999999999999999) x$i"), "bad-repetition", "is not a number"},
		{"the largest sequence", one("~SEQ(i, -2147483648, 2147483647) x$i"), "bad-repetition", "4294967296 times"},
		{"sequences of sequences", one("~SEQ(i, 1000) ~SEQ(j, 1000) ~SEQ(k, 1000) x$i"), "expansion-too-large", manyLines},
		{"sequences of nothing", one(strings.Repeat("~SEQ(i, 1000000) ", 3) + "$E=1"), "expansion-too-large", manyLines},
		{"sequences of long lines", one("$L=" + long + "\n~SEQ(i, 1000) ~SEQ(j, 1000) $L"), "expansion-too-large", manyBytes},
		{"itself", one("$X=x${X}\n$X"), "definition-loop", "$X refers to itself"},
		{"each other", one("$X=${Y}\n$Y=${X}\nx $Y"), "definition-loop", "$Y refers to itself"},
		{"itself in a line of several", one("$X=a \\\n$X\n$X"), "definition-loop", "$X refers to itself"},
		{"itself in a sequence", one("$X=~SEQ(i,2) $X\n$X"), "definition-loop", "$X refers to itself"},
		{"a doubling text", one(doubling("ab")), "line-too-long", "at most 1024"},
		{"a doubling nothing", one(doubling("")), "expansion-too-large", "references"},
		{"doubling lines", one(lines + "$M40"), "expansion-too-large", manyLines},
		{"a large definition", one("$L= \\\n" + strings.Repeat(long+" \\\n", 2000)), "expansion-too-large", "1024 KiB"},
		{"a file in itself", one("include main.conf"), "include-loop", "includes itself"},
		{"files in each other", map[string]string{"main.conf": "include a", "a": "include b", "b": "include a"}, "include-loop", "a includes itself"},
		{"files in files", deep, "include-loop", "32 deep"},
		{"many files", wide, "expansion-too-large", "more than 10000 files"},
		{"many names", one("include " + strings.Repeat("{a,b}", 60)), "include-pattern", "alternatives"},
		{"deep braces", one("include " + strings.Repeat("{", 900)), "include-pattern", "{ without }"},
		{"nested repetitions", one(strings.Repeat("~SEQ(i,1) ", 80) + "$A=" + strings.Repeat("~SEQ(i,1) ", 80)), "", ""},
		{"braces and directives", one(strings.Repeat("{@^x ", 200)), "expansion-too-large", "within each other"},
		{"many bad lines", one(strings.Repeat("~SEQ(\n", 100_000)), "bad-repetition", ""},
		{"many references", one("$A=x\n" + strings.Repeat(strings.Repeat("$A ", 300)+"\n", 1000)), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := worked()
			c.files["main.conf"] += "\n" + instanceText(oneAddress)
			opts := Options{bounds: &few}
			if c.name == "a doubling nothing" || c.name == "many references" {
				opts.bounds = &referring
			}
			_, findings, err := ReadFiles("main.conf", memory(c.files), opts)
			if err != nil {
				t.Fatal(err)
			}
			if d := worked() - start; d > slowness*most {
				t.Errorf("took %v of the processor, want %v at most", d, slowness*most)
			}
			if len(findings) > 3*maxPerSeverity { // with those that tell of what is not shown, one for a name
				t.Errorf("%d findings", len(findings))
			}
			if c.found == "" {
				return
			}
			for _, f := range findings {
				if f.Name == c.found && f.Severity == config.Error && strings.Contains(f.Text, c.says) {
					return
				}
			}
			t.Errorf("no error %s with %q: %v", c.found, c.says, findings[:min(len(findings), 5)])
		})
	}
}

// one is a configuration of one file.
func one(text string) map[string]string { return map[string]string{"main.conf": text} }

// TestRewriteFiles holds that the rewritten text needs no other file and loads
// to what the files load to, but for the programs.
func TestRewriteFiles(t *testing.T) {
	files := map[string]string{
		"/c/main.conf": "# kept ! \n$CHECK=chk\ninclude s/*.conf\n@a vrrp_sync_group G { # here\n@b vrrp_sync_group H {\n group {\n A1 A2\n }\n}\n" +
			"$VI= \\\nvrrp_instance A${i} { \\\n interface eth0 \\\n virtual_router_id ${i} \\\n notify \"/bin/n x${_HASH}y\" root \\\n" +
			" track_script { \\\n ${CHECK} \\\n } \\\n virtual_ipaddress { \\\n 10.0.0.${i} \\\n } \\\n}\n~SEQ(i, 2) $VI",
		"/c/s/1.conf": "vrrp_script ${CHECK} {\n  script \"/bin/check a\" # why\n  interval ${_RANDOM 3 9}\n}",
	}
	opts := Options{ConfigID: "a"}
	var asked []string
	text := RewriteFiles("/c/main.conf", []byte(files["/c/main.conf"]), memory(files), opts, func(keyword, name string) (string, bool) {
		asked = append(asked, keyword+" "+name)
		return "/bin/new", keyword == "script"
	})
	if want := []string{"script chk", "notify A1", "notify A2"}; !reflect.DeepEqual(asked, want) {
		t.Errorf("asked for %v, want %v", asked, want)
	}
	want, findings, err := ReadFiles("/c/main.conf", memory(files), opts)
	if err != nil || len(findings) > 0 {
		t.Fatal(findings, err)
	}
	want.Scripts[0].Argv, want.Includes = []string{"/bin/new"}, nil
	got, findings := Read("/c/flat.conf", text)
	if len(findings) > 0 || dumped(got) != dumped(want) {
		t.Errorf("%s\n%v\ngot\n%s\nwant\n%s", text, findings, dumped(got), dumped(want))
	}
	for _, gone := range []string{"include", "@", "$CHECK", "~SEQ"} {
		if strings.Contains(string(text), gone) {
			t.Errorf("%s is left:\n%s", gone, text)
		}
	}
	if !strings.HasPrefix(string(text), "# kept ! \n") || !strings.Contains(string(text), "  script \"/bin/new\" # why\n") {
		t.Errorf("not kept as it was:\n%s", text)
	}
}

// TestGoldenFolders reads main.conf of each folder of testdata, as node "one"
// and as node "two", and compares findings and configuration with one.golden
// and two.golden.
func TestGoldenFolders(t *testing.T) {
	folders, err := filepath.Glob("testdata/*/main.conf")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, path := range folders {
		for _, node := range []string{"one", "two"} {
			t.Run(filepath.Base(filepath.Dir(path))+" "+node, func(t *testing.T) {
				cfg, findings, err := ReadFiles(path, disk(), Options{ConfigID: node, WorkDir: "/srv"})
				if err != nil {
					t.Fatal(err)
				}
				compareGolden(t, filepath.Join(filepath.Dir(path), node+".golden"), cfg, findings)
			})
		}
	}
}

// disk is the file system.
func disk() Files {
	read := func(path string) (string, error) {
		data, err := os.ReadFile(path)
		return string(data), err
	}
	return Files{Read: read, List: func(path string) ([]string, error) {
		entries, err := os.ReadDir(path)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names, err
	}}
}

// FuzzExpand holds that any texts that include each other are expanded in
// bounds, with findings that lie in them and show no password, and that what
// the expansion is written out as loads without being expanded again.
func FuzzExpand(f *testing.F) {
	folders, err := filepath.Glob("testdata/*/main.conf")
	if err != nil || len(folders) == 0 {
		f.Fatalf("no test data: %v", err)
	}
	for _, path := range folders {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data), "include main.conf\n")
	}
	for _, path := range siteFiles(f) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data), "vrrp_instance O {\n interface eth0\n @vm virtual_router_id 9\n}\n")
		f.Add("include{,r,m,w,b,a} {a,b}.conf\ninclude [ab]*.conf\n", string(data))
	}
	f.Add("$A=${B}\n$B=${A}\ninclude {a,b}*\n~SEQ(i,3) ~LST({p,q},{1,2},{$A}) x { @vm y${i}$p ${_HASH}${_RANDOM 1 2}", "$M=a \\\nb$A \\\n$M\n$M {@^vm $X=1 \\\n")
	f.Add("global_defs {\ninclude_check +match -wildcard_match\n}\nincludea none*\nincludem ${_PWD}/a.conf\n~SEQx(H, 0x10, -1, 0) ~LST(L, ${_ENV A}, ${_ENV B C}) $H$L\n", "@^vm ~SEQ(i, -3) }\n@vm } ~LST({a}, {b}, c) ${a}\n")
	f.Fuzz(func(t *testing.T, main, other string) {
		opts := Options{ConfigID: "vm", bounds: &bounds{lines: 1000, bytes: 100_000, references: 1000}}
		texts := map[string]string{"main.conf": main, "a.conf": other, "b.conf": "c " + other}
		cfg, findings, err := ReadFiles("main.conf", memory(texts), opts)
		if err != nil {
			return // it begins like a file that cannot be read
		}
		if cfg == nil && !findings.Errors() {
			t.Error("neither a configuration nor an error")
		}
		if len(findings) > 3*maxPerSeverity { // with those that tell of what is not shown, one for a name
			t.Errorf("%d findings", len(findings))
		}
		for _, f := range findings {
			lines := strings.Split(texts[f.At.File()], "\n")
			if f.Name != "more-findings" && f.Unseen == 0 && (f.At.Line() < 1 || f.At.Line() > len(lines) || f.At.Column() < 1 || f.At.Column() > len([]rune(lines[f.At.Line()-1]))+1) {
				t.Errorf("outside the files: %s", f)
			}
			if strings.ContainsAny(f.Text, "\n\r\x00") {
				t.Errorf("not one line: %q", f)
			}
		}
		flat := RewriteFiles("main.conf", []byte(main), memory(texts), opts, func(string, string) (string, bool) { return "", false })
		if findings.Errors() || !utf8.ValidString(main+other) {
			return
		}
		again, found := Read("flat.conf", flat)
		if found.Errors() || dumped(again) != dumped(cfg) {
			t.Errorf("%q\nloads to\n%s\n%v\nnot\n%s", flat, dumped(again), found, dumped(cfg))
		}
	})
}

// TestManyUndefinedNames holds that looking for what was meant takes no time
// worth mentioning, however many names there are and are not.
func TestManyUndefinedNames(t *testing.T) {
	for _, defined := range []int{mostGuessed, 100_000} {
		var b strings.Builder
		for i := range defined {
			fmt.Fprintf(&b, "$NAME%06d=x\n", i)
		}
		b.WriteString(strings.Repeat("$NAMEx\n$UNLIKE ${UNLIKE}\n", 20_000))
		begin := worked()
		if _, findings := Read("f", []byte(b.String())); !findings.Errors() {
			t.Errorf("%d names: got %v, want undefined-name", defined, findings)
		}
		if d := worked() - begin; d > slowness*5*time.Second {
			t.Errorf("%d names: took %v of the processor", defined, d)
		}
	}
}
