package inherit

import (
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

func wrote(keys ...string) config.Keys {
	var all config.Keys
	for _, k := range keys {
		all = append(all, config.Key{Name: k})
	}
	return all
}

func TestInstancesTakeWhatGlobalSays(t *testing.T) {
	yes, no := true, false
	g := config.Global{
		Version: 3, Strict: true, ChecksumAsV2: true, SkipCheckAdvAddr: true, LowerPrioNoAdvert: true, HigherPrioSendAdvert: &yes,
		DownTimerAdverts: 5, SMTPAlert: &no, SMTPAlertVRRP: &yes, OwnerIgnoreAdverts: true, CheckUnicastSource: true, NotifyPriorityChanges: true,
	}
	c := config.Config{Global: g, Instances: []config.Instance{
		{Name: "quiet"},
		{Name: "loud", Version: 2, DownTimerAdverts: 3, HigherPrioSendAdvert: &no, Written: wrote("version", "strict_mode", "v3_checksum",
			"skip_check_adv_addr", "lower_prio_no_advert", "higher_prio_send_advert", "down_timer_adverts", "smtp_alert")},
	}, Groups: []config.SyncGroup{{}}}
	Complete(&c)
	quiet, loud := c.Instances[0], c.Instances[1]
	if quiet.Version != 3 || !quiet.Strict || !bool(quiet.ChecksumMessage) || !quiet.SkipCheckAdvAddr || !quiet.LowerPrioNoAdvert ||
		quiet.HigherPrioSendAdvert != &yes || quiet.DownTimerAdverts != 5 || !quiet.SMTPAlert || !quiet.OwnerIgnoreAdverts || !quiet.CheckUnicastSource || !quiet.NotifyPriorityChanges {
		t.Errorf("an instance without a word is %+v", quiet)
	}
	if loud.Version != 2 || loud.Strict || bool(loud.ChecksumMessage) || loud.SkipCheckAdvAddr || loud.LowerPrioNoAdvert ||
		loud.HigherPrioSendAdvert != &no || loud.DownTimerAdverts != 3 || loud.SMTPAlert {
		t.Errorf("an instance with its own words is %+v", loud)
	}
	if !c.Groups[0].SMTPAlert || !c.Groups[0].NotifyPriorityChanges {
		t.Errorf("a group without a word is %+v", c.Groups[0])
	}
}

func TestGarp(t *testing.T) {
	for name, test := range map[string]struct {
		global config.Global
		own    config.Instance
		want   config.Garp
	}{
		"nothing said": {want: config.Garp{MasterDelay: 5 * time.Second, MasterRepeat: 5, MasterRefreshRepeat: 1, LowerPrioDelay: 5 * time.Second, LowerPrioRepeat: 5}},
		"vrrp_min_garp": {
			global: config.Global{MinGarp: true, GarpInterval: time.Second},
			want:   config.Garp{MasterRepeat: 1, MasterRefreshRepeat: 1, LowerPrioRepeat: 1, Interval: time.Second},
		},
		"global, and the lower ones follow": {
			global: config.Global{MinGarp: true, Garp: config.Garp{MasterDelay: time.Second, MasterRepeat: 3}, Written: wrote("garp.master_delay", "garp.master_repeat")},
			want:   config.Garp{MasterDelay: time.Second, MasterRepeat: 3, MasterRefreshRepeat: 1, LowerPrioDelay: time.Second, LowerPrioRepeat: 3},
		},
		"a global 0 for masters": {
			global: config.Global{MinGarp: true, Garp: config.Garp{MasterRepeat: 0}, Written: wrote("garp.master_repeat")},
			want:   config.Garp{MasterRepeat: 1, MasterRefreshRepeat: 1, LowerPrioRepeat: 1},
		},
		"none after a lower advert": {
			global: config.Global{MinGarp: true, Written: wrote("garp.lower_prio_repeat")},
			want:   config.Garp{MasterRepeat: 1, MasterRefreshRepeat: 1},
		},
		"the instance's own": {
			global: config.Global{Garp: config.Garp{LowerPrioDelay: time.Minute, MasterRefresh: 1}, Written: wrote("garp.lower_prio_delay", "garp.master_refresh")},
			own:    config.Instance{Garp: config.Garp{MasterDelay: 2 * time.Second, MasterRepeat: 0}, Written: wrote("garp.master_delay", "garp.master_repeat")},
			want:   config.Garp{MasterDelay: 2 * time.Second, MasterRepeat: 1, MasterRefresh: 1, MasterRefreshRepeat: 1, LowerPrioDelay: time.Minute, LowerPrioRepeat: 5},
		},
		"a preset, and a key beside it": {
			global: config.Global{Garp: config.Garp{MasterRepeat: 9, LowerPrioRepeat: 8, MasterRefresh: time.Hour}, GarpInterval: time.Second, Written: wrote("garp.master_repeat", "garp.lower_prio_repeat", "garp.master_refresh", "vrrp_garp_interval")},
			own:    config.Instance{Garp: config.Garp{Preset: "many", MasterRepeat: 3}, Written: wrote("garp.preset", "garp.master_repeat")},
			want:   config.Garp{Preset: "many", MasterDelay: 5 * time.Second, MasterRepeat: 3, MasterRefreshRepeat: 1, LowerPrioDelay: 5 * time.Second, LowerPrioRepeat: 3, Interval: time.Millisecond},
		},
		"a preset of global, with keys beside it": {
			global: config.Global{MinGarp: true, Garp: config.Garp{Preset: "thorough", MasterRepeat: 3}, GarpInterval: time.Second, Written: wrote("garp.preset", "garp.master_repeat", "vrrp_garp_interval")},
			want:   config.Garp{MasterDelay: 5 * time.Second, MasterRepeat: 3, MasterRefresh: time.Minute, MasterRefreshRepeat: 2, LowerPrioDelay: 5 * time.Second, LowerPrioRepeat: 3, Interval: time.Second},
		},
		"the interval of global's preset": {
			global: config.Global{Garp: config.Garp{Preset: "many"}, Written: wrote("garp.preset")},
			want:   config.Garp{MasterDelay: 5 * time.Second, MasterRepeat: 2, MasterRefreshRepeat: 1, LowerPrioDelay: 5 * time.Second, LowerPrioRepeat: 2, Interval: time.Millisecond},
		},
		"quiet": {
			own:  config.Instance{Garp: config.Garp{Preset: "quiet"}},
			want: config.Garp{Preset: "quiet", MasterDelay: 5 * time.Second, MasterRepeat: 1, MasterRefreshRepeat: 1, LowerPrioDelay: 5 * time.Second, LowerPrioRepeat: 1},
		},
		"the default, whatever global says": {
			global: config.Global{MinGarp: true, Garp: config.Garp{Preset: "thorough"}, GarpInterval: time.Second},
			own:    config.Instance{Garp: config.Garp{Preset: "default"}},
			want:   config.Garp{Preset: "default", MasterDelay: 5 * time.Second, MasterRepeat: 5, MasterRefreshRepeat: 1, LowerPrioDelay: 5 * time.Second, LowerPrioRepeat: 5},
		},
	} {
		c := config.Config{Global: test.global, Instances: []config.Instance{test.own}}
		if Complete(&c); c.Instances[0].Garp != test.want {
			t.Errorf("%s: %+v, want %+v", name, c.Instances[0].Garp, test.want)
		}
	}
}

func TestTrackersAndScripts(t *testing.T) {
	c := config.Config{
		Scripts:        []config.Script{{Name: "a", Weight: 5, Reverse: true, Interval: time.Second}, {Name: "b", Interval: 2, Timeout: 1, Written: wrote("timeout")}},
		TrackFiles:     []config.TrackFile{{Name: "a", Weight: 6}},
		TrackProcesses: []config.TrackProcess{{Name: "a", Weight: 7, Delay: 3}},
		BFDs:           []config.BFD{{Name: "a", Weight: 8}},
		Instances: []config.Instance{{
			TrackScripts: []config.Track{{Name: "a"}, {Name: "a", Weight: 1, Written: wrote("weight", "reverse")}},
			TrackFiles:   []config.Track{{Name: "a"}}, TrackProcesses: []config.Track{{Name: "a"}}, TrackBFDs: []config.Track{{Name: "a"}},
		}},
		Groups: []config.SyncGroup{{TrackScripts: []config.Track{{Name: "a"}, {Name: "none"}}}},
	}
	Complete(&c)
	in := c.Instances[0]
	var got []int
	for _, list := range [][]config.Track{in.TrackScripts, in.TrackFiles, in.TrackProcesses, in.TrackBFDs, c.Groups[0].TrackScripts} {
		for _, track := range list {
			got = append(got, track.Weight)
		}
	}
	for i, want := range []int{5, 1, 6, 7, 8, 5, 0} {
		if got[i] != want {
			t.Errorf("weights %v: number %d is not %d", got, i, want)
		}
	}
	if !in.TrackScripts[0].Reverse || in.TrackScripts[1].Reverse {
		t.Errorf("reverse: %+v", in.TrackScripts)
	}
	if c.Scripts[0].Timeout != time.Second || c.Scripts[1].Timeout != 1 || c.TrackProcesses[0].ForkDelay != 3 || c.TrackProcesses[0].TerminateDelay != 3 {
		t.Errorf("times: %+v %+v", c.Scripts, c.TrackProcesses)
	}
}

// TestPresets: every preset that the schema takes has values.
func TestPresets(t *testing.T) {
	f := schema.New().Root().Field("vrrp_instances").Elem.Field("garp").Elem.Field("preset")
	if len(f.Enum) < 2 {
		t.Fatalf("presets: %q", f.Enum)
	}
	for _, name := range f.Enum {
		if p, ok := Preset(name); !ok || p.MasterRepeat == 0 {
			t.Errorf("%s: %+v %v", name, p, ok)
		}
	}
	if p, ok := Preset(""); ok {
		t.Errorf("no name: %+v", p)
	}
}
