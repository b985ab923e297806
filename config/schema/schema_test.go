package schema

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// colour is an enumeration.
type colour uint8

func (c *colour) UnmarshalText(text []byte) error {
	i := slices.Index(colour(0).Words(), string(text))
	if i < 0 {
		return fmt.Errorf("no colour")
	}
	*c = colour(i)
	return nil
}

func (c colour) MarshalText() ([]byte, error) { return []byte(c.Words()[c]), nil }

func (colour) Words() []string { return []string{"red", "green"} }

type place struct {
	At      config.Position `key:"-"`
	Written config.Keys     `key:"-"`
}

type lent struct {
	Lent int `key:"lent" default:"7" tier:"1"`
}

type flatted struct {
	Delay time.Duration `key:"delay" default:"5s" range:"0s..1000s" tier:"1"`
	Other *bool         `key:"other" word:"=other_word,old" tier:"2"`
}

type deep struct {
	Delay time.Duration `key:"delay" tier:"1"`
}

type item struct {
	place
	Name string `key:"name" required:"true" word:"-"`
	Size int    `key:"size" word:"-"`
}

type global struct {
	place
	Space string `key:"space" word:"name_space" at:"root" tier:"1"`
	Size  uint8  `key:"size" range:"1.." tier:"1"`
}

type check struct {
	place
	HTTP *item `key:"HTTP_GET" form:"block" tier:"1"`
}

type sample struct {
	place
	lent
	Files    []string           `key:"-"`
	Global   global             `key:"global" word:"global_defs" form:"block" tier:"1"`
	Flat     flatted            `key:"garp" flat:"garp_"`
	Deep     *deep              `key:"deep" flat:"d_"`
	Items    []item             `key:"items" word:"item" form:"block" tier:"1"`
	Checks   []check            `key:"checks" flat:"" word:"-"`
	Colour   colour             `key:"colour" default:"green" tier:"1"`
	State    string             `key:"state" enum:"MASTER,BACKUP" default:"BACKUP" tier:"1"`
	Weight   *int               `key:"weight" range:"-253..253" inherits:"the script's" tier:"1"`
	Numbers  []int              `key:"numbers" range:"..9" form:"words" tier:"1"`
	Source   netip.Addr         `key:"source" tier:"1"`
	Networks []netip.Prefix     `key:"networks" form:"list" tier:"1"`
	Args     map[string]string  `key:"args" word:"-"`
	Password string             `key:"password" secret:"true" tier:"1"`
	Options  []string           `key:"options" default:"a b" word:"-"`
	Run      *config.Program    `key:"run" form:"command" tier:"1"`
	Interval time.Duration      `key:"interval" default:"10ms" unit:"ms" whole:"true" tier:"3"`
	_        map[string]float64 // has no tag and is not exported
}

// problemsBut returns the problems without those of comments, which the
// structs of a test cannot have.
func problemsBut(s *Schema) []string {
	return slices.DeleteFunc(s.Problems(), func(p string) bool { return strings.Contains(p, "no comment") || strings.HasPrefix(p, "Program.") })
}

