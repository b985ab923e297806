package keepalived

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/moonkeep/moonkeep/config"
)

// again reads a text with what was read before, which may be nil.
func again(text string, earlier *config.Config) (*config.Config, config.Findings) {
	few := bounds{lines: 5000, bytes: 500_000, references: 5000} // as for FuzzRead
	return read("f", text, nil, Files{}, Options{ConfigID: "one", Earlier: earlier, bounds: &few})
}

// exactly renders a value with all positions.
func exactly(b *strings.Builder, v reflect.Value) {
	if at, ok := v.Interface().(config.Position); ok {
		fmt.Fprint(b, at, " ")
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			b.WriteString("&")
			exactly(b, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !v.Field(i).IsZero() {
				fmt.Fprint(b, f.Name, "{")
				exactly(b, v.Field(i))
				b.WriteString("} ")
			}
		}
		if v.NumField() == 0 || !v.Type().Field(0).IsExported() {
			fmt.Fprint(b, v, " ")
		}
	case reflect.Slice:
		for i := range v.Len() {
			exactly(b, v.Index(i))
			b.WriteString(", ")
		}
	default:
		fmt.Fprint(b, v, " ")
	}
}

// result is all that came of a reading, as a text.
func result(c *config.Config, found config.Findings) string {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintln(&b, f, f.Essence, f.Loses, f.Unseen)
	}
	if c != nil {
		exactly(&b, reflect.ValueOf(*c))
	}
	return strings.ReplaceAll(b.String(), "} ", "}\n")
}

// sharedServers counts the virtual servers of a configuration whose real servers are those
// of an earlier one.
func sharedServers(c, earlier *config.Config) (n int) {
	known := map[*config.RealServer]bool{}
	for i := range earlier.VirtualServers {
		known[&earlier.VirtualServers[i].RealServers[0]] = true
	}
	for i := range c.VirtualServers {
		if known[&c.VirtualServers[i].RealServers[0]] {
			n++
		}
	}
	return n
}

// serviceTexts are configurations with virtual servers.
func serviceTexts(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.conf")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, path := range append(paths, siteFiles(t)...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), serviceBlock) {
			texts = append(texts, string(text))
		}
	}
	if len(texts) < 5 {
		t.Fatalf("%d texts have a virtual server", len(texts))
	}
	return append(texts, largeText(100))
}

// TestUnchanged: what comes of a text does not depend on what was read before,
// whatever was changed.
func TestUnchanged(t *testing.T) {
	random, shared := rand.New(rand.NewPCG(1, 2)), 0
	texts := serviceTexts(t)
	for _, text := range texts {
		earlier, _ := again(text, nil)
		for range 10 {
			changed := altered(random, text, texts)
			want := result(again(changed, nil))
			c, found := again(changed, earlier)
			if got := result(c, found); got != want {
				t.Fatalf("of\n%s\ncomes after\n%s\n%s", changed, text, difference(want, got))
			}
			if c != nil && earlier != nil {
				shared += sharedServers(c, earlier)
				earlier = c
			}
		}
	}
	if shared < 80 {
		t.Errorf("only %d virtual servers were taken over", shared)
	}
}

// altered makes some changes to the lines of a text.
func altered(random *rand.Rand, text string, others []string) string {
	lines := strings.SplitAfter(text, "\n")
	for range random.IntN(4) {
		i := random.IntN(len(lines))
		if random.IntN(2) == 0 { // about where a block begins or ends
			for k := range lines {
				if at := (i + k) % len(lines); strings.Contains(lines[at], serviceBlock) {
					i = max(at-random.IntN(2), 0)
					break
				}
			}
		}
		switch random.IntN(11) {
		case 0:
			lines = slices.Delete(lines, i, i+1)
		case 1:
			lines = slices.Insert(lines, i, lines[random.IntN(len(lines))])
		case 2:
			other := strings.SplitAfter(others[random.IntN(len(others))], "\n")
			lines = slices.Insert(lines, i, other[random.IntN(len(other))])
		case 3:
			lines[i] = strings.Replace(lines[i], "1", "2", 1)
		case 4:
			lines = slices.Insert(lines, i, "@other ")
		case 5:
			lines = slices.Insert(lines, i, "$W=3\n", "# ${W}\n")
		case 6:
			lines[i] = strings.TrimSuffix(lines[i], "\n")
		case 7:
			lines[i] = " " + lines[i]
		case 8:
			lines[i] = strings.TrimSuffix(lines[i], "\n") + " # behind\n"
		case 9:
			lines[i] = strings.TrimSuffix(lines[i], "\n") + " " + lines[random.IntN(len(lines))]
		default:
			lines = slices.Insert(lines, 0, "! a line\n")
		}
		if len(lines) == 0 {
			lines = []string{"\n"}
		}
	}
	return strings.Join(lines, "")
}

