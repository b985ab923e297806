package node

import (
	"fmt"
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestWeights: the trackers' terms and what they add up to.
func TestWeights(t *testing.T) {
	script := func(weight int, reverse bool) func(*Instance) {
		return func(in *Instance) {
			in.Scripts = append(in.Scripts, TrackScript{Name: fmt.Sprintf("s%d", len(in.Scripts)), Weight: weight, Reverse: reverse})
		}
	}
	iface := func(weight int, reverse bool) func(*Instance) {
		return func(in *Instance) {
			in.Interfaces = append(in.Interfaces, TrackInterface{Name: fmt.Sprintf("eth%d", len(in.Interfaces)+1), Weight: weight, Reverse: reverse})
		}
	}
	tests := []struct {
		name    string
		base    uint8
		tracks  []func(*Instance)
		results []Result // of s0, s1; eth1 is up, eth2 is down
		want    uint8
		fault   bool
	}{
		{"nothing", 100, nil, nil, 100, false},
		{"a success adds", 100, []func(*Instance){script(20, false)}, []Result{OK}, 120, false},
		{"a failure adds nothing", 100, []func(*Instance){script(20, false)}, []Result{Failed}, 100, false},
		{"a success takes nothing", 100, []func(*Instance){script(-20, false)}, []Result{OK}, 100, false},
		{"a failure takes", 100, []func(*Instance){script(-20, false)}, []Result{Failed}, 80, false},
		{"a time-out takes", 100, []func(*Instance){script(-20, false)}, []Result{Timeout}, 80, false},
		{"a broken script takes", 100, []func(*Instance){script(-20, false)}, []Result{Broken}, 80, false},
		{"unknown adds nothing", 100, []func(*Instance){script(20, false), script(-20, false)}, nil, 100, false},
		{"a sum", 100, []func(*Instance){script(-20, false), script(7, false)}, []Result{Failed, OK}, 87, false},
		{"reverse", 100, []func(*Instance){script(-20, true), script(7, true)}, []Result{OK, Failed}, 87, false},
		{"at least 1", 100, []func(*Instance){script(-253, false)}, []Result{Failed}, 1, false},
		{"at most 254", 200, []func(*Instance){script(253, false)}, []Result{OK}, 254, false},
		{"an owner does not move", 255, []func(*Instance){script(-20, false)}, []Result{Failed}, 255, false},
		{"weight 0 faults", 100, []func(*Instance){script(0, false)}, []Result{Failed}, 100, true},
		{"weight 0 faults an owner", 255, []func(*Instance){script(0, false)}, []Result{Failed}, 255, true},
		{"weight 0 reverse faults", 100, []func(*Instance){script(0, true)}, []Result{OK}, 100, true},
		{"weight 0 reverse", 100, []func(*Instance){script(0, true)}, []Result{Failed}, 100, false},
		{"interface up adds", 100, []func(*Instance){iface(20, false)}, nil, 120, false},
		{"interface down takes", 100, []func(*Instance){iface(1, false), iface(-20, false)}, nil, 81, false},
		{"interface down faults", 100, []func(*Instance){iface(1, false), iface(0, false)}, nil, 101, true},
		{"interface up faults in reverse", 100, []func(*Instance){iface(0, true)}, nil, 100, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := instance3("V", 1, tt.base)
			for _, f := range tt.tracks {
				f(&in)
			}
			cfg := Config{Instances: []Instance{in}, Scripts: []Script{check("s0"), check("s1")}}
			d := drive(t, cfg)
			d.up("eth1")
			d.down("eth2")
			for i, r := range tt.results {
				d.checked(fmt.Sprintf("s%d", i), r)
			}
			d.priority("V", tt.want)
			st := d.status("V")
			if fault := st.Role == vrrp.Fault; fault != tt.fault || fault != (len(st.Faults) == 1) {
				t.Errorf("role %v, faults %v; want fault %v", st.Role, st.Faults, tt.fault)
			}
			sum := int(st.Base)
			for _, term := range st.Terms {
				sum += term.Value
			}
			if want := max(1, min(254, sum)); tt.base < 255 && want != int(st.Effective) {
				t.Errorf("terms %+v do not add up to %d", st.Terms, st.Effective)
			}
		})
	}
}

// TestFirstResult: a script of weight 0 keeps an instance in INIT until it has
// spoken; one with a weight does not.
func TestFirstResult(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Scripts = []TrackScript{{Name: "s"}}
	d := drive(t, Config{Instances: []Instance{in}, Scripts: []Script{check("s"), check("unused")}})
	d.want("run s")
	d.role("V", vrrp.Init)
	if w := d.status("V").Waiting; len(w) != 1 {
		t.Errorf("waits for %v", w)
	}
	d.pass(10 * second)
	d.role("V", vrrp.Init)
	d.checked("s", OK)
	d.want("note check", "V INIT>BACKUP")
	if s := d.node.Status(d.now).Scripts; !s[0].Used || s[1].Used {
		t.Errorf("used: %v, %v", s[0].Used, s[1].Used)
	}

	in.Scripts[0].Weight = -20
	d = drive(t, Config{Instances: []Instance{in}, Scripts: []Script{check("s")}})
	d.want("run s", "V INIT>BACKUP")
}

