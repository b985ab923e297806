//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// differences are the sites of which keepalived 2.2.7 and moonkeep say
// different things, and why. Theirs and ours are "fine" or "complains"; ours
// is "refuses" too. What is only not acted on is no complaint.
func differences() map[string]struct{ theirs, ours, why string } {
	return map[string]struct{ theirs, ours, why string }{
		"auth-hmac":      {"complains", "fine", "auth_hmac is of keepalived 2.4"},
		"bfd-routers":    {"complains", "fine", "multihop is of keepalived 2.4"},
		"vrf-ipvlan":     {"complains", "fine", "v3_checksum_as_v2 is of keepalived 2.4"},
		"nginx-pair":     {"complains", "fine", "a timeout with a fraction is of keepalived 2.4"},
		"udp-payload":    {"complains", "fine", "keepalived takes no byte ff in a payload"},
		"vmac":           {"complains", "fine", "promote_secondaries says nothing new for an interface with a virtual MAC"},
		"policy-routing": {"complains", "fine", "keepalived does not track a route without an interface, and says so"},
		"mistakes":       {"complains", "refuses", "moonkeep refuses what would do something else than its author means"},
	}
}

// TestAgreesWithKeepalived holds what moonkeep says of each site's
// configuration against keepalived --config-test, in a namespace that has the
// interfaces.
func TestAgreesWithKeepalived(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("keepalived"); err != nil {
		t.Skip("needs keepalived")
	}
	host, other := netnstest.New(t), netnstest.New(t)
	for i, name := range []string{"eth0", "eth1", "eth2", "eth3", "eth4", "bond0", "bond1", "ens192", "enp1s0"} {
		netnstest.Connect(t, host, name, other, name)
		// Without an address of the host's own keepalived warns of each.
		_, err := host.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix(fmt.Sprintf("10.250.%d.1/24", i)), Device: name})
		netnstest.Must(t, err)
	}
	version, err := exec.Command("keepalived", "--version").CombinedOutput()
	netnstest.Must(t, err)
	exactly := bytes.Contains(version, []byte("v2.2.7"))
	files, err := filepath.Glob("../../config/keepalived/testdata/sites/*/keepalived.conf")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sites: %v", err)
	}
	for _, path := range files {
		site := filepath.Base(filepath.Dir(path))
		theirs, said := keepalivedSays(t, host, path)
		ours, found := moonkeepSays(t, path)
		if theirs == "fine" {
			converted := convertSite(t, path)
			if again, said := keepalivedSays(t, host, converted); again != "fine" {
				t.Errorf("%s: keepalived %s of what moonkeep convert writes\n%s", site, again, said)
			}
		}
		want, differs := differences()[site]
		switch {
		case !differs && theirs != ours:
			t.Errorf("%s: keepalived %s, moonkeep %s\n%s\n%v", site, theirs, ours, said, found)
		case differs && ours != want.ours, differs && exactly && theirs != want.theirs:
			t.Errorf("%s: keepalived %s, moonkeep %s, want %s and %s: %s\n%s\n%v", site, theirs, ours, want.theirs, want.ours, want.why, said, found)
		}
	}
}

// keepalivedSays returns what --config-test says as the node "one".
func keepalivedSays(t *testing.T, host *netnstest.Host, path string) (verdict, said string) {
	t.Helper()
	absolute, err := filepath.Abs(path)
	netnstest.Must(t, err)
	var out bytes.Buffer
	cmd := exec.Command("keepalived", "-t", "-f", absolute, "-i", "one")
	cmd.Stdout, cmd.Stderr = &out, &out
	netnstest.Must(t, host.NS.Start(cmd))
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	verdict = "fine"
	for line := range strings.Lines(out.String()) {
		// These are about the host that the test runs on.
		if strings.HasPrefix(line, "SECURITY VIOLATION") || strings.HasPrefix(line, "WARNING - default user") {
			continue
		}
		verdict, said = "complains", said+line
	}
	return verdict, said
}

// convertSite writes a site's configuration anew in keepalived's language, with
// nothing left to include or to expand, and returns the file.
func convertSite(t *testing.T, path string) string {
	t.Helper()
	converted := filepath.Join(t.TempDir(), "keepalived.conf")
	var said bytes.Buffer
	status := run([]string{"convert", path, "--to", "keepalived", "--config-id", "one", "--secrets", "--output", converted}, &said, &said)
	if status == int(exitUsage) {
		t.Fatalf("convert %s: %s", path, said.String())
	}
	return converted
}

// moonkeepSays returns what reading finds as the node "one".
func moonkeepSays(t *testing.T, path string) (verdict string, complaints config.Findings) {
	t.Helper()
	_, found, err := load.FileAs(path, "one")
	netnstest.Must(t, err)
	verdict = "fine"
	for _, f := range found {
		switch {
		case f.Name == "not-acted-on" || f.Name == "not-built":
			continue
		case f.Severity == config.Error:
			verdict = "refuses"
		case verdict == "fine":
			verdict = "complains"
		}
		complaints = append(complaints, f)
	}
	return verdict, complaints
}