// TestReadAnew: what becomes of a virtual server for a reason that stands elsewhere,
// or what there is to say of it, is found out anew.
func TestReadAnew(t *testing.T) {
	service := func(name, lines, check string) string {
		return "virtual_server " + name + " {\nlb_algo rr\nlb_kind NAT\n" + lines + "real_server 10.0.0.9 80 {\n" + check + "}\n}\n"
	}
	plain := service("10.0.0.1 80", "protocol TCP\n", "")
	for what, texts := range map[string][2]string{
		"nothing":                    {plain, plain},
		"a file that is followed":    {"track_file tf {\nfile /x\n}\n" + service("10.0.0.2 80", "protocol TCP\n", "FILE_CHECK {\ntrack_file tf\n}\n"), "\n" + service("10.0.0.2 80", "protocol TCP\n", "FILE_CHECK {\ntrack_file tf\n}\n")},
		"a session that is followed": {"bfd_instance bf {\nneighbor_ip 10.0.0.3\n}\n" + service("10.0.0.2 80", "protocol TCP\n", "BFD_CHECK {\nname bf\n}\n"), service("10.0.0.2 80", "protocol TCP\n", "BFD_CHECK {\nname bf\n}\n")},
		"the family of a group":      {"virtual_server_group g {\n10.0.0.3 80\n}\n" + service("group g", "protocol TCP\n", ""), "virtual_server_group g {\nfe80::1 80\n}\n" + service("group g", "protocol TCP\n", "")},
		"a definition":               {"$W=3\n" + service("10.0.0.2 80", "protocol TCP\n", "weight $W\n"), "$W=4\n" + service("10.0.0.2 80", "protocol TCP\n", "weight $W\n")},
		"a warning":                  {service("10.0.0.2 80", "", ""), service("10.0.0.2 80", "", "")},
		"a late warning":             {service("10.0.0.2 80", "protocol TCP\n", "TCP_CHECK {\nconnect_ip fe80::1\n}\n"), service("10.0.0.2 80", "protocol TCP\n", "TCP_CHECK {\nconnect_ip fe80::1\n}\n")},
		"a told warning":             {service("10.0.0.2 80", "protocol TCP\nsnmp_name a\n", "") + service("10.0.0.3 80", "protocol TCP\nsnmp_name a\n", ""), service("10.0.0.3 80", "protocol TCP\nsnmp_name a\n", "")},
		"a tail":                     {strings.TrimSuffix(service("10.0.0.2 80", "protocol TCP\n", ""), "\n") + " x {\n}\n", strings.TrimSuffix(service("10.0.0.2 80", "protocol TCP\n", ""), "\n") + " x {\n}\n"},
		"a definition within":        {service("10.0.0.2 80", "$W=3\nprotocol TCP\n", "") + service("10.0.0.3 80", "protocol TCP\n", "weight $W\n"), service("10.0.0.2 80", "$W=3\nprotocol TCP\n", "") + service("10.0.0.3 80", "protocol TCP\n", "weight $W\n")},
		"the same twice":             {plain, plain + plain},
		"a missing brace":            {plain, strings.TrimSuffix(plain, "}\n")},
	} {
		earlier, _ := again(plain+texts[0], nil)
		want := result(again(plain+texts[1], nil))
		c, found := again(plain+texts[1], earlier)
		if got := result(c, found); got != want {
			t.Errorf("%s: %s", what, difference(want, got))
		}
		if shared := sharedServers(c, earlier); shared < 1 || shared > 1 {
			t.Errorf("%s: %d virtual servers were taken over", what, shared)
		}
	}
}