// TestFirstFailure: FAULT at the first failure, BACKUP with a whole down
// interval after recovery.
func TestFirstFailure(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Scripts = []TrackScript{{Name: "s"}}
	d := drive(t, Config{Instances: []Instance{in}, Scripts: []Script{check("s")}})
	d.checked("s", Failed)
	d.want("run s", "note check", "V INIT>FAULT")
	d.pass(2 * second)
	d.want("run s")
	d.checked("s", OK)
	d.want("note check", "V FAULT>BACKUP")
	if got, want := d.status("V").MasterDown, d.now.Add(vrrp.V3.MasterDown(100, second, 3)); got != want {
		t.Errorf("down timer %d, want %d", got, want)
	}
}

// TestInitFail: the instance begins in FAULT, and people are told with the
// first Tick.
func TestInitFail(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Scripts = []TrackScript{{Name: "s"}}
	s := check("s")
	s.InitFail, s.Rise = true, 2
	d := drive(t, Config{Instances: []Instance{in}, Scripts: []Script{s}})
	d.want("V INIT>FAULT", "run s")
	d.checked("s", OK)
	d.want("note check")
	d.pass(2 * second)
	d.checked("s", OK)
	d.want("run s", "note check", "V FAULT>BACKUP")
}

// TestRiseFall: a script's results count in a row, and its slots are kept.
func TestRiseFall(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Scripts = []TrackScript{{Name: "s", Weight: -50}}
	s := check("s")
	s.Rise, s.Fall = 2, 3
	d := drive(t, Config{Instances: []Instance{in}, Scripts: []Script{s}})
	d.forget()
	for i, step := range []struct {
		result Result
		want   uint8
	}{{OK, 100}, {Failed, 100}, {Timeout, 100}, {OK, 100}, {Failed, 100}, {Broken, 100}, {Failed, 50}, {OK, 50}, {Failed, 50}, {OK, 50}, {OK, 100}} {
		if runs := slices.Contains(d.log, "run s"); i > 0 && !runs {
			t.Fatalf("result %d: it was not run", i)
		}
		d.forget()
		d.checked("s", step.result)
		if d.priority("V", step.want); t.Failed() {
			t.Fatalf("result %d", i)
		}
		d.pass(2 * second)
	}
}

// TestUnasked: a result that nobody waits for changes nothing.
func TestUnasked(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Scripts = []TrackScript{{Name: "s"}}
	d := drive(t, Config{Instances: []Instance{in}, Scripts: []Script{check("s")}})
	d.checked("s", OK)
	d.forget()
	d.checked("s", Failed)
	d.checked("nobody", Failed)
	d.want()
	d.role("V", vrrp.Backup)
}

// TestPriorityMovesTimer: in BACKUP the down timer moves by the difference of
// the skews; a MASTER's next advert carries the new value.
func TestPriorityMovesTimer(t *testing.T) {
	in := instance3("V", 1, 200)
	in.Scripts = []TrackScript{{Name: "s", Weight: -100}}
	d := drive(t, Config{Instances: []Instance{in}, Scripts: []Script{check("s")}})
	before := d.status("V").MasterDown
	d.checked("s", Failed)
	if got := d.status("V").MasterDown.Sub(before); got != 100*second/256 {
		t.Errorf("the timer moves by %v", got)
	}
	d.pass(4 * second)
	d.role("V", vrrp.Master)
	d.forget()
	d.checked("s", OK)
	d.pass(second)
	d.want("note check", "note priority", "V sends 200")
}

