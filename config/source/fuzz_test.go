package source

import (
	"os"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/schema"
)

// FuzzRead holds that no text makes the reader fail otherwise than by
// findings in that text, and that what it accepts can be built.
func FuzzRead(f *testing.F) {
	endings := Extensions()
	for i, ending := range endings {
		if data, err := os.ReadFile("testdata/full" + ending); err == nil {
			f.Add(uint8(i), data)
		} else if !os.IsNotExist(err) {
			f.Fatal(err)
		}
	}
	f.Add(uint8(0), []byte("a: &a [*a]\n? {b: c}\n: - !!binary x\n  - <<: *a\n"))
	f.Add(uint8(2), []byte("a.b.c = 1979-05-27\n[[x]]\n[x.y]\nz = [{q = inf}]\n"))
	f.Add(uint8(3), []byte("{\"vrrp_instances\": [{\"name\": \"\\u0000\", \"priority\": 1e400}]}"))
	f.Add(uint8(0), []byte("include: [x, ${A}]\nglobal: {router_id: '$${A}${B:-c}', vrrp_version: '${A}'}\nvirtual_servers: [{fwmark: 1, real_servers: [192.0.2.1, {address: '[::1]:80', checks: [TCP_CHECK, {HTTP_GET: {urls: [/]}}]}]}]\n"))
	s := schema.New()
	f.Fuzz(func(t *testing.T, language uint8, data []byte) {
		file := "dir/f" + endings[int(language)%len(endings)]
		c, findings := ReadAll([]File{{file, data}}, Options{
			Schema:  s,
			Getenv:  func(name string) (string, bool) { return "3", name == "A" },
			Include: func(string) ([]File, error) { return []File{{"dir/f.json", []byte("{}")}}, nil },
		})
		// YAML knows five line breaks, and nothing may stand in the line
		// behind the last.
		lines := 2
		for _, r := range string(data) {
			if strings.ContainsRune("\n\r\u0085\u2028\u2029", r) {
				lines++
			}
		}
		for _, f := range findings {
			if f.At.File() != file && f.At.File() != "dir/f.json" || f.At.Line() < 0 || f.At.Line() > lines || f.Name == "" || strings.ContainsAny(f.Text, "\n\r\x00") {
				t.Fatalf("finding %+v of a file of %d lines", f, lines)
			}
		}
		if findings.Errors() {
			return
		}
		if len(c.Instances)+len(c.VirtualServers) == 0 {
			t.Fatal("accepted without an instance and a virtual server")
		}
		for _, in := range c.Instances {
			valid := in.VRID >= 1 && in.VRID <= 255 && in.Priority >= 1 && in.Priority <= 255 && in.Interface != "" &&
				(in.Version == 2 || in.Version == 3) && in.AdvertInt > 0 && len(in.AuthPass) <= 8
			if !valid {
				t.Fatalf("accepted %+v", in)
			}
			for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
				for _, a := range list {
					if !a.Prefix.IsValid() || a.Device == "" {
						t.Fatalf("accepted %+v", a)
					}
				}
			}
		}
		build.Node(c)
	})
}
