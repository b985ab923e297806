package notify

import (
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

func TestWhatIsRun(t *testing.T) {
	target := Target{
		Master: prog("m", "1"), Backup: prog("b"), Fault: prog("f"), Stop: prog("s"),
		Any: prog("any", "foo", "bar"),
	}
	deleting := target
	deleting.TellDeleted = true
	for _, tt := range []struct {
		name   string
		target Target
		change node.Change
		want   string
	}{
		{"master", target, node.Change{Name: "A", From: vrrp.Backup, To: vrrp.Master, Priority: 97}, "m 1; any foo bar INSTANCE A MASTER 97"},
		{"backup", target, node.Change{Name: "A", From: vrrp.Master, To: vrrp.Backup, Priority: 97}, "b; any foo bar INSTANCE A BACKUP 97"},
		{"backup at start", target, node.Change{Name: "A", From: vrrp.Init, To: vrrp.Backup, Priority: 100}, "b; any foo bar INSTANCE A BACKUP 100"},
		{"fault", target, node.Change{Name: "A", From: vrrp.Backup, To: vrrp.Fault}, "f; any foo bar INSTANCE A FAULT 0"},
		{"stop", target, node.Change{Name: "A", From: vrrp.Master, To: vrrp.Init, Stop: true, Priority: 255}, "s; any foo bar INSTANCE A STOP 255"},
		{"deleted", deleting, node.Change{Name: "A", From: vrrp.Master, To: vrrp.Init, Deleted: true, Priority: 5}, "any foo bar INSTANCE A DELETED 5"},
		{"deleted, told as fault", target, node.Change{Name: "A", From: vrrp.Master, To: vrrp.Init, Deleted: true, Priority: 5}, "f; any foo bar INSTANCE A FAULT 5"},
		{"deleted in fault, told as fault", target, node.Change{Name: "A", From: vrrp.Fault, To: vrrp.Init, Deleted: true}, ""},
		{"deleted in fault", deleting, node.Change{Name: "A", From: vrrp.Fault, To: vrrp.Init, Deleted: true}, "any foo bar INSTANCE A DELETED 0"},
		{"deleted while it waits, told as fault", target, node.Change{Name: "A", Deleted: true}, ""},
		{"deleted while it waits", deleting, node.Change{Name: "A", Deleted: true}, "any foo bar INSTANCE A DELETED 0"},
		{"stopped while it waits", target, node.Change{Name: "A", Stop: true}, "s; any foo bar INSTANCE A STOP 0"},
		{"init", target, node.Change{Name: "A", From: vrrp.Fault, To: vrrp.Init}, ""},
		{"group", target, node.Change{Group: true, Name: "G 1", From: vrrp.Backup, To: vrrp.Master, Priority: 9}, "m 1; any foo bar GROUP G 1 MASTER 0"},
		{"only the generic", Target{Any: prog("any")}, node.Change{Name: "A", To: vrrp.Master, Priority: 1}, "any INSTANCE A MASTER 1"},
		{"nobody", Target{}, node.Change{Name: "A", To: vrrp.Master}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			if state := tt.target.State(tt.change); state != "" {
				for _, todo := range tt.target.programs(tt.change, state, 0) {
					got = append(got, strings.Join(todo.spec.Argv, " "))
				}
			}
			if s := strings.Join(got, "; "); s != tt.want {
				t.Errorf("got %q, want %q", s, tt.want)
			}
		})
	}
	if len(target.Any.Argv) != 3 {
		t.Errorf("the configured arguments were changed: %q", target.Any.Argv)
	}
}

func TestWhatProgramsLearn(t *testing.T) {
	target := Target{
		Any:       &Program{Argv: []string{"any"}, User: "u", Group: "g"},
		Addresses: []netspec.Address{address("192.0.2.1/24"), address("2001:db8::1/64")},
	}
	c := node.Change{Name: "A", From: vrrp.Backup, To: vrrp.Master, Priority: 97, Seq: 12, Why: "no advert\nfor 3.6 s\x00"}
	specs := target.programs(c, "MASTER", 3)
	want := []string{
		"MOONKEEP_KIND=INSTANCE",
		"MOONKEEP_NAME=A",
		"MOONKEEP_STATE=MASTER",
		"MOONKEEP_FROM=BACKUP",
		"MOONKEEP_TO=MASTER",
		"MOONKEEP_PRIORITY=97",
		"MOONKEEP_WHY=no advert for 3.6 s ",
		"MOONKEEP_SEQ=12",
		"MOONKEEP_DROPPED=3",
		"MOONKEEP_ADDRESSES=192.0.2.1/24 2001:db8::1/64",
	}
	if len(specs) != 1 || !slices.Equal(specs[0].spec.Env, want) {
		t.Errorf("got %+v, want %q", specs, want)
	}
	if specs[0].spec.User != "u" || specs[0].spec.Group != "g" {
		t.Errorf("got %+v", specs[0])
	}
}

func TestNewAsksForWhatItNeeds(t *testing.T) {
	r := new(recorder)
	for _, o := range []Options{{}, {Run: r.run}, {Run: r.run, Lua: noLua}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}
