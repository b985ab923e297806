package main

import (
	"os"
	"strings"
	"testing"
)

// TestWithoutIPVS: on a kernel without IPVS the daemon says what to do, checks
// servers, and speaks VRRP.
func TestWithoutIPVS(t *testing.T) {
	if _, err := os.Stat("/sys/module/ip_vs"); err == nil {
		t.Skip("needs a kernel without /sys/module/ip_vs: what is shown is its absence")
	}
	t.Parallel()
	a, _ := hosts(t)
	text := conf(150, vip.String(), "") + strings.NewReplacer("global_defs {\n\trouter_id LOAD\n}", "", "WEIGHT", "1").Replace(loadConf)
	p := a.run(t, text)
	a.holds(t, vip, true)
	const hint = "load its module ip_vs"
	eventually(t, hint, func() bool { return strings.Contains(p.log.String(), hint) }, func() string { return p.log.String() })
	s, err := p.status()
	if err != nil || s.IPVS == nil || !strings.Contains(s.IPVS.Trouble, hint) {
		t.Errorf("status %+v, %v", s.IPVS, err)
	}
}
