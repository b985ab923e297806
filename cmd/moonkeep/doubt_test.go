package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestDoubts holds that a doubt about a configuration, for which nothing waits, is
// told: in the log after a start and after a reload, and to who asked for that.
func TestDoubts(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	outside := func(address string) string {
		return "vrrp_instance VI_1: " + strings.TrimSuffix(address, "/32") + ": in no subnet of eth0"
	}
	p := a.run(t, conf(100, "198.51.100.1/32", ""))
	p.awaitRole(t, "MASTER")
	eventually(t, "a doubt about the first address", func() bool { return strings.Contains(p.log.String(), outside("198.51.100.1/32")) }, p.log.String)
	a.write(t, "moonkeep.conf", conf(100, "198.51.100.2/32", ""), 0o644)
	var out, errs bytes.Buffer
	if code := run([]string{"reload", "--run-dir", p.dir}, &out, &errs); code != 0 || !strings.Contains(out.String()+errs.String(), outside("198.51.100.2/32")) {
		t.Errorf("reload: exit status %d without a doubt: %s%s", code, &out, &errs)
	}
	eventually(t, "a doubt about the second address", func() bool { return strings.Contains(p.log.String(), outside("198.51.100.2/32")) }, p.log.String)
	p.stop(t)
}
