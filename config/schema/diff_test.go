package schema

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

func TestDiff(t *testing.T) {
	s := of(reflect.TypeFor[sample]())
	weight := 5
	for name, test := range map[string]struct {
		a, b sample
		want []string
	}{
		"nothing":      {sample{}, sample{Numbers: []int{}}, nil},
		"a place only": {sample{}, sample{place: place{At: config.NewPosition("", 1, 0)}}, nil},
		"scalars": {sample{State: "MASTER", Interval: time.Second}, sample{State: "BACKUP", Interval: 10 * time.Millisecond, Weight: &weight},
			[]string{"state MASTER -> BACKUP", "weight added 5", "interval 1s -> 10ms"}},
		"within a struct": {sample{Flat: flatted{Delay: 1}}, sample{Flat: flatted{Delay: 2}}, []string{"garp: delay 1ns -> 2ns"}},
		"a struct more":   {sample{}, sample{Deep: &deep{}}, []string{"deep added"}},
		"a secret":        {sample{Password: "a"}, sample{Password: "b"}, []string{"password changed"}},
		"a list":          {sample{Numbers: []int{1}}, sample{Numbers: []int{1, 2}}, []string{"numbers 1 -> 1 2"}},
		"items": {sample{Items: []item{{Name: "a", Size: 1}, {Name: "b"}}}, sample{Items: []item{{Name: "c"}, {Name: "a", Size: 2}}},
			[]string{"items c added", "items a: size 1 -> 2", "items b removed"}},
		"the order":        {sample{Items: []item{{Name: "a"}, {Name: "b"}}}, sample{Items: []item{{Name: "b"}, {Name: "a"}}}, []string{"items in another order"}},
		"equal names":      {sample{Items: []item{{Name: "a"}}}, sample{Items: []item{{Name: "a"}, {Name: "a"}}}, []string{"items a (2) added"}},
		"items of a union": {sample{Checks: []check{{HTTP: &item{Name: "a"}}}}, sample{}, []string{"checks HTTP_GET a removed"}},
	} {
		var got []string
		for _, c := range s.Diff(&test.a, &test.b) {
			got = append(got, c.String())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	b := sample{Flat: flatted{Delay: 1}, place: place{At: config.NewPosition("", 3, 0), Written: config.Keys{{Name: "weight", At: config.NewPosition("", 7, 0)}}}, Weight: &weight, State: "MASTER"}
	for i, c := range s.Diff(&sample{}, &b) {
		if want := []int{3, 3, 7}[i]; c.At.Line() != want {
			t.Errorf("%v is in line %d, want %d", c, c.At.Line(), want)
		}
	}
}
