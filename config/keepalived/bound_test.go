package keepalived

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// fillers are what a block needs to be sound: its first words and its lines.
func fillers() map[string][]string {
	return map[string][]string{
		"virtual_server":       {"10.0.0.1 80", "protocol TCP", "lb_algo rr", "lb_kind NAT", "real_server 10.0.0.9 80 {\n}"},
		"virtual_server_group": {"g", "10.0.0.1 80"},
		"real_server":          {"10.0.0.2 80"},
		"HTTP_GET":             {"", "url {\npath /x\n}"},
		"SSL_GET":              {"", "url {\npath /x\n}"},
		"url":                  {"", "path /x"},
		"MISC_CHECK":           {"", "misc_path /bin/x"},
		"FILE_CHECK":           {"", "track_file tf"},
		"BFD_CHECK":            {"", "name bf"},
		"track_file":           {"tf", "file /x"},
		"bfd_instance":         {"bf", "neighbor_ip 10.0.0.3"},
		"LUA_CHECK":            {"", "path /x.lua"},
		"PLUGIN_CHECK":         {"", "name redis-role"},
		"plugin":               {"redis-role"},
		"vrrp_script":          {"chk", "script /bin/chk"},
		"vrrp_track_file":      {"vf", "file /x"},
		"vrrp_track_process":   {"tp", "process nginx"},
		"vrrp_instance":        {"I", "interface eth0", "virtual_router_id 9", "virtual_ipaddress {\n10.0.0.99\n}"},
		"vrrp_sync_group":      {"G", "group {\nA\nB\n}"},
		"track_group":          {"tg", "group {\nA\n}"},
		"garp_group":           {"gg"},
		"authentication":       {"", "auth_type PASS", "auth_pass x"},
		"auth_hmac":            {"", "key 1 0123456789abcdef0123456789abcdef", "active_key 1"},
	}
}

// inBlock returns a file in which lines stand in a block of the language, at
// its end. What has to stand before them in the block, and in no other, is
// before.
func inBlock(l language, name, before, lines string) string {
	text := before
	for _, filler := range fillersBut(l[name].title, before+lines) {
		text += "\n" + filler
	}
	text += "\n" + lines
	for name != "" {
		parent, keyword := parentOf(l, name)
		head := fillers()[keyword]
		first := ""
		if len(head) > 0 {
			first = head[0]
		}
		text = keyword + " " + first + " {\n" + text + "\n}"
		if parent != "" {
			for _, filler := range fillersBut(l[parent].title, keyword+" ") {
				text = filler + "\n" + text
			}
		}
		name = parent
	}
	head, text := "", strings.TrimLeft(text, "\n")
	for i, instance := range []string{"A", "B"} {
		head += fmt.Sprintf("vrrp_instance %s {\ninterface eth0\nvirtual_router_id %d\nvirtual_ipaddress {\n10.0.0.%d\n}\n", instance, 1+i, 1+i)
		head += "}\n"
	}
	for _, named := range []string{"track_file tf {\nfile /x\n}\n", "bfd_instance bf {\nneighbor_ip 10.0.0.3\n}\n"} {
		if word, _, _ := strings.Cut(named, "{"); !strings.HasPrefix(text, word) {
			head += named
		}
	}
	if strings.HasPrefix(text, "vrrp_script ") {
		text += "\nvrrp_instance T {\ninterface eth0\nvirtual_router_id 8\nvirtual_ipaddress {\n10.0.0.8\n}\ntrack_script {\nchk\n}\n}"
	}
	return head + text + "\n"
}

// fillersBut are the lines that a block needs beside those given.
func fillersBut(title, lines string) []string {
	var kept []string
	all := fillers()[title]
	for _, filler := range all[min(1, len(all)):] {
		word, _, _ := strings.Cut(filler, " ")
		if !slices.ContainsFunc(strings.Split(lines, "\n"), func(line string) bool { return strings.HasPrefix(line, word+" ") || line == word }) {
			kept = append(kept, filler)
		}
	}
	return kept
}

// parentOf returns the block in which a keyword opens another one.
func parentOf(l language, name string) (parent, keyword string) {
	for block, b := range l {
		for _, k := range b.keywords {
			// What a vrrp_script may check, a real_server may, too.
			if k.body == name && k.bound != nil && block != "check" {
				return block, k.name
			}
		}
	}
	panic("nothing opens " + name)
}

// before is what a keyword must follow to have its effect.
func before(key string) string {
	switch key {
	case "virtual_server/hashed", "virtual_server/sh-port", "virtual_server/sh-fallback":
		return "lb_algo sh\n"
	case "virtual_server/mh-port", "virtual_server/mh-fallback":
		return "lb_algo mh\n"
	case "virtual_server/sorry_server_inhibit", "virtual_server/sorry_server_lvs_method":
		return "sorry_server 10.0.0.7 80\n"
	case "virtual_server/persistence_granularity":
		return "persistence_timeout 50\n"
	case "vrrp_instance/native_ipv6":
		return "virtual_ipaddress {\n2001:db8::9\n}\n"
	}
	if strings.Contains(key, "/regex_") {
		return "regex x\n"
	}
	return ""
}