func TestBlocks(t *testing.T) {
	s := of(reflect.TypeFor[sample]())
	if p := problemsBut(s); len(p) > 0 {
		t.Errorf("problems %q, want none", p)
	}
	root := s.Root()
	if want := strings.Fields("lent global garp deep items checks colour state weight numbers source networks args password options run interval"); !slices.Equal(root.Keys(), want) {
		t.Errorf("keys %q, want %q", root.Keys(), want)
	}
	for key, kind := range map[string]Kind{
		"lent": KindInt, "global": KindBlock, "garp": KindBlock, "deep": KindBlock, "items": KindBlocks, "colour": KindScalar, "state": KindText, "weight": KindInt,
		"numbers": KindInts, "source": KindAddress, "networks": KindScalars, "args": KindMap, "options": KindWords, "run": KindProgram, "interval": KindDuration,
	} {
		if f := root.Field(key); f == nil || f.Kind != kind {
			t.Errorf("%s is %v, want %v", key, f, kind)
		}
	}
	if f := root.Field("colour"); !slices.Equal(f.Enum, []string{"red", "green"}) {
		t.Errorf("colours %q", f.Enum)
	}
	if b := root.Field("items").Elem; b != s.Of(item{}) || b != s.Of(&item{}) || s.Of(t) != nil {
		t.Errorf("the block of items is %v", b)
	}
	for word, want := range map[string]string{
		"global_defs": "global", "garp_delay": "garp.delay", "other_word": "garp.other", "garp_old": "garp.other", "d_delay": "deep.delay",
		"item": "items", "HTTP_GET": "checks.HTTP_GET", "lent": "lent", "name_space": "space", "garp": "", "deep": "", "args": "", "space": "", "garp_other_word": "", "size": "",
	} {
		got := ""
		if f := root.Word(word); f != nil {
			got = f.Key
		}
		if got != want {
			t.Errorf("keyword %s is key %q, want %q", word, got, want)
		}
	}
	get := root.Word("HTTP_GET")
	var c check
	if get.In(reflect.ValueOf(&c).Elem()).Set(reflect.ValueOf(&item{Name: "a"})); get.Within == nil || get.Within.Key != "checks" || c.HTTP.Name != "a" {
		t.Errorf("HTTP_GET is within %v, and set %+v", get.Within, c)
	}
	if s.Of(global{}).Word("name_space") != nil {
		t.Error("a keyword of the top level is known in its block too")
	}
	if n := len(root.Spelled()); n != 18 || root.Spelled()[0] != "lent" {
		t.Errorf("%d keywords: %q", n, root.Spelled())
	}
}

func TestIn(t *testing.T) {
	root := of(reflect.TypeFor[sample]()).Root()
	var x sample
	v := reflect.ValueOf(&x).Elem()
	if f := root.Word("d_delay"); f.Value(v).IsValid() {
		t.Error("a value behind a nil pointer")
	}
	for _, word := range []string{"d_delay", "garp_delay"} {
		f := root.Word(word)
		f.In(v).SetInt(3)
		if got := f.Value(v); got.Int() != 3 {
			t.Errorf("%s is %v, want 3", word, got)
		}
	}
	root.Word("name_space").In(v).SetString("s")
	if x.Deep == nil || x.Deep.Delay != 3 || x.Flat.Delay != 3 || x.Global.Space != "s" {
		t.Errorf("got %+v", x)
	}
	if f := root.Field("weight"); f.Value(v).IsValid() || !f.Pointer {
		t.Error("a weight that nobody wrote")
	}
	*root.At(v) = config.NewPosition("", 4, 0)
	*root.Written(v) = append(*root.Written(v), config.Key{Name: "a"})
	if x.At.Line() != 4 || !x.Written.Has("a") {
		t.Errorf("at %v, written %v", x.At, x.Written)
	}
	if b := root.Field("garp").Elem; b.At(v) != nil || b.Written(v) != nil {
		t.Error("a place of a struct that has none")
	}
}

func TestDefaults(t *testing.T) {
	s := of(reflect.TypeFor[sample]())
	var x, y sample
	s.SetDefaults(&x)
	s.SetDefaults(&y)
	want := sample{lent: lent{7}, Flat: flatted{Delay: 5 * time.Second}, Colour: 1, State: "BACKUP", Options: []string{"a", "b"}, Interval: 10 * time.Millisecond}
	if !Equal(x, want) {
		t.Errorf("got %+v, want %+v", x, want)
	}
	if x.Options[0] = "changed"; y.Options[0] != "a" {
		t.Error("two defaults share memory")
	}
}

