package main

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/config/lint"
)

// password makes a node whose password must not be seen.
const password = ", authentication: {auth_type: PASS, auth_pass: sEcReT}"

func TestCheckExcerpt(t *testing.T) {
	const text = "vrrp_instances:\n  - name: A\n    authentication: {auth_type: PASS, auth_pass: sEcReT}\n" +
		"    interface: none0\n    virtual_router_id: 1\n    priority: 100\n    virtual_ipaddresses: [192.0.2.1/24]\n"
	const brief = "a.yaml:3:5: warning: vrrp_instance A: auth_type PASS …; use it nowhere else [clear-password]\n"
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"a pipe":          {nil, brief},
		"a pipe, --brief": {[]string{"--brief"}, brief},
		"--excerpt":       {[]string{"--excerpt"}, brief + "        authentication: ***\n        ^\n"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"--allow", "no-interface", "a.yaml"}, test.args...)
			status, stdout, _ := checkRun(t, map[string]string{"a.yaml": text}, args...)
			if status != 0 || !matches(stdout, test.want) {
				t.Errorf("%d: got\n%swant\n%s", status, stdout, test.want)
			}
		})
	}
	t.Run("a password", func(t *testing.T) {
		bad := strings.Replace(text, "PASS,", "PASS, auth: 1,", 1)
		status, stdout, stderr := checkRun(t, map[string]string{"a.yaml": bad}, "--excerpt", "a.yaml")
		if status != 1 || !strings.Contains(stdout, "\n        authentication: ***\n") || strings.Contains(stdout+stderr, "sEcReT") {
			t.Errorf("%d: %s%s", status, stdout, stderr)
		}
	})
	t.Run("exclusive", func(t *testing.T) {
		if status, _, stderr := checkRun(t, map[string]string{"a.yaml": text}, "--excerpt", "--json", "a.yaml"); status != 2 || stderr == "" {
			t.Errorf("%d: %s", status, stderr)
		}
	})
}

// openTerminal returns both ends of a pseudo terminal.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("needs /dev/ptmx:", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

