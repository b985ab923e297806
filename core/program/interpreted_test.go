package program

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestScriptAndRunnable(t *testing.T) {
	here, dir := file(t, "x.sh", 0o644, "exit 0\n"), t.TempDir()
	for command, want := range map[string]struct {
		script   string
		runnable bool
	}{
		"":                                {"", false},
		"/bin/true":                       {"", true},
		"sh":                              {"", true},
		"/nowhere/x":                      {"", false},
		dir:                               {"", false},
		here:                              {"", false}, // not executable
		"/bin/sh " + here:                 {here, true},
		"/bin/sh -x " + here:              {here, true},
		"/bin/sh -e " + here:              {here, true},
		"/bin/sh /nowhere/x.sh":           {"/nowhere/x.sh", false},
		"/bin/sh " + dir:                  {dir, false},
		"/bin/sh -c /nowhere/x":           {"", true},
		"/bin/sh x.sh":                    {"", true},
		"/nowhere/perl -e /nowhere/x":     {"", false},
		"/nowhere/python3.12 /nowhere/x":  {"/nowhere/x", false},
		"/usr/bin/test -e /nowhere":       {"", true},
		"/usr/bin/test /nowhere /nowhere": {"", true},
	} {
		argv := strings.Fields(command)
		if got := Script(argv); got != want.script {
			t.Errorf("%q runs the script %q, want %q", command, got, want.script)
		}
		if got := Runnable(argv); got != want.runnable {
			t.Errorf("%q runnable: %t, want %t", command, got, want.runnable)
		}
	}
}

func TestInspectCommand(t *testing.T) {
	dir := openDir(t)
	if err := os.Mkdir(dir+"/shut", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir + "/shut/x.sh", dir + "/open.sh"} {
		if err := os.WriteFile(path, []byte("exit 0\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(dir+"/secret.sh", []byte("exit 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		command, user string
		reason        error
		says          string
		needsRoot     bool
	}{
		{"/bin/sh " + dir + "/open.sh", "", nil, "", false},
		{"/bin/sh -c /nowhere/x", "", nil, "", false},
		{"/nowhere/x a", "", ErrMissing, "program /nowhere/x does not exist", false},
		{"/bin/sh " + dir + "/none.sh", "", ErrMissing, "program " + dir + "/none.sh does not exist; create it or correct the path", false},
		{"/bin/sh " + dir + "/no/x.sh", "", ErrMissing, "there is no " + dir + "/no", false},
		{"/bin/sh " + dir, "", ErrDirectory, "is not a file but a directory", false},
		{"/bin/sh " + dir + "/open.sh", "nobody", nil, "", true},
		{"/bin/sh " + dir + "/secret.sh", "nobody", ErrPermission, "/bin/sh must be able to read it (mode 0600); chmod o+r " + dir + "/secret.sh", true},
		{"/bin/sh " + dir + "/shut/x.sh", "nobody", ErrPermission, "directory " + dir + "/shut (mode 0700) lets it not pass", true},
		{"/bin/sh " + dir + "/open.sh", "nosuchuser", ErrUser, "there is no such user", false},
	} {
		t.Run(tt.command+" "+tt.user, func(t *testing.T) {
			if tt.needsRoot && os.Geteuid() != 0 {
				t.Skip("needs root: the modes are those of files of root")
			}
			err := InspectCommand(strings.Fields(tt.command), tt.user, "")
			if !errors.Is(err, tt.reason) || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %v with %q", err, tt.reason, tt.says)
			}
		})
	}
}