// TestMeasuredWeights: a weight that a script measures is what it adds, while
// it is up, whatever weight is configured; one that only measures is no fault
// when it fails.
func TestMeasuredWeights(t *testing.T) {
	value := func(v float64) *float64 { return &v }
	for _, tt := range []struct {
		name   string
		only   bool
		weight int
		step   int
		events []Checked
		want   uint8
		fault  bool
	}{
		{"adds", true, 0, 0, []Checked{{Weight: value(12)}}, 112, false},
		{"takes", true, 0, 0, []Checked{{Weight: value(-30.4)}}, 70, false},
		{"at most", true, 0, 0, []Checked{{Weight: value(-1e6)}}, 1, false},
		{"follows", true, 0, 0, []Checked{{Weight: value(5)}, {Weight: value(7)}}, 107, false},
		{"in steps", true, 0, 3, []Checked{{Weight: value(5)}, {Weight: value(7)}}, 105, false},
		{"broken adds nothing", true, 0, 0, []Checked{{Weight: value(5)}, {Result: Broken}}, 100, false},
		{"and comes back", true, 0, 0, []Checked{{Weight: value(5)}, {Result: Broken}, {Weight: value(6)}}, 106, false},
		{"broken at first", true, 0, 0, []Checked{{Result: Broken}}, 100, false},
		{"beside a check", false, 0, 0, []Checked{{Weight: value(-2)}}, 98, false},
		{"a check that fails faults", false, 0, 0, []Checked{{Weight: value(-2)}, {Result: Failed}}, 100, true},
		{"or has its weight", false, -20, 0, []Checked{{Weight: value(-2)}, {Result: Failed}}, 80, false},
		{"no weight beside a check", false, 0, 0, []Checked{{Weight: value(-2)}, {Unmeasured: true}}, 100, false},
		{"nor the check's", false, 20, 0, []Checked{{Unmeasured: true}}, 100, false},
		{"and its weight again", false, 0, 0, []Checked{{Weight: value(-2)}, {Unmeasured: true}, {Weight: value(-2)}}, 98, false},
		{"and none that nobody asked for", false, 0, 0, []Checked{{Weight: value(-2)}, {Unmeasured: true}, {}}, 100, false},
		{"before its weight", false, -20, 0, []Checked{{Weight: value(-2)}}, 98, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := instance3("V", 1, 100)
			in.Scripts = []TrackScript{{Name: "s", Weight: tt.weight}}
			s := check("s")
			s.WeightOnly, s.Smoothing.Step = tt.only, tt.step
			d := drive(t, Config{Instances: []Instance{in}, Scripts: []Script{s}})
			for i := range tt.events {
				e := tt.events[i]
				e.Script = "s"
				d.node.scripts["s"].life.Tick(d.node.scripts["s"].life.Deadline())
				d.step(&e)
			}
			d.priority("V", tt.want)
			if st := d.status("V"); (st.Role == vrrp.Fault) != tt.fault {
				t.Errorf("role %v, faults %v", st.Role, st.Faults)
			}
		})
	}
}

// TestLackOfAWeight: once a weight could not be measured for as long as makes a check
// fail, none counts until one is, whatever comes between.
func TestLackOfAWeight(t *testing.T) {
	const fall = 3
	weight := func(v float64) *Checked { return &Checked{Weight: &v} }
	none, failed, good := &Checked{Unmeasured: true}, &Checked{Result: Failed}, &Checked{}
	noRun := &Checked{NoRun: true}
	other := func(s *Script) { s.Identity = "other" }
	patient := func(s *Script) { s.Fall = fall + 2 }
	weighs := func(s *Script) { s.Smoothing.Step = 0 }
	for name, tt := range map[string]struct {
		events []any // *Checked, or what a reload makes of the script
		want   uint8
	}{
		"not yet":                        {[]any{weight(-50), none, none}, 50},
		"lacks":                          {[]any{weight(-50), none, none, none}, 100},
		"a failed run between":           {[]any{weight(-50), none, none, none, failed}, 100},
		"and again none":                 {[]any{weight(-50), none, none, none, failed, none}, 100},
		"measured":                       {[]any{weight(-50), none, none, none, failed, weight(-20)}, 80},
		"a failed run is no measurement": {[]any{weight(-50), none, none, failed, none}, 100},
		"reload":                         {[]any{weight(-50), none, none, none, weighs}, 100},
		"reload, more patience":          {[]any{weight(-50), none, none, none, patient}, 100},
		"reload, another script":         {[]any{weight(-50), none, none, none, other}, 100},
		"another, it fails":              {[]any{weight(-50), none, none, none, other, failed}, 100},
		"another, measured":              {[]any{weight(-50), none, none, none, other, weight(-30)}, 70},
		"another, not lacking yet":       {[]any{weight(-50), none, other}, 50},
		"it measures nothing any more":   {[]any{weight(-50), none, none, none, other, good}, 110},
		"nor did it lack":                {[]any{weight(-50), other, good}, 110},
		"another, did not run":           {[]any{weight(-50), other, noRun}, 50},
		"another, did not run and lacks": {[]any{weight(-50), none, none, none, other, noRun}, 100},
		"did not run, measures nothing":  {[]any{weight(-50), other, noRun, good}, 110},
		"did not run, measured":          {[]any{weight(-50), other, noRun, weight(-30)}, 70},
	} {
		t.Run(name, func(t *testing.T) {
			in := instance3("V", 1, 100)
			in.Scripts = []TrackScript{{Name: "s", Weight: 10}}
			s := check("s")
			s.Fall = fall
			d := drive(t, Config{Instances: []Instance{in}, Scripts: []Script{s}})
			for _, e := range tt.events {
				switch e := e.(type) {
				case *Checked:
					e = new(*e)
					e.Script = "s"
					d.node.scripts["s"].life.Tick(d.node.scripts["s"].life.Deadline())
					d.step(e)
				case func(*Script):
					e(&s)
					d.take(d.node.Reconfigure(d.now, Config{Instances: []Instance{in}, Scripts: []Script{s}}))
				}
			}
			d.priority("V", tt.want)
		})
	}
}
