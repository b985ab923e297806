package main

import (
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/lua"
)

// TestEventsOfServices: lua run calls the functions of servers with what the daemon
// calls them with.
func TestEventsOfServices(t *testing.T) {
	for _, tt := range []struct {
		function string
		given    []string
		want     lua.Event
	}{
		{"on_real_server", nil, lua.Event{Service: "TCP 192.0.2.1:80", Server: "192.0.2.11:80", From: "UP", To: "DOWN"}},
		{"on_real_server", []string{"to=UP", "server=192.0.2.12:80"}, lua.Event{Service: "TCP 192.0.2.1:80", Server: "192.0.2.12:80", From: "DOWN", To: "UP"}},
		{"on_quorum", nil, lua.Event{Service: "TCP 192.0.2.1:80", From: "UP", To: "DOWN"}},
		{"on_quorum", []string{"service=fwmark 3", "from=DOWN", "to=UP"}, lua.Event{Service: "fwmark 3", From: "DOWN", To: "UP"}},
	} {
		e, err := eventOf(tt.function, tt.given)
		got := lua.Event{Instance: e.Instance, Group: e.Group, Service: e.Service, Server: e.Server, From: e.From, To: e.To, Priority: e.Priority}
		if err != nil || len(e.Addresses) != 0 || !equalEvents(got, tt.want) {
			t.Errorf("%s %q: %+v, %v", tt.function, tt.given, e, err)
		}
	}
	if e, err := eventOf("on_master", nil); err != nil || e.Instance == "" || e.Service != "" {
		t.Errorf("on_master: %+v, %v", e, err)
	}
	if e, err := eventOf("on_master", []string{"instance=A", "sync_group=G", "dropped=2"}); err != nil || e.Instance != "A" || e.Group != "" || e.SyncGroup != "G" || e.Dropped != 2 {
		t.Errorf("an instance in a group: %+v, %v", e, err)
	}
	if e, err := eventOf("on_master", []string{"group=G"}); err != nil || e.Instance != "" || e.Group != "G" {
		t.Errorf("a group: %+v, %v", e, err)
	}
	for _, given := range [][]string{{"instance=A", "group=G"}, {"group=G", "instance=A"}} {
		if e, err := eventOf("on_master", given); err == nil || !strings.Contains(err.Error(), "the group that an instance is in is sync_group") {
			t.Errorf("%q: %+v, %v", given, e, err)
		}
	}
}

func equalEvents(a, b lua.Event) bool {
	return a.Instance == b.Instance && a.Group == b.Group && a.Service == b.Service && a.Server == b.Server && a.From == b.From && a.To == b.To && a.Priority == b.Priority
}
