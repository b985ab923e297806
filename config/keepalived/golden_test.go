package keepalived

import (
	"encoding"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden reads each testdata/*.conf and compares its findings and its
// configuration with the file of the same name that ends in .golden.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			cfg, findings := Read(filepath.Base(path), data)
			compareGolden(t, strings.TrimSuffix(path, ".conf")+".golden", cfg, findings)
			checkFindings(t, data, findings)
		})
	}
}

// dump writes the fields of v that are not zero, one on a line.
func dump(b *strings.Builder, at string, v reflect.Value) {
	if v.IsZero() {
		return
	}
	switch x := v.Interface().(type) {
	case config.Position:
		fmt.Fprintf(b, "%s = %d:%d\n", at, x.Line(), x.Column())
		return
	case config.Keys:
		// TestWritten holds them.
		return
	case config.Hex, config.Reply, config.Digest, config.StatusCodes, config.RegexStack, config.Granularity:
		text, _ := x.(encoding.TextMarshaler).MarshalText()
		fmt.Fprintf(b, "%s = %q\n", at, text)
		return
	case fmt.Stringer:
		if v.Kind() != reflect.Pointer && v.Type().Name() != "Address" {
			fmt.Fprintf(b, "%s = %v\n", at, x)
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.Elem().IsZero() {
			fmt.Fprintf(b, "%s = %v\n", at, v.Elem())
		}
		dump(b, at, v.Elem())
	case reflect.Struct:
		usual := reflect.Zero(v.Type())
		if v.Type() == reflect.TypeFor[config.Global]() {
			// What nobody wrote is in every file.
			g := config.Global{}
			schema.New().SetDefaults(&g)
			usual = reflect.ValueOf(g)
		}
		for i := range v.NumField() {
			if !reflect.DeepEqual(v.Field(i).Interface(), usual.Field(i).Interface()) {
				dump(b, at+"."+v.Type().Field(i).Name, v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.String {
			fmt.Fprintf(b, "%s = %q\n", at, v.Interface())
			return
		}
		for i := range v.Len() {
			dump(b, fmt.Sprintf("%s[%d]", at, i), v.Index(i))
		}
	default:
		fmt.Fprintf(b, "%s = %v\n", at, v)
	}
}

// checkFindings asserts what holds for every reading: the findings lie within
// the text, are sorted, bounded and on one line, and hold no password.
func checkFindings(t *testing.T, data []byte, findings config.Findings) {
	t.Helper()
	if len(findings) > 3*maxPerSeverity { // with those that tell of what is not shown, one for a name
		t.Errorf("%d findings", len(findings))
	}
	lines := strings.Split(string(data), "\n")
	last := config.Position{}
	for _, f := range findings {
		if strings.ContainsAny(f.Text, "\n\r\x00") || f.Text == "" || f.Name == "" {
			t.Errorf("not one line of text: %q", f)
		}
		if strings.Contains(f.Text, "hidden") {
			t.Errorf("a password is shown: %s", f)
		}
		if f.Name == "more-findings" || f.Unseen > 0 {
			continue
		}
		if f.At.Line() < 1 || f.At.Line() > len(lines) || f.At.Column() < 1 || f.At.Column() > len([]rune(lines[f.At.Line()-1]))+1 {
			t.Errorf("outside the file: %s", f)
		}
		if f.At.Compare(last) < 0 {
			t.Errorf("not sorted: %s after %v", f, last)
		}
		last = f.At
	}
}

// compareGolden holds findings and configuration against a golden file, or
// writes it with -update.
func compareGolden(t *testing.T, golden string, cfg *config.Config, findings config.Findings) {
	t.Helper()
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintln(&b, f)
	}
	dump(&b, "", reflect.ValueOf(cfg))
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("%s differs; got\n%s\nwant\n%s", golden, b.String(), want)
	}
}