func TestSetAndFormat(t *testing.T) {
	root := of(reflect.TypeFor[sample]()).Root()
	for _, test := range []struct{ key, text, want string }{
		{"weight", "-253", ""},
		{"weight", "254", "must be from -253 to 253"},
		{"weight", "99999999999999999999", "must be from -253 to 253"},
		{"weight", "x", "must be a whole number"},
		{"numbers", "1 2", ""},
		{"numbers", "1 10", "must be at most 9"},
		{"state", "MASTER", ""},
		{"state", "master", "must be MASTER or BACKUP"},
		{"colour", "red", ""},
		{"colour", "blue", "must be red or green"},
		{"source", "192.0.2.1", ""},
		{"source", "host", "must be an address such as 192.0.2.1"},
		{"networks", "192.0.2.0/24 2001:db8::1/128", ""},
		{"networks", "192.0.2.0/33", "must be a prefix such as 192.0.2.0/24"},
		{"interval", "1500ms", ""},
		{"interval", "3", "must be a duration such as 2s or 100ms"},
		{"lent", "99999999999999999999", "is too large a number, or below zero"},
		{"args", "a", "a map is not written as one text"},
	} {
		var x sample
		v := reflect.ValueOf(&x).Elem()
		f := root.Field(test.key)
		err := f.Set(f.In(v), test.text)
		switch got := fmt.Sprint(err); {
		case err == nil && test.want == "":
			if got := f.Format(f.In(v)); got != test.text {
				t.Errorf("%s: %s came back as %s", test.key, test.text, got)
			}
		case got != test.want:
			t.Errorf("%s: %s: %v, want %q", test.key, test.text, err, test.want)
		case !Equal(x, sample{}):
			t.Errorf("%s: %s: the value was changed: %+v", test.key, test.text, x)
		}
	}
	x := sample{Password: "p"}
	if got := root.Field("password").Format(reflect.ValueOf(x.Password)); got != "" {
		t.Errorf("a secret is shown: %s", got)
	}
	size := of(reflect.TypeFor[global]()).Root().Field("size")
	for n, want := range map[uint8]string{0: "must be at least 1", 1: "<nil>", 255: "<nil>"} {
		if got := fmt.Sprint(size.Range(reflect.ValueOf(n))); got != want {
			t.Errorf("size %d: %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", time.Minute: "60s", 1500 * time.Millisecond: "1500ms", 2 * time.Microsecond: "2us", 1: "1ns", -time.Second: "-1s"} {
		if got := TextOf(d); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
}

func TestEqual(t *testing.T) {
	one, two := 1, 1
	base := func() sample {
		return sample{Weight: &one, Items: []item{{Name: "a"}}, Args: map[string]string{"a": "b"}, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	}
	for name, test := range map[string]struct {
		change func(*sample)
		equal  bool
	}{
		"nothing":         {func(*sample) {}, true},
		"another pointer": {func(s *sample) { s.Weight = &two }, true},
		"places": {func(s *sample) {
			s.At, s.Items[0].At, s.Written = config.NewPosition("", 1, 0), config.NewPosition("", 2, 0), config.Keys{{}}
		}, true},
		"files":          {func(s *sample) { s.Files = []string{"a"} }, true},
		"an empty slice": {func(s *sample) { s.Numbers, s.Deep = []int{}, nil }, true},
		"no pointer":     {func(s *sample) { s.Weight = nil }, false},
		"a name":         {func(s *sample) { s.Items[0].Name = "b" }, false},
		"one more":       {func(s *sample) { s.Items = append(s.Items, item{}) }, false},
		"a map's value":  {func(s *sample) { s.Args["a"] = "c" }, false},
		"a map's key":    {func(s *sample) { s.Args = map[string]string{"b": "b"} }, false},
		"a prefix":       {func(s *sample) { s.Networks[0] = netip.MustParsePrefix("192.0.2.0/25") }, false},
		"an address":     {func(s *sample) { s.Source = netip.MustParseAddr("::1") }, false},
		"a lent field":   {func(s *sample) { s.Lent = 1 }, false},
		"a struct":       {func(s *sample) { s.Deep = &deep{} }, false},
	} {
		a, b := base(), base()
		test.change(&b)
		if Equal(a, b) != test.equal || Equal(&b, &a) != test.equal {
			t.Errorf("%s: equal %v, want %v", name, !test.equal, test.equal)
		}
	}
	if Equal(1, int8(1)) || !Equal(nil, nil) || Equal(nil, 1) {
		t.Error("values of several types compare wrongly")
	}
}
