package convert

import (
	"fmt"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config/document"
	"github.com/moonkeep/moonkeep/config/inherit"
)

// instead says with which keywords keepalived does the same as with one of moonkeep's own,
// as far as there are such; n is the keyword in a table whose keywords begin with prefix.
// What is written beside n is left out. Of global what follows a lower advert is, too: there
// keepalived takes it from what it does as MASTER.
func instead(table, n *document.Node, prefix string) string {
	if n.Field.Key != "preset" {
		return ""
	}
	g, ok := inherit.Preset(n.Text)
	if !ok {
		return ""
	}
	global := strings.HasPrefix(prefix, "vrrp_")
	seconds := func(d time.Duration) string { return number(d.String(), "s") }
	count := func(n int) string { return fmt.Sprint(n) }
	// After a lower advert it is as after becoming master, with what is written beside n.
	lowerDelay, lowerRepeat := seconds(g.LowerPrioDelay), count(g.LowerPrioRepeat)
	if x := table.Find("master_delay"); x != nil {
		lowerDelay = number(x.Text, "s")
	}
	if x := table.Find("master_repeat"); x != nil {
		lowerRepeat = x.Text
		if lowerRepeat == "0" {
			lowerRepeat = "1" // as it is of a master
		}
	}
	var words []string
	for _, x := range []struct{ key, value string }{
		{"master_delay", seconds(g.MasterDelay)},
		{"master_repeat", count(g.MasterRepeat)},
		{"master_refresh", seconds(g.MasterRefresh)},
		{"master_refresh_repeat", count(g.MasterRefreshRepeat)},
		{"lower_prio_delay", lowerDelay},
		{"lower_prio_repeat", lowerRepeat},
	} {
		if table.Find(x.key) == nil && (!global || !strings.HasPrefix(x.key, "lower_")) {
			words = append(words, prefix+x.key+" "+x.value)
		}
	}
	if g.Interval > 0 && global && table.Find("interval") == nil {
		words = append(words, prefix+"interval "+seconds(g.Interval))
	}
	if len(words) == 0 {
		return "; the keys beside it say all that it stands for"
	}
	return "; there it is " + strings.Join(words, ", ")
}