// samples are values of the types that have a notation of their own, and of
// keywords whose texts are not free: a good one and a bad one.
func samples() map[string][2]string {
	return map[string][2]string{
		"Endpoint": {"10.0.0.5 81", "10.0.0.555"}, "LVSMethod": {"TUN type gue port 5000 csum", "TUN type gue"}, "Granularity": {"255.255.255.0", "0"},
		"Hex": {"01ab 02", "0g"}, "Reply": {"01aX", "zz"}, "Digest": {"9b3a0c85a887a256d6939da88aabd8cd", "9b"},
		"StatusCodes": {"200 301-303", "99"}, "RegexStack": {"1000 2000", "2000 1000"},
		"FILE_CHECK/track_file": {"tf", "tg"}, "BFD_CHECK/name": {"bf", "bg"}, "virtual_server/ip_family": {"inet", "ipv4"},
		"LUA_CHECK/arg": {"a b", "a"}, "PLUGIN_CHECK/option": {"role master", "role"}, "plugin/user": {"u", ""}, "SHA256": {strings.Repeat("0a", 32), "0a"},
		"weight_by": {`"lua:/x.lua y=1"`, `"/bin/x`}, "misc_path": {`"/bin/x y"`, `"/bin/x`}, "bind_if": {"eth5", "a_name_that_is_long"},
		"vrrp_script/script": {`"/bin/x y"`, `"/bin/x`}, "vrrp_script/user": {"u", ""},
		"interface": {"eth5", "a_name_that_is_long"}, "default_interface": {"eth5", "a/b"}, "lvs_sync_daemon_interface": {"eth5", "a/b"},
		"vrrp_script/weight": {"7 reverse", "300"}, "track_file/weight": {"7 reverse", "300"}, "vrrp_track_process/weight": {"7 reverse", "x"}, "bfd_instance/weight": {"7 reverse", "300"},
		"track_file/file": {"/some/file", "x"}, "idle_tx": {"1500", "10"}, "advert_int": {"7", "x"}, "state": {"MASTER\npriority 9", "MASTRE"}, "vrrp_instance/v3_checksum_as_v2": {"on", "maybe"}, "global_defs/v3_checksum_as_v2": {"", "off"},
		"vrrp_instance/use_vmac":     {"name vrrp.9 02:00:00:00:00:09 group 3 netlink_notify_msg", "01:00:00:00:00:09"},
		"vrrp_instance/use_ipvlan":   {"name ipv.9 10.9.9.9/24 vepa group 3", "a_name_that_is_long"},
		"vrrp_instance/mcast_dst_ip": {"224.0.0.19", "10.0.0.1"}, "vrrp_mcast_group4": {"224.0.0.19", "ff02::12"}, "vrrp_mcast_group6": {"ff02::13", "224.0.0.19"},
		"garp_extra_if": {"all 60", "all"}, "vmac_garp_intvl": {"60", "86401"}, "vrrp_garp_extra_if": {"all 60", "0"}, "vrrp_vmac_garp_intvl": {"60", "all"},
		"notify_deleted": {`"/bin/x y" u g`, `"/bin/x`}, "auth_type": {"AH", "SHA"}, "auth_pass": {"12345678", "123456789"},
		"auth_hmac/key": {"1 hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "1 hex:0001"}, "active_key": {"1", "2"},
		"init_file": {"7 overwrite", "x"}, "script_user": {"u", ""}, "plugin_user": {"u", ""}, "smtp_server": {"mail.example 587", "mail.example 70000"},
		"notify_fifo": {"/run/x u g", "x"}, "vrrp_notify_fifo": {"/run/x u", "x"}, "lvs_notify_fifo": {"/run/x", "x"},
		"vrrp_rx_bufs_policy": {"ADVERT", "BIG"}, "vrrp_iptables": {"IN OUT", "IN OUT MORE"}, "vrrp_ipsets": {"", "a b c d e f g"},
		"umask": {"IRWXG | IRWXO", "IRWXA"}, "lvs_sync_daemon": {"eth5 inst A id 7 maxlen 1400 port 8849 ttl 3 group 224.0.0.82", "eth5 id 256"},
		"lvs_timeouts": {"tcp 7 tcpfin 8 udp 9", "tcp x"}, "vrrp_cpu_affinity": {"0 3", "x"}, "checker_cpu_affinity": {"0 3", "x"}, "bfd_cpu_affinity": {"0 3", "x"},
		"kernel_rx_buf_size": {"65536", "0"}, "metrics_listen": {"127.0.0.1:9650", "localhost:9650"},
	}
}

// sampleOf returns a good and a bad value of a field, as words of a line; "" is no
// word at all. Want is what the good one means, nil when the sample itself is
// rendered as its text.
func sampleOf(key string, f *schema.Field) (good, bad string, want any) {
	_, word, _ := strings.Cut(key, "/")
	lo, hi := f.Bounds()
	for _, name := range []string{key, word, f.Type.Name()} {
		if s, ok := samples()[name]; ok {
			if f.Kind == schema.KindText {
				return s[0], s[1], s[0]
			}
			return s[0], s[1], nil
		}
	}
	switch f.Kind {
	case schema.KindBool:
		if f.Form == "bare" {
			return "", "surplus", word != "preempt"
		}
		return "yes", "maybe", true
	case schema.KindInt:
		n := max(lo, min(hi, 7))
		if hi < math.MaxInt64 {
			return strconv.FormatInt(n, 10), strconv.FormatInt(hi+1, 10), n
		}
		return strconv.FormatInt(n, 10), "x", n
	case schema.KindDuration:
		unit := map[string]time.Duration{"": time.Second, "s": time.Second, "ms": time.Millisecond, "us": time.Microsecond}[f.Unit]
		if f.Whole {
			return "7", "x", 7 * unit
		}
		return "7.5", "-1", 15 * unit / 2
	case schema.KindText:
		if len(f.Enum) > 0 {
			return f.Enum[1], "nonsense", f.Enum[1]
		}
		if f.Form == "optional" {
			return "some/word", "two words", "some/word"
		}
		return "some/word", "", "some/word"
	case schema.KindWords:
		if len(f.Enum) > 0 {
			return f.Enum[0] + " " + f.Enum[1], "nonsense", f.Enum[:2]
		}
		return "one two", "", []string{"one", "two"}
	case schema.KindAddress:
		return "10.9.9.9", "10.9.9.999", "10.9.9.9"
	case schema.KindPrefix:
		return "10.9.9.0/24", "10.9.9.0/33", "10.9.9.0/24"
	case schema.KindProgram:
		return `"/bin/x y" u g`, `"/bin/x`, nil
	}
	panic("no sample of " + key)
}

// TestBoundKeywords holds, for each keyword that is bound to a field, that a
// good value is in the field and its key in Written, and that a bad one is
// reported at its place and not set.
func TestBoundKeywords(t *testing.T) {
	l := tables()
	for name, b := range l {
		for i := range b.keywords {
			k := &b.keywords[i]
			if k.bound == nil || k.bound.fresh.IsValid() || k.bound.field.Form == "list" || k.bound.field.Form == "lines" {
				continue
			}
			key := b.title + "/" + k.name
			t.Run(name+"/"+k.name, func(t *testing.T) {
				f := k.bound.field
				good, bad, want := sampleOf(key, f)
				text := inBlock(l, name, before(key), k.name+" "+good)
				cfg, findings := Read("f", []byte(text))
				// One key of a smoothing is not sound without others.
				if others := unlike(findings, "not-acted-on", "not-built", "deprecated", "no-effect", "bad-smoothing"); len(others) > 0 {
					t.Fatalf("%s:\n%v", text, others)
				}
				checkStatus(t, k, findings)
				withoutOthers(cfg)
				v := found(reflect.ValueOf(cfg).Elem(), ownerOf(l, name, f), k.bound.key)
				if !v.IsValid() {
					t.Fatalf("%s: the key %s was not written", text, k.bound.key)
				}
				if f.Root {
					v = reflect.ValueOf(cfg).Elem()
				}
				if got := shownValue(f.Value(v)); want != nil && got != fmt.Sprint(want) || want == nil && got == "" {
					t.Errorf("%s %s: got %s, want %v", k.name, good, got, want)
				}

				text = inBlock(l, name, before(key), k.name+" "+bad)
				cfg, findings = Read("f", []byte(text))
				at := strings.Count(text[:strings.LastIndex(text, k.name+" "+bad)], "\n") + 1
				if !slices.ContainsFunc(findings, func(x config.Finding) bool {
					return x.At.Line() == at && x.Name != "not-acted-on" && x.Name != "not-built"
				}) {
					t.Errorf("%s %s: got %v, want a finding on line %d of\n%s", k.name, bad, findings, at, text)
				}
				withoutOthers(cfg)
				if v := found(reflect.ValueOf(cfg).Elem(), ownerOf(l, name, f), k.bound.key); v.IsValid() && f.Form != "bare" && findings.Errors() {
					t.Errorf("%s %s is in the configuration", k.name, bad)
				}
			})
		}
	}
}

// checkStatus holds that a keyword says what its status is: nothing when it
// acts, else a warning with what follows from it. Several blocks of which the
// same is to be said share one.
func checkStatus(t *testing.T, k *keyword, findings config.Findings) {
	t.Helper()
	for name, status := range map[string]status{"not-acted-on": warns, "not-built": refuses} {
		said := slices.ContainsFunc(findings, func(x config.Finding) bool {
			return x.Name == name && x.Severity == config.Warning && strings.Contains(x.Text, k.note) &&
				(strings.HasPrefix(x.Text, k.name+" is not ") || k.braces() && k.note != "" || k.named && strings.HasPrefix(x.Text, k.name+" "))
		})
		if want := k.status == status; said != want {
			t.Errorf("%s is said of %s: %v, want %v: %v", name, k.name, said, want, findings)
		}
	}
}

// withoutOthers takes the instances out that stand beside what is tested.
func withoutOthers(cfg *config.Config) {
	cfg.Instances = slices.DeleteFunc(cfg.Instances, func(i config.Instance) bool { return i.Name == "A" || i.Name == "B" })
}

// unlike returns the findings of other names.
func unlike(findings config.Findings, names ...string) config.Findings {
	return slices.DeleteFunc(slices.Clone(findings), func(x config.Finding) bool { return slices.Contains(names, x.Name) })
}

// ownerOf is the struct that the keywords of a block are written into.
func ownerOf(l language, name string, f *schema.Field) reflect.Type {
	switch {
	case f != nil && f.Root:
		return reflect.TypeFor[config.Global]()
	case name == "":
		return reflect.TypeFor[config.Config]()
	}
	parent, keyword := parentOf(l, name)
	return l[parent].find(keyword).bound.field.Elem.Type
}

// found returns the struct of a type within v that wrote a key, or nothing.
func found(v reflect.Value, of reflect.Type, key string) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return found(v.Elem(), of, key)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if x := found(v.Index(i), of, key); x.IsValid() {
				return x
			}
		}
	case reflect.Struct:
		if v.Type() == of {
			if keys, ok := v.FieldByName("Written").Interface().(config.Keys); ok && keys.Has(key) {
				return v
			}
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				if x := found(v.Field(i), of, key); x.IsValid() {
					return x
				}
			}
		}
	}
	return reflect.Value{}
}

