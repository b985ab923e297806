package keepalived

import (
	"cmp"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// Keyword is one word of keepalived's language and what becomes of it.
type Keyword struct {
	// Block is the path of blocks that the word stands in, without the names
	// that authors give them: "virtual_server/real_server". "(root)" is the
	// top level of a file, "(config text)" any place in it, "(types)" any
	// value. A block of lines that are no statements names all keywords that
	// have it.
	Block string
	// Keyword is the word; in capitals it stands for what the author writes
	// there.
	Keyword string
	// Status is "acts" when the word has its effect, "warns" when it is
	// accepted with a warning that nothing comes of it, "refuses" when it is
	// an error because to run without it would be wrong.
	Status string
}

// Keywords returns every keyword of keepalived 2.4.3, each once, ordered by
// block and keyword; those that are moonkeep's own are not among them. The statements
// are rows of the tables that Read goes by, and so are the lines of blocks that Read
// understands.
func Keywords() []Keyword { return keywordsOf(tables()) }

func keywordsOf(l language) []Keyword {
	var all []Keyword
	var descend func(b *block, path string, above status)
	descend = func(b *block, path string, above status) {
		for i := range b.keywords {
			k := &b.keywords[i]
			if k.bound != nil && k.bound.field.Own {
				continue
			}
			s := max(above, k.status)
			all = append(all, Keyword{cmp.Or(path, "(root)"), k.name, s.String()})
			if k.body != "" {
				descend(l[k.body], strings.TrimPrefix(path+"/"+k.name, "/"), s)
			}
		}
	}
	descend(l[""], "", acts)
	for _, e := range entryBlocks() {
		above := l[e.block].find(e.keyword).status
		if around := l[""].find(e.block); around != nil {
			above = max(above, around.status)
		}
		for _, w := range e.words {
			all = append(all, Keyword{e.path, w.name, max(above, w.status).String()})
		}
	}
	for _, w := range textWords() {
		all = append(all, Keyword{"(config text)", w.name, w.status.String()})
	}
	all = append(all, Keyword{"(types)", "BOOL", acts.String()})
	slices.SortFunc(all, func(a, b Keyword) int {
		return cmp.Or(cmp.Compare(a.Block, b.Block), cmp.Compare(a.Keyword, b.Keyword))
	})
	return all
}

// String is the word for a status that the outside sees.
func (s status) String() string {
	switch s {
	case warns:
		return "warns"
	case refuses:
		return "refuses"
	}
	return "acts"
}

// entryBlock is what may stand on the lines of a body that holds no
// statements.
type entryBlock struct {
	path string
	// block and keyword are the row whose body it is, one of several where
	// the path names several. No word does more than that row.
	block, keyword string
	words          []entryWord
}

type entryWord struct {
	name   string
	status status
}

// entries makes words that do what the row they belong to does.
func entries(text string) []entryWord {
	var out []entryWord
	for _, name := range strings.Fields(text) {
		out = append(out, entryWord{name: name})
	}
	return out
}

// textWords are what stands in the text of a file before it is statements. The
// tests hold that each one acts.
func textWords() []entryWord {
	return entries("# @ID @^ID $NAME= ${_PWD} ${_INSTANCE} ${_RANDOM} ${_ENV} ${_HASH} ${_BANG} ~SEQ ~SEQx ~LST " +
		"include includer includem includew includeb includea")
}

// tagged are words of lines with what the tags of their fields say.
func tagged(of *schema.Block, words []string) []entryWord {
	var out []entryWord
	for _, word := range words {
		w := entryWord{name: word}
		switch f := of.Word(word); {
		case f == nil: // a word of its own
		case f.Unbuilt != "":
			w.status = refuses
		case f.Idle != "":
			w.status = warns
		}
		out = append(out, w)
	}
	return out
}

// entryBlocks are the bodies of lines, and what stands behind a keyword that
// takes several words.
func entryBlocks() []entryBlock {
	all := schema.New()
	addresses := append(entries("ADDR[/LEN]"), tagged(all.Of(config.Address{}), all.Of(config.Address{}).Spelled())...)
	return []entryBlock{
		{"virtual_ipaddress (also _excluded, static_ipaddress)", "vrrp_instance", "virtual_ipaddress", addresses},
		{"track_interface|track_script|track_file|track_process|track_bfd entries", "vrrp_instance", "track_script",
			entries("weight reverse noreverse")},
		{"virtual_routes (also static_routes)", "vrrp_instance", "virtual_routes", tagged(all.Of(config.Route{}), strings.Fields(`DEST inet inet6 src via gw or to
			from dev oif tos dsfield table protocol scope metric priority preference onlink encap expires mtu hoplimit
			advmss rtt rttvar reordering window cwnd ssthresh realms rto_min initcwnd initrwnd features quickack congctl
			pref ttl-propagate fastopen_no_cookie nexthop add prepend append vrf as no_track track_group`))},
		{"virtual_rules (also static_rules)", "vrrp_instance", "virtual_rules", entries(`from to table lookup not preference
			order priority tos dsfield fwmark realms suppress_prefixlength sup_pl suppress_ifgroup sup_group iif dev oif
			tunnel-id uidrange l3mdev protocol ipproto sport dport type blackhole goto nop no_track track_group inet
			inet6`)},
		{"vrrp_instance/unicast_peer", "vrrp_instance", "unicast_peer", entries("ADDR min_ttl max_ttl")},
		{"lvs_sync_daemon", "global_defs", "lvs_sync_daemon", entries("inst id maxlen port ttl group")},
		{"virtual_server_group entries", "", "virtual_server_group", []entryWord{{name: "ADDR[/RANGE] [PORT]"}, {name: "fwmark"}}},
		{"linkbeat_interfaces entries", "", "linkbeat_interfaces", entries("IFNAME")},
		{"interface_up_down_delays entries", "", "interface_up_down_delays", entries("IFNAME")},
	}
}
