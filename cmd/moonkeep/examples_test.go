package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/lua"
)

// TestExamples: every example has a README, configurations without an error in
// every language that convert knows, and Lua files with tests that pass.
func TestExamples(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("../../examples/*")
	if err != nil || len(folders) == 0 {
		t.Fatal(folders, err)
	}
	for _, dir := range folders {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue // README.md
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			checkExampleConfigs(t, dir)
			scripts, tests := luaFilesOf(t, dir)
			for name := range scripts {
				if test := strings.TrimSuffix(name, ".lua") + "_test.lua"; !tests[test] {
					t.Errorf("%s has no tests %s", name, test)
				}
				if !strings.Contains(string(readme), strings.TrimPrefix(name, dir+"/")) {
					t.Errorf("the README does not tell of %s", name)
				}
			}
			if len(tests) == 0 {
				return
			}
			var out bytes.Buffer
			if err := luaTests(t.Context(), dir, lua.TestOptions{Timeout: 10 * time.Second}, false, &out); err != nil {
				t.Errorf("%v\n%s", err, out.String())
			}
		})
	}
}

// needsHost matches the findings that say what this host lacks.
var needsHost = regexp.MustCompile(`\[(no-interface|foreign-address|no-user|no-program|bad-plugin)\]$`)

func checkExampleConfigs(t *testing.T, dir string) {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.yaml", "*.toml", "*.conf"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		return // a plugin, which is a program
	}
	if len(files) == 0 {
		t.Error("there is no configuration")
	}
	for _, file := range files {
		var out, errs strings.Builder
		if err := check(t.Context(), []string{file}, checkOptions{}, &out, &errs); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out.String())
		}
		for line := range strings.Lines(out.String()) {
			if !needsHost.MatchString(strings.TrimSpace(line)) && !strings.Contains(line, "in no subnet of") {
				t.Errorf("check says %s", line)
			}
		}
		for _, to := range []string{"yaml", "toml", "json", "keepalived"} {
			var out, errs bytes.Buffer
			if status := run([]string{"convert", file, "--to", to}, &out, &errs); status != 0 && !strings.Contains(errs.String(), "not-carried") && !strings.Contains(errs.String(), "own-keyword") {
				t.Errorf("%s to %s: %s", file, to, errs.String())
			}
		}
	}
}

// luaFilesOf returns the scripts of a folder and their tests.
func luaFilesOf(t *testing.T, dir string) (scripts, tests map[string]bool) {
	t.Helper()
	scripts, tests = map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
		case strings.HasSuffix(path, "_test.lua"):
			tests[path] = true
		case strings.HasSuffix(path, ".lua"):
			scripts[path] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return scripts, tests
}

// addressAPI is a cloud's API that assigns one address. It refuses the first
// requests.
type addressAPI struct {
	mu      sync.Mutex
	machine string
	refuse  int
	tokens  []string
}

func (a *addressAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens = append(a.tokens, r.Header.Get("Authorization"))
	if a.refuse > 0 {
		a.refuse--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	body := struct {
		Machine string `json:"machine"`
	}{a.machine}
	if r.Method == http.MethodPut {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		a.machine = body.Machine
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

func (a *addressAPI) has() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.machine
}

// TestCloudAddressExample lets the script of the example speak with an API: it
// tries again until it is heard, and takes back what somebody else was given,
// while it is MASTER only.
func TestCloudAddressExample(t *testing.T) {
	api := &addressAPI{machine: "lb-b", refuse: 2}
	server := httptest.NewServer(api)
	defer server.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	script, err := lua.Compile("../../examples/cloud-address/move.lua")
	if err != nil {
		t.Fatal(err)
	}
	role := "MASTER"
	r, err := script.NewRunner(lua.Options{
		Allow: []string{lua.GrantNet}, Args: map[string]any{"api": server.URL, "machine": "lb-a", "token": token},
		Host: &lua.Host{Status: func(context.Context) ([]byte, error) {
			return []byte(`{"instances": [{"name": "VI_1", "role": "` + role + `"}]}`), nil
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := r.Notify(ctx, lua.Event{Instance: "VI_1", To: "MASTER"}); err != nil || api.has() != "lb-a" {
		t.Fatalf("on_master: %v, and %s has the address", err, api.has())
	}
	if n := len(api.tokens); n != 3 || api.tokens[0] != "Bearer secret" {
		t.Errorf("%d requests, with %q", n, api.tokens)
	}
	expect := func(want, machine string) {
		t.Helper()
		ok, message, err := r.Check(ctx)
		if !ok || err != nil || !strings.Contains(message, want) || api.has() != machine {
			t.Errorf("%v, %q, %v, and %s has the address; want %s, %s", ok, message, err, api.has(), want, machine)
		}
	}
	expect("assigned", "lb-a")
	api.machine = "lb-b"
	expect("assigned again", "lb-a")
	api.machine, role = "lb-b", "BACKUP"
	expect("BACKUP", "lb-b")
	// The README's line, at this API and with this token.
	readme, err := os.ReadFile("../../examples/cloud-address/README.md")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^    moonkeep (lua run move\.lua .*)$`).FindSubmatch(readme)
	if line == nil {
		t.Fatal("the README does not say how to try it")
	}
	here := strings.NewReplacer("move.lua", "../../examples/cloud-address/move.lua", "http://127.0.0.1:8080/address", server.URL, "/etc/moonkeep/token", token)
	if status, stdout, stderr := runLine(strings.Fields(here.Replace(string(line[1])))...); status != 0 || api.has() != "lb-a" {
		t.Errorf("%s: status %d\n%s%s", line[1], status, stdout, stderr)
	}
	api.machine = "lb-b"
	role = "MASTER"
	server.Close()
	expect("not known", "lb-b")
}