// FuzzUnchanged is TestUnchanged with any two texts.
func FuzzUnchanged(f *testing.F) {
	for _, text := range serviceTexts(f) {
		f.Add(text, "# above\n"+text)
	}
	f.Fuzz(func(t *testing.T, before, text string) {
		earlier, _ := again(before, nil)
		want := result(again(text, nil))
		if got := result(again(text, earlier)); got != want {
			t.Error(difference(want, got))
		}
	})
}

// TestMoved: the positions of a block that was taken over are those of the text
// that was read last, in the earlier configuration, too.
func TestMoved(t *testing.T) {
	text := largeText(48)
	first, _ := again(text, nil)
	second, _ := again("\n\n"+strings.Replace(text, "172.0.0.16", "172.0.0.99", 1), first)
	if n := sharedServers(second, first); n != 2 || len(second.VirtualServers) != 3 {
		t.Fatalf("%d virtual servers of %d were taken over", n, len(second.VirtualServers))
	}
	for i, moved := range []int{2, 0, 2} {
		old, new := first.VirtualServers[i].RealServers[3], second.VirtualServers[i].RealServers[3]
		if got := new.At.Line() - old.At.Line(); got != 2-moved {
			t.Errorf("virtual server %d stands %d lines below the earlier one", i, got)
		}
		if check := new.Checks[0].HTTP; check.At.Line() != new.At.Line()+2 || check.Written[0].At.Line() != check.At.Line()+1 {
			t.Errorf("%v: its check is at %v, the first key at %v", new.At, check.At, check.Written[0].At)
		}
	}
}

// TestKeepsNoText: a virtual server that may be taken over, again and again, does not
// keep the text of its file in memory.
func TestKeepsNoText(t *testing.T) {
	for _, text := range serviceTexts(t) {
		c, _ := again(text, nil)
		if c == nil {
			continue
		}
		from := uintptr(unsafe.Pointer(unsafe.StringData(text)))
		for i := range c.VirtualServers {
			v := reflect.ValueOf(&c.VirtualServers[i]).Elem()
			if !c.VirtualServers[i].At.Part().Settled() {
				continue
			}
			eachText(v, func(s string) {
				if at := uintptr(unsafe.Pointer(unsafe.StringData(s))); s != "" && at >= from && at < from+uintptr(len(text)) {
					t.Errorf("%s is a part of the file", s)
				}
			})
		}
		runtime.KeepAlive(text)
	}
}

// eachText calls f with the strings in a value.
func eachText(v reflect.Value, f func(string)) {
	switch v.Kind() {
	case reflect.String:
		f(v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			eachText(v.Elem(), f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			eachText(v.Field(i), f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachText(v.Index(i), f)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			eachText(k, f)
			eachText(v.MapIndex(k), f)
		}
	}
}

// TestUnchangedCost holds what it takes to read again what has hardly changed.
func TestUnchangedCost(t *testing.T) {
	const servers, most = 3200, 100 // octets a server, beside the text
	text := largeText(servers)
	earlier, _ := again(text, nil)
	changed := "\n" + strings.Replace(text, "172.0.7.16", "172.9.0.1", 1)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, _ := again(changed, earlier)
	runtime.ReadMemStats(&after)
	if n := sharedServers(c, earlier); n != servers/16-1 {
		t.Fatalf("%d virtual servers were taken over", n)
	}
	used := (after.TotalAlloc - before.TotalAlloc) / servers
	t.Logf("%d octets for a real server", used)
	if used > most {
		t.Errorf("%d octets were allocated for a real server, want at most %d", used, most)
	}
}
