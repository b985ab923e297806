package keepalived

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/standard"
)

// outcomeRow is a file that holds one keyword with a dubious value.
type outcomeRow struct {
	// name is BLOCK/KEYWORD VALUE, key the part before the blank.
	name, key, word string
	// text is the file, base the same without the keyword, line where it is.
	text, base string
	line       int
}

// outcomeRows are those of each keyword of keepalived's that has a value.
func outcomeRows() []outcomeRow {
	l := tables()
	var rows []outcomeRow
	for name, b := range l {
		for i := range b.keywords {
			k := &b.keywords[i]
			if k.bound == nil || k.bound.fresh.IsValid() || k.bound.field.Form == "list" || k.bound.field.Form == "lines" || ownBlock(l, name) || name == "auth_hmac" || k.bound.field.Own {
				continue
			}
			title := b.title + "/" + k.name
			first := before(title)
			if strings.HasPrefix(k.name, "regex_") {
				first = "" // without a pattern it is of no use, which keepalived says
			}
			for _, v := range dubious(title, k) {
				r := outcomeRow{name: strings.TrimRight(name+"/"+k.name+" "+v, " "), key: name + "/" + k.name, word: k.name}
				r.text, r.base = inBlock(l, name, first, k.name+" "+v), inBlock(l, name, first, "")
				r.line = strings.Count(r.text[:strings.LastIndex(r.text, "\n"+k.name+" "+v+"\n")+1], "\n") + 1
				rows = append(rows, r)
			}
		}
	}
	slices.SortFunc(rows, func(a, b outcomeRow) int { return strings.Compare(a.name, b.name) })
	return rows
}

// ownBlock reports whether keepalived has no such block.
func ownBlock(l language, name string) bool {
	for name != "" {
		parent, keyword := parentOf(l, name)
		if l[parent].find(keyword).bound.field.Own {
			return true
		}
		name = parent
	}
	return false
}

// TestOutcomes holds, for each keyword with a value that it should not have,
// that what keepalived 2.2.7 runs runs here too, and that what keepalived
// complains about is not passed over in silence. What keepalived made of it is
// written down in testdata/outcomes.txt:
//
//	takes      it says nothing about it
//	complains  it says something, and runs
//	stops      it does not run
//	unknown    it does not know the keyword; a later one does
func TestOutcomes(t *testing.T) {
	const path = "testdata/outcomes.txt"
	rows := outcomeRows()
	if *record {
		recordOutcomes(t, rows, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	recorded := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, outcome, _ := strings.Cut(strings.TrimSpace(line), "\t")
		recorded[name] = outcome
	}
	refused, silent := refusals(), silences()
	for _, row := range rows {
		outcome := recorded[row.name]
		c, found := Read("f", []byte(row.text))
		reason, refuses := refused[row.name]
		delete(refused, row.name)
		switch {
		case outcome == "":
			t.Errorf("%s: nothing is recorded of it: see -record", row.name)
		case refuses && (reason == "" || !found.Errors()):
			t.Errorf("%s: it is among the refusals, and %v", row.name, found)
		case outcome == "stops" && row.name == row.key && !found.Errors():
			t.Errorf("%s: keepalived stops when the value is missing, and here %v", row.name, found)
		case outcome == "stops", refuses, outcome == "unknown" && row.name == row.key:
		case found.Errors():
			t.Errorf("%s: keepalived %s; here %v", row.name, outcome, found)
		case refusedChecks(c) != nil:
			t.Errorf("%s: keepalived %s; a checker refuses it: %v", row.name, outcome, refusedChecks(c))
		case outcome == "complains" && silent[row.name] == "" && !slices.ContainsFunc(found, func(f config.Finding) bool { return f.At.Line() == row.line }):
			t.Errorf("%s: keepalived complains; nothing is said on line %d: %v", row.name, row.line, found)
		}
	}
	for name := range refused {
		t.Errorf("%s is among the refusals and no row", name)
	}
}

// refusedChecks is what moonkeep's checkers say of checks that they refuse, as
// which the daemon does not start.
func refusedChecks(c *config.Config) (err error) {
	build.EachProbe(c, func(p *build.Probe) {
		own := standard.New(p.Kind)
		if own == nil || p.Kind == "MISC_CHECK" || bytes.Contains(p.Options, []byte(`"certificate"`)) { // its files are not here
			return
		}
		o, bad := checker.NewOptions(p.Options)
		if bad == nil {
			_, bad = own.Prepare(checker.Target{Address: p.Address, BindTo: p.BindTo, BindPort: p.BindPort, BindIf: p.BindIf, Fwmark: p.Fwmark, Timeout: p.ConnectTimeout, Weight: p.Weight}, o)
		}
		err = errors.Join(err, bad)
	})
	return err
}

// refusals are rows that keepalived reads and moonkeep does not, and why.
func refusals() map[string]string {
	const (
		later  = "keepalived stops at the instance when it has read the file"
		quote  = "of the rest of the line nobody knows where it ends; of two such keywords keepalived crashes"
		secret = "a secret that was left out, as by moonkeep convert: nobody should run the file by mistake"
	)
	all := map[string]string{
		"vrrp_instance/interface a_name_that_is_long": later, "vrrp_instance/virtual_router_id 0": later, "vrrp_instance/virtual_router_id 256": later,
		"vrrp_instance/virtual_router_id x": later, "vrrp_instance/virtual_router_id 7x": later,
		"SSL/password": secret,
	}
	for block, words := range map[string]string{
		"global_defs":    "startup_script shutdown_script notify_fifo_script vrrp_notify_fifo_script lvs_notify_fifo_script",
		"virtual_server": "quorum_up quorum_down", "real_server": "notify_up notify_down",
		"vrrp_instance":   "notify notify_master notify_backup notify_fault notify_stop notify_deleted notify_master_rx_lower_pri",
		"vrrp_sync_group": "notify notify_master notify_backup notify_fault notify_stop",
	} {
		for word := range strings.FieldsSeq(words) {
			all[block+"/"+word+` "/bin/x`] = quote
		}
	}
	return all
}

// silences are rows of which keepalived says something that there is no need
// to say, and why.
func silences() map[string]string {
	const (
		none  = "0 is what there is without the line"
		other = "it is about what stands elsewhere"
	)
	return map[string]string{
		"global_defs/vrrp_garp_interval 0": none, "global_defs/vrrp_gna_interval 0": none, "global_defs/vrrp_startup_delay 0": none,
		"vrrp_track_process/delay 0": none, "vrrp_track_process/fork_delay 0": none, "vrrp_track_process/terminate_delay 0": none,
		"real_server/weight 0": other, "vrrp_instance/check_unicast_src off": other, "vrrp_instance/unicast_ttl 0": other, "vrrp_instance/vmac_xmit_base off": other,
	}
}
