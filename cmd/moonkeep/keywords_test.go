package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config/keepalived"
)

func TestKeywordsCommand(t *testing.T) {
	var stdout, stderr strings.Builder
	if status := run([]string{"keywords", "--json"}, &stdout, &stderr); status != 0 || stderr.String() != "" {
		t.Fatalf("%d: %s", status, stderr.String())
	}
	var got []map[string]string
	if err := json.Unmarshal([]byte(stdout.String()), &got); err != nil {
		t.Fatal(err)
	}
	all := keepalived.Keywords()
	if len(got) != len(all) {
		t.Fatalf("%d keywords, want %d", len(got), len(all))
	}
	status := map[string]string{}
	for _, k := range got {
		if len(k) != 3 {
			t.Fatalf("%v has other fields than block, keyword and status", k)
		}
		status[k["block"]+" "+k["keyword"]] = k["status"]
	}
	if got := status["vrrp_instance priority"]; got != "acts" {
		t.Errorf("vrrp_instance priority: %q, want acts", got)
	}

	stdout.Reset()
	if status := run([]string{"keywords"}, &stdout, &stderr); status != 0 {
		t.Fatalf("%d: %s", status, stderr.String())
	}
	lines := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
	if len(lines) != len(all)+1 || strings.Join(strings.Fields(lines[0]), " ") != "BLOCK KEYWORD STATUS" {
		t.Errorf("%d lines, the first %q", len(lines), lines[0])
	}
	for i, k := range all {
		want := strings.Fields(k.Block + " " + k.Keyword + " " + k.Status)
		if got := strings.Fields(lines[i+1]); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("line %q, want %q", got, want)
		}
	}
	if status := run([]string{"keywords", "extra"}, &stdout, &stderr); status != 2 {
		t.Errorf("a surplus argument: %d, want 2", status)
	}
}