func TestCheckOnATerminal(t *testing.T) {
	const colours = "\x1b[1ma.conf:1:1: \x1b[0m\x1b[1;31merror: \x1b[0m"
	for name, test := range map[string]struct {
		env   map[string]string
		args  []string
		wants []string
		not   string
	}{
		"colours":      {map[string]string{"TERM": "xterm", "NO_COLOR": ""}, nil, []string{colours, "\r\n    vrrp_instance {\r\n    \x1b[1;32m^\x1b[0m\r\n"}, "secret"},
		"NO_COLOR":     {map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, nil, []string{"a.conf:1:1: error: ", "\r\n    vrrp_instance {\r\n    ^\r\n"}, "\x1b"},
		"a plain one":  {map[string]string{"TERM": "dumb", "NO_COLOR": ""}, nil, []string{"\r\n    vrrp_instance {\r\n    ^\r\n"}, "\x1b"},
		"--brief":      {map[string]string{"TERM": "xterm", "NO_COLOR": ""}, []string{"--brief"}, []string{colours}, "^"},
		"JSON, always": {map[string]string{"TERM": "xterm", "NO_COLOR": ""}, []string{"--json"}, []string{`"name": "missing-argument"`}, "\x1b"},
	} {
		t.Run(name, func(t *testing.T) {
			master, slave := openTerminal(t)
			for k, v := range test.env {
				t.Setenv(k, v)
			}
			t.Chdir(t.TempDir())
			if err := os.WriteFile("a.conf", []byte("vrrp_instance {\n}\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			var stderr strings.Builder
			if status := run(append([]string{"check", "a.conf"}, test.args...), slave, &stderr); status != 1 {
				t.Errorf("exit status %d: %s", status, stderr.String())
			}
			// What is written fits into the terminal's buffer.
			buf := make([]byte, 16<<10)
			n, err := master.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got := string(buf[:n])
			for _, want := range test.wants {
				if !strings.Contains(got, want) {
					t.Errorf("got %q\nwant in it %q", got, want)
				}
			}
			if strings.Contains(got, test.not) {
				t.Errorf("got %q\nwith %q in it", got, test.not)
			}
		})
	}
}

func TestCheckSilenced(t *testing.T) {
	allowed := "vrrp_instances:\n  # moonkeep: allow clear-password: a test\n" + strings.TrimPrefix(yamlNode("100", password), "vrrp_instances:\n")
	for name, test := range map[string]struct {
		text   string
		args   []string
		status int
		// left are the names that stay.
		left   string
		stderr string
	}{
		"nothing":               {yamlNode("100", password), nil, 0, "clear-password no-interface", "1 file: 0 errors, 2 warnings" + hostLacks},
		"a comment":             {allowed, nil, 0, "no-interface", "1 file: 0 errors, 1 warning, 1 silenced" + hostLacks},
		"by name":               {allowed, []string{"--allow", "no-interface"}, 0, "", "1 file: 0 errors, 0 warnings, 2 silenced" + hostLacks},
		"by names":              {yamlNode("100", password), []string{"--allow", "no-interface,clear-password"}, 0, "", "1 file: 0 errors, 0 warnings, 2 silenced" + hostLacks},
		"strict":                {allowed, []string{"--strict"}, 1, "no-interface", "1 file: 0 errors, 1 warning, 1 silenced; --strict takes no warning\n"},
		"strict, none left":     {allowed, []string{"--strict", "--allow", "no-interface"}, 0, "", "1 file: 0 errors, 0 warnings, 2 silenced" + hostLacks},
		"an unused one":         {allowed, []string{"--allow", "short-silence"}, 0, "no-interface unused-allow", "1 file: 0 errors, 2 warnings, 1 silenced" + hostLacks},
		"an unused one, strict": {allowed, []string{"--allow", "short-silence,no-interface", "--strict"}, 1, "unused-allow", "1 file: 0 errors, 1 warning, 2 silenced; --strict takes no warning\n"},
		"an error":              {yamlNode("300", ""), []string{"--allow", "out-of-range"}, 1, "out-of-range unused-allow", "1 file: 1 error, 1 warning; this cannot run\n"},
		"an unknown one":        {allowed, []string{"--allow", "short-silenc"}, 2, "", "moonkeep: --allow: no finding is called \"short-silenc\"; is short-silence meant?\n"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := checkRun(t, map[string]string{"a.yaml": test.text}, append(append([]string{"--json"}, test.args...), "a.yaml")...)
			if status != test.status || stderr != test.stderr {
				t.Errorf("%d: %s\nwant %d: %s", status, stderr, test.status, test.stderr)
			}
			if status == 2 {
				return
			}
			var found []struct{ Name string }
			if err := json.Unmarshal([]byte(stdout), &found); err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for _, f := range found {
				seen[f.Name] = true
			}
			want := strings.Fields(test.left)
			for _, name := range want {
				if !seen[name] {
					t.Errorf("%s is not in %v", name, found)
				}
			}
			if len(found) != len(want) {
				t.Errorf("%v stay, want %v", found, want)
			}
		})
	}
}

func TestCheckExplainsAll(t *testing.T) {
	status, stdout, _ := checkRun(t, nil, "--explain", "all")
	names := strings.Fields(stdout)
	if status != 0 || len(names) != len(lint.Explained()) {
		t.Fatalf("%d: %d names, want %d", status, len(names), len(lint.Explained()))
	}
	for _, name := range names {
		status, stdout, stderr := checkRun(t, nil, "--explain", name)
		if status != 0 || !strings.HasPrefix(stdout, name+"\n\n") || stderr != "" {
			t.Errorf("%s: %d: %s%s", name, status, stdout, stderr)
		}
	}
}
