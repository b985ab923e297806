package keepalived

import (
	"net/netip"

	"github.com/moonkeep/moonkeep/config"
)

// ruleWords are the options of a policy rule whose tags do not say everything.
func ruleWords() map[string]option {
	words := map[string]option{
		"inet": (*reader).routeFamily, "inet6": (*reader).routeFamily, "iif": (*reader).interfaceOption, "dev": (*reader).interfaceOption, "oif": (*reader).interfaceOption,
		"from": (*reader).ruleAddress, "to": (*reader).ruleAddress,
		"type": func(r *reader, l *optionLine, w token) bool {
			v, ok := l.value(r, w)
			return ok && r.setOption(r.here("type"), "type", v)
		},
	}
	for _, action := range []string{"blackhole", "unreachable", "prohibit", "nop"} {
		words[action] = (*reader).ruleAction
	}
	return words
}

// ruleLine reads one line of virtual_rules or static_rules.
func (r *reader) ruleLine(s *statement) {
	l := &optionLine{words: s.words, what: "a rule", own: among(ruleWords())}
	r.options(l, func(w token) bool {
		r.strangeOption(l, w)
		return true
	})
	rule := top[config.Rule](r)
	if r.damaged {
		return
	}
	v4, v6 := rule.Family == "inet", rule.Family == "inet6"
	for _, p := range []netip.Prefix{rule.From, rule.To} {
		v4 = v4 || p.IsValid() && p.Addr().Is4()
		v6 = v6 || p.IsValid() && p.Addr().Is6()
	}
	switch {
	case v4 && v6:
		r.damaged = true
		r.out.error(s.at(), "wrong-family", "the rule mixes IPv4 and IPv6")
	case rule.Type == "unicast" && rule.Table == "" && rule.Goto == nil && !rule.L3MDev:
		r.damaged = true
		r.out.error(s.at(), "missing-argument", "the rule does not say what to do: it needs a table, goto, l3mdev, or a word such as blackhole")
	case rule.Preference == nil:
		r.out.warn(s.at(), "no-preference", "the rule has no preference: keepalived chooses one, and says that it is an error; give each rule its own")
	}
}

// ruleAddress reads ADDR[/LEN] or all, which is no address.
func (r *reader) ruleAddress(l *optionLine, w token) bool {
	v, ok := l.value(r, w)
	if !ok {
		return false
	}
	if v.text == "all" || v.text == "any" || v.text == "default" {
		return true
	}
	rule := top[config.Rule](r)
	to := &rule.From
	if w.text == "to" {
		to = &rule.To
	}
	return r.network(v, w.text, to)
}

func (r *reader) ruleAction(_ *optionLine, w token) bool {
	top[config.Rule](r).Type = w.text
	return true
}
