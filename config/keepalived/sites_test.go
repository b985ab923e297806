package keepalived

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// updateSites is apart from update: what these files hold is meant by hand.
var updateSites = flag.Bool("update-sites", false, "write the golden files of testdata/sites anew")

// siteFiles returns the main file of each configuration in testdata/sites.
func siteFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/sites/*/keepalived.conf")
	if err != nil || len(files) < 30 {
		t.Fatalf("got %d sites, want at least 30: %v", len(files), err)
	}
	return files
}

// TestSites reads configurations such as sites have, as the nodes "one" and
// "two", and compares the findings and every value that was read with
// one.golden, or with two.golden where the nodes differ.
func TestSites(t *testing.T) {
	for _, path := range siteFiles(t) {
		folder := filepath.Dir(path)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			one, two := readSite(t, path, "one"), readSite(t, path, "two")
			compareSite(t, filepath.Join(folder, "one.golden"), one, true)
			compareSite(t, filepath.Join(folder, "two.golden"), two, one != two)
		})
	}
}

// readSite returns the findings and values of a site's configuration.
func readSite(t *testing.T, path, node string) string {
	t.Helper()
	cfg, findings, err := ReadFiles(path, disk(), Options{ConfigID: node, WorkDir: "/srv"})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range findings {
		// The tests' passwords all begin so; see checkFindings.
		if strings.Contains(f.Text, "hidden") {
			t.Errorf("a password is shown: %s", f)
		}
		if f.Name == "not-acted-on" || f.Name == "not-built" {
			continue // what is built is not what is read
		}
		b.WriteString(strings.TrimPrefix(f.String(), filepath.Dir(path)+"/") + "\n")
	}
	d := dumper{schema: schema.New(), defaults: map[reflect.Type]reflect.Value{}}
	b.WriteString(d.values(reflect.ValueOf(cfg), "") + "\n")
	return b.String()
}

// compareSite holds a text against a golden file, which is there only if the
// text differs from what is said elsewhere.
func compareSite(t *testing.T, golden, got string, differs bool) {
	t.Helper()
	if *updateSites {
		err := os.Remove(golden)
		if differs {
			err = os.WriteFile(golden, []byte(got), 0o644)
		}
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if !differs && os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if !differs || !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s differs:\n%s", golden, difference(string(want), got))
	}
}

// difference returns the lines from the first to the last in which two texts
// differ.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for len(w) > 0 && len(g) > 0 && w[0] == g[0] {
		w, g = w[1:], g[1:]
	}
	for len(w) > 0 && len(g) > 0 && w[len(w)-1] == g[len(g)-1] {
		w, g = w[:len(w)-1], g[:len(g)-1]
	}
	return "got\n" + strings.Join(g, "\n") + "\nwant\n" + strings.Join(w, "\n")
}

// The bounds of values: what fits in a line stands in one, and of a longer
// list the first and the last stand for all.
const (
	lineWidth   = 110
	mostInList  = 20
	shownOfList = 3
)

// values renders all that was set in a configuration, with native keys and
// without positions. What has Go's zero value is left out, unless it stands
// behind a pointer: then it was written. What has the schema's default is left
// out unless it was written.
func (d *dumper) values(v reflect.Value, indent string) string {
	if text, ok := scalar(v); ok {
		return text
	}
	var items []string
	begin, end := "{", "}"
	inner := indent + "  "
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return "nothing"
		}
		return d.values(v.Elem(), indent)
	case reflect.Slice:
		begin, end = "[", "]"
		for i := range v.Len() {
			if v.Len() > mostInList && i >= shownOfList && i < v.Len()-1 {
				if i == shownOfList {
					items = append(items, fmt.Sprintf("... %d more ...", v.Len()-shownOfList-1))
				}
				continue
			}
			items = append(items, d.values(v.Index(i), inner))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			items = append(items, fmt.Sprintf("%s: %q", k, v.MapIndex(k)))
		}
		slices.Sort(items)
	case reflect.Struct:
		items = d.fields(v, d.fresh(v.Type()), keysOf(v), "", inner)
	}
	return braced(begin, items, end, indent)
}

// dumper renders configurations.
type dumper struct {
	schema   *schema.Schema
	defaults map[reflect.Type]reflect.Value
}

// fresh is a block with the schema's defaults.
func (d *dumper) fresh(t reflect.Type) reflect.Value {
	if _, made := d.defaults[t]; !made {
		v := reflect.New(t)
		d.schema.SetDefaults(v.Interface())
		d.defaults[t] = v.Elem()
	}
	return d.defaults[t]
}

// keysOf returns the keys that a block wrote.
func keysOf(v reflect.Value) config.Keys {
	if f := v.FieldByName("Written"); f.IsValid() {
		return f.Interface().(config.Keys)
	}
	return nil
}

// fields renders the fields of a block that were set.
func (d *dumper) fields(v, fresh reflect.Value, written config.Keys, prefix, indent string) []string {
	var items []string
	for i := range v.NumField() {
		f, x := v.Type().Field(i), v.Field(i)
		key := f.Tag.Get("key")
		usual := reflect.DeepEqual(x.Interface(), fresh.Field(i).Interface()) || x.Kind() == reflect.Slice && x.Len() == 0
		usual = usual && !written.Has(prefix+key)
		switch _, isScalar := scalar(x); {
		case key == "-":
		case key == "" && f.Anonymous:
			items = append(items, d.fields(x, fresh.Field(i), written, prefix, indent)...)
		case x.Kind() == reflect.Struct && !isScalar:
			// A nested block of its own, or one whose keys its block wrote.
			keys, at := keysOf(x), ""
			if keys == nil {
				keys, at = written, prefix+key+"."
			}
			if inner := d.fields(x, fresh.Field(i), keys, at, indent+"  "); len(inner) > 0 {
				items = append(items, key+": "+braced("{", inner, "}", indent))
			}
		case !usual:
			items = append(items, key+": "+d.values(x, indent))
		}
	}
	return items
}

// braced puts items into braces, on one line if they fit.
func braced(begin string, items []string, end, indent string) string {
	if flat := begin + strings.Join(items, ", ") + end; len(indent)+len(flat) <= lineWidth && !strings.Contains(flat, "\n") {
		return flat
	}
	return begin + "\n" + indent + "  " + strings.Join(items, ",\n"+indent+"  ") + "\n" + indent + end
}

// scalar renders a value that is no block and no list.
func scalar(v reflect.Value) (string, bool) {
	if v.Kind() == reflect.Pointer {
		return "", false
	}
	switch x := v.Interface().(type) {
	case interface{ MarshalText() ([]byte, error) }:
		text, err := x.MarshalText()
		if err != nil {
			return "not rendered: " + err.Error(), true
		}
		return string(text), true
	case fmt.Stringer:
		if v.Kind() != reflect.Struct {
			return x.String(), true
		}
	}
	switch v.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Map:
		return "", false
	case reflect.String:
		return strconv.Quote(v.String()), true
	}
	return fmt.Sprint(v.Interface()), true
}
