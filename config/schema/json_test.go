package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// TestPage holds that REFERENCE.md is made of the schema.
func TestPage(t *testing.T) {
	want := Documented().Page()
	if *update {
		if err := os.WriteFile("REFERENCE.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("REFERENCE.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("REFERENCE.md is not what the schema says; write it anew: go test ./config/schema -run TestPage -update")
	}
}

// TestJSON looks at the JSON Schema as an editor would.
func TestJSON(t *testing.T) {
	s := Documented()
	text, err := s.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var root struct {
		Properties map[string]any            `json:"properties"`
		Defs       map[string]map[string]any `json:"$defs"`
	}
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	for _, b := range s.Blocks() {
		properties := root.Properties
		if b != s.Root() {
			def := root.Defs[b.Name]
			if def["additionalProperties"] != false {
				t.Errorf("%s takes any key", b.Name)
			}
			properties, _ = def["properties"].(map[string]any)
		}
		for i := range b.Fields {
			p, ok := properties[b.Fields[i].Key].(map[string]any)
			if !ok || p["description"] == "" {
				t.Errorf("%s.%s is not there, or without a description", b.Name, b.Fields[i].Key)
			}
		}
	}
	for _, ref := range references(text) {
		if root.Defs[ref] == nil {
			t.Errorf("a reference leads to nothing: %s", ref)
		}
	}
	vrid := root.Defs["Instance"]["properties"].(map[string]any)["virtual_router_id"].(map[string]any)
	number := vrid["anyOf"].([]any)[0].(map[string]any)
	if number["minimum"] != 1.0 || number["maximum"] != 255.0 {
		t.Errorf("virtual_router_id is %v, want 1..255", number)
	}
}

func references(text []byte) []string {
	var all []string
	for _, part := range bytes.Split(text, []byte(`"#/$defs/`))[1:] {
		name, _, _ := bytes.Cut(part, []byte(`"`))
		all = append(all, string(name))
	}
	return all
}

// TestPageIsWhole holds that each key is on the page, and no pipe breaks a
// table.
func TestPageIsWhole(t *testing.T) {
	s := Documented()
	page := s.Page()
	for line := range strings.SplitSeq(page, "\n") {
		if strings.HasPrefix(line, "| ") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 6 {
			t.Errorf("a row without five cells: %s", line)
		}
	}
	b := s.Block(reflect.TypeFor[config.Instance]())
	for i := range b.Fields {
		if !strings.Contains(page, "`"+b.Fields[i].Key+"`") {
			t.Errorf("%s is not on the page", b.Fields[i].Key)
		}
	}
}

// TestShortForms holds that the JSON Schema knows what the readers take in
// place of a whole table.
func TestShortForms(t *testing.T) {
	text, err := Documented().JSON()
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Defs map[string]struct {
			Properties    map[string]json.RawMessage `json:"properties"`
			MaxProperties int                        `json:"maxProperties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	for place, want := range map[string]string{
		"VirtualServer.real_servers":   `"type":"string"`,
		"VirtualServer.sorry_server":   `"type":"string"`,
		"Global.smtp_server":           `"type":"string"`,
		"HTTPCheck.urls":               `"type":"string"`,
		"RealServer.checks":            `"enum":["HTTP_GET"`,
		"Check.TCP_CHECK":              `"type":["boolean","null"]`,
		"Global.vrrp_iptables":         `"type":"string"`,
		"URL.status_code":              `"type":"array"`,
		"VirtualServer.lb_kind":        `"type":"array"`,
		"Instance.authentication":      `#/$defs/Authentication`,
		"SyncGroup.track_scripts":      `"type":"string"`,
		"Instance.unicast_peers":       `"type":"string"`,
		"VirtualServerGroup.entries":   `"type":"string"`,
		"Instance.virtual_ipaddresses": `"type":"string"`,
	} {
		block, key, _ := strings.Cut(place, ".")
		var flat bytes.Buffer
		if err := json.Compact(&flat, s.Defs[block].Properties[key]); err != nil || !strings.Contains(flat.String(), want) {
			t.Errorf("%s: got %s (%v), want %s in it", place, flat.String(), err, want)
		}
	}
	if got := s.Defs["Check"].MaxProperties; got != 1 {
		t.Errorf("a check may have %d keys, want 1", got)
	}
}
