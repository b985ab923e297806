package lua

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every example of the README runs and its check passes.
func TestReadmeExamples(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }))
	defer server.Close()
	sleeper := exec.Command("sleep", "60")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sleeper.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = sleeper.Wait() // it says that it was killed
	}()
	var files = map[string]string{"number": "12\n", "pid": fmt.Sprintln(sleeper.Process.Pid)}
	blocks := strings.Split(string(text), "```lua\n")[1:]
	for i, block := range blocks {
		source, _, _ := strings.Cut(block, "```")
		files[fmt.Sprintf("%d.lua", i)] = source
	}
	dir := write(t, files)
	ran := map[string]bool{}
	for i := range blocks {
		script, err := Compile(filepath.Join(dir, fmt.Sprintf("%d.lua", i)))
		if err != nil {
			t.Error(err)
			continue
		}
		r, err := script.NewRunner(Options{Allow: Grants(), Args: map[string]string{
			"url": server.URL, "address": server.Listener.Addr().String(), "pidfile": "pid", "file": "number",
		}})
		if err != nil {
			t.Fatal(err)
		}
		ok, message, err := r.Check(within(t, 5*time.Second))
		if !ok || err != nil {
			t.Errorf("the example\n%s\nsays %v, %q, %v", files[fmt.Sprintf("%d.lua", i)], ok, message, err)
		}
		for _, module := range moduleNames() {
			if strings.Contains(files[fmt.Sprintf("%d.lua", i)], "require \""+module+"\"") {
				ran[module] = true
			}
		}
	}
	for _, module := range moduleNames() {
		if !ran[module] {
			t.Errorf("module %s has no example", module)
		}
	}
	s := state{}
	for _, module := range moduleNames() {
		for function := range s.module(module) {
			if !strings.Contains(string(text), "`"+module+"."+function) {
				t.Errorf("%s.%s is not described", module, function)
			}
		}
	}
}
