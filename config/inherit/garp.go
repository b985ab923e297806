package inherit

import (
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// Preset returns what a garp preset stands for; ok is false when there is none of that
// name. The comment on config.Garp says what each is for.
func Preset(name string) (p config.Garp, ok bool) {
	p = config.Garp{MasterDelay: 5 * time.Second, MasterRefreshRepeat: 1}
	switch name {
	case "default":
		p.MasterRepeat = 5
	case "quiet":
		p.MasterRepeat = 1
	case "thorough":
		p.MasterRepeat, p.MasterRefresh, p.MasterRefreshRepeat = 5, time.Minute, 2
	case "many":
		p.MasterRepeat, p.Interval = 2, time.Millisecond
	default:
		return config.Garp{}, false
	}
	p.LowerPrioDelay, p.LowerPrioRepeat = p.MasterDelay, p.MasterRepeat
	return p, true
}

// garp completes when addresses are announced: the instance's own word, else its preset,
// else the global word, else the global preset, else the default, which vrrp_min_garp
// changes. What follows a lower advert is, unless somebody said otherwise, as global says
// of masters: the instance's own words for masters do not count there, as in keepalived,
// but beside a preset of its own. A repeat of 0 of what a master announces is 1, as in
// keepalived; of what follows a lower advert it is none.
func garp(in *config.Instance, g *config.Global) {
	general, preset := Preset(in.Garp.Preset)
	if !preset {
		general = generalGarp(g)
	}
	own := under(in.Written, "garp.")
	a := &in.Garp
	lay(&a.MasterDelay, own("master_delay"), general.MasterDelay)
	lay(&a.MasterRepeat, own("master_repeat"), general.MasterRepeat)
	lay(&a.MasterRefresh, own("master_refresh"), general.MasterRefresh)
	lay(&a.MasterRefreshRepeat, own("master_refresh_repeat"), general.MasterRefreshRepeat)
	if preset {
		general.LowerPrioDelay, general.LowerPrioRepeat = a.MasterDelay, max(a.MasterRepeat, 1)
	}
	lay(&a.LowerPrioDelay, own("lower_prio_delay"), general.LowerPrioDelay)
	lay(&a.LowerPrioRepeat, own("lower_prio_repeat"), general.LowerPrioRepeat)
	lay(&a.Interval, own("interval"), general.Interval)
	for _, n := range []*int{&a.MasterRepeat, &a.MasterRefreshRepeat} {
		*n = max(*n, 1)
	}
}

// generalGarp is when an instance that says nothing of it announces.
func generalGarp(g *config.Global) config.Garp {
	general, ok := Preset(g.Garp.Preset)
	if !ok {
		general, _ = Preset("default")
		if g.MinGarp {
			general.MasterRepeat, general.MasterDelay = 1, 0
		}
	}
	if !ok || g.GarpInterval > 0 || g.Written.Has("vrrp_garp_interval") {
		general.Interval = g.GarpInterval
	}
	b := g.Garp
	said := under(g.Written, "garp.")
	lay(&b.MasterDelay, said("master_delay"), general.MasterDelay)
	lay(&b.MasterRepeat, said("master_repeat"), general.MasterRepeat)
	lay(&b.MasterRefresh, said("master_refresh"), general.MasterRefresh)
	lay(&b.MasterRefreshRepeat, said("master_refresh_repeat"), general.MasterRefreshRepeat)
	lay(&b.LowerPrioDelay, said("lower_prio_delay"), b.MasterDelay)
	lay(&b.LowerPrioRepeat, said("lower_prio_repeat"), max(b.MasterRepeat, 1))
	lay(&b.Interval, said("interval"), general.Interval)
	return b
}

// lay leaves what was said, else takes what is there without.
func lay[T any](dst *T, said bool, otherwise T) {
	if !said {
		*dst = otherwise
	}
}
