package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// page asks the host's page of metrics, or the socket in its directory.
func (h *host) page(t *testing.T, at, path string) (status int, text string) {
	t.Helper()
	network, address := "tcp", at
	if file, ok := strings.CutPrefix(at, "unix:"); ok {
		network, address = "unix", file
	}
	var c net.Conn
	netnstest.Must(t, h.Do(func() (err error) { c, err = net.DialTimeout(network, address, time.Second); return err }))
	defer c.Close()
	netnstest.Must(t, c.SetDeadline(time.Now().Add(patience)))
	req, err := http.NewRequest(http.MethodGet, "http://moonkeep"+path, http.NoBody)
	netnstest.Must(t, err)
	req.Close = true
	netnstest.Must(t, req.Write(c))
	all, err := io.ReadAll(c)
	netnstest.Must(t, err)
	_, err = fmt.Sscanf(string(all), "HTTP/1.1 %d", &status)
	netnstest.Must(t, err)
	return status, string(all)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	with := func(listen string) string {
		return strings.Replace(conf(100, "192.0.2.77/24", ""), "script_user root", "script_user root\n\tmetrics_listen "+listen, 1)
	}
	p := a.run(t, with("127.0.0.1:9650"))
	a.holds(t, netip.MustParsePrefix("192.0.2.77/24"), true)
	want := []string{`moonkeep_vrrp_role{instance="VI_1",role="MASTER"} 1`, `moonkeep_vrrp_addresses_held{instance="VI_1"} 1`, "moonkeep_late_seconds "}
	holds := func(status int, text string) {
		t.Helper()
		for _, w := range want {
			if status != http.StatusOK || !strings.Contains(text, w) {
				t.Errorf("status %d, %q is missing in\n%s", status, w, text)
			}
		}
	}
	holds(a.page(t, "127.0.0.1:9650", "/metrics"))
	if status, text := a.page(t, "127.0.0.1:9650", "/healthz"); status != http.StatusOK || !strings.HasSuffix(text, "ok\n") {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := a.page(t, "127.0.0.1:9650", "/v1/status"); status != http.StatusNotFound {
		t.Errorf("the page shows more than metrics: %d", status)
	}
	var out, errs bytes.Buffer
	code := run([]string{"metrics", "--run-dir", p.dir}, &out, &errs)
	holds(map[int]int{0: http.StatusOK}[code], out.String()+errs.String())

	// A reload moves it, and a place that cannot be had costs nothing but the page.
	socket := "unix:" + filepath.Join(a.dir, "metrics.sock")
	p.reload(t, a, with(socket))
	holds(a.page(t, socket, "/metrics"))
	if err := a.Do(func() error { _, err := net.DialTimeout("tcp", "127.0.0.1:9650", time.Second); return err }); err == nil {
		t.Error("the old page is still there")
	}
	p.reload(t, a, with("192.0.2.200:9650"))
	eventually(t, "a word of a page that cannot be opened", func() bool { return strings.Contains(p.log.String(), "cannot serve metrics") }, p.log.String)
	a.holds(t, netip.MustParsePrefix("192.0.2.77/24"), true)
	p.stop(t)
}

// reload writes the configuration and has the daemon read it.
func (p *process) reload(t *testing.T, h *host, conf string) {
	t.Helper()
	h.write(t, "moonkeep.conf", conf, 0o644)
	var out, errs bytes.Buffer
	if code := run([]string{"reload", "--run-dir", p.dir}, &out, &errs); code != 0 {
		t.Fatalf("reload: exit status %d: %s%s", code, &out, &errs)
	}
}
