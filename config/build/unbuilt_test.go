package build

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// TestUnbuilt holds that nothing which is marked unbuilt can be built in
// silence: each such field of an instance, of a group and of the global part
// is named as soon as it is set.
func TestUnbuilt(t *testing.T) {
	s := schema.New()
	marked := 0
	for _, b := range s.Blocks() {
		for i := range b.Fields {
			f := &b.Fields[i]
			if f.Unbuilt == "" {
				continue
			}
			marked++
			c := &config.Config{Instances: []config.Instance{plain()}, Groups: []config.SyncGroup{{Name: "G"}}}
			var v reflect.Value
			switch b.Name {
			case "Instance":
				v = reflect.ValueOf(&c.Instances[0]).Elem()
			case "SyncGroup":
				v = reflect.ValueOf(&c.Groups[0]).Elem()
			case "Global":
				v = reflect.ValueOf(&c.Global).Elem()
			case "Route", "NextHop":
				c.Instances[0].Routes = []config.Route{{Destination: netip.MustParsePrefix("203.0.113.0/24"), NextHops: []config.NextHop{{}}}}
				v = reflect.ValueOf(&c.Instances[0].Routes[0]).Elem()
				if b.Name == "NextHop" {
					v = reflect.ValueOf(&c.Instances[0].Routes[0].NextHops[0]).Elem()
				}
			case "Script":
				c.Scripts = []config.Script{{Name: "s"}}
				v = reflect.ValueOf(&c.Scripts[0]).Elem()
			case "Address":
				v = reflect.ValueOf(&c.Instances[0].Addresses[0]).Elem()
			default:
				t.Errorf("%s.%s is marked unbuilt, in a struct that this test does not know", b.Name, f.Name)
				continue
			}
			if found := Unbuilt(c); len(found) > 0 {
				t.Fatalf("before: %q", found)
			}
			set(f.In(v))
			if found := Unbuilt(c); len(found) == 0 || !strings.Contains(found[0], f.Key) {
				t.Errorf("%s.%s is set: got %q, want a line about %s", b.Name, f.Name, found, f.Key)
			}
		}
	}
	if marked == 0 {
		t.Log("nothing is marked unbuilt")
	}
}

// set makes v some value that is not zero.
func set(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("x")
	case reflect.Int:
		v.SetInt(1)
	default:
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{224, 0, 0, 1})))
	}
}