// shownValue renders a value to be compared.
func shownValue(v reflect.Value) string {
	if !v.IsValid() {
		return ""
	}
	if x, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := x.MarshalText()
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
	if p, ok := v.Interface().(config.Program); ok {
		return fmt.Sprint(p.Argv, p.User, p.Group)
	}
	return fmt.Sprint(v)
}

// TestBlocksOpen holds that each block that is bound to a field, and what
// stands in it, comes into the configuration.
func TestBlocksOpen(t *testing.T) {
	l := tables()
	for name := range l {
		for i := range l[name].keywords {
			k := &l[name].keywords[i]
			if k.bound == nil || !k.bound.fresh.IsValid() || k.each() || name == "check" || k.name == "check" { // see TestScriptCheck
				continue
			}
			lines := ""
			if head := fillers()[k.name]; len(head) > 0 {
				lines = head[0] + " {\n" + strings.Join(head[1:], "\n") + "\n}"
			} else {
				lines = "{\n}"
			}
			text := inBlock(l, name, "", k.name+" "+lines)
			cfg, findings := Read("f", []byte(text))
			if others := unlike(findings, "not-acted-on", "not-built", "given-twice", "deprecated", "bad-smoothing"); len(others) > 0 {
				t.Errorf("%s:\n%v", text, others)
				continue
			}
			checkStatus(t, k, findings)
			if v := found(reflect.ValueOf(cfg).Elem(), ownerOf(l, name, nil), k.bound.key); !v.IsValid() {
				t.Errorf("%s/%s: it was not written in\n%s", name, k.name, text)
			}
		}
	}
}

// TestSpecialsAreBound holds that no row for an irregular keyword is left
// over, and that every irregular field has one.
func TestSpecialsAreBound(t *testing.T) {
	l := tables()
	for key, own := range specials() {
		block, word, _ := strings.Cut(key, "/")
		if b := l[block]; b == nil || b.find(word) == nil || b.find(word).bound == nil && own.as == "" {
			t.Errorf("%s is no keyword that is bound", key)
		}
	}
	for name, b := range l {
		for _, k := range b.keywords {
			if k.bound == nil {
				continue
			}
			own, ok := specials()[name+"/"+k.name]
			f := k.bound.field
			if (f.Form == "special" || f.Form == "lines") && (!ok || own.handle == nil && own.line == nil) {
				t.Errorf("%s/%s is irregular and has no row in specials", name, k.name)
			}
		}
	}
}
