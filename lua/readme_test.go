package lua

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every example of MODULES.md and of README.md runs, and its check passes.
// Those of the modules use every function that the module has.
func TestExamples(t *testing.T) {
	args := exampleArgs(t)
	files := map[string]string{"number": "12\n", "pid": fmt.Sprintln(args["pid"])}
	for _, m := range Modules() {
		text, err := os.ReadFile(filepath.Join("examples", m.Name+".lua"))
		if err != nil {
			t.Fatal(err)
		}
		files[m.Name+".lua"] = string(text)
		if !strings.Contains(string(text), "require \""+m.Name+"\"") {
			t.Errorf("the example of %s does not use it", m.Name)
		}
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(text), "```lua\n")[1:] {
		source, _, _ := strings.Cut(block, "```")
		files[fmt.Sprintf("readme%d.lua", i)] = source
	}
	dir := write(t, files)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if filepath.Ext(name) != ".lua" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			script, err := Compile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			r, err := script.NewRunner(Options{Allow: Grants(), Args: args})
			if err != nil {
				t.Fatal(err)
			}
			ok, message, err := r.Check(within(t, 5*time.Second))
			if !ok || err != nil {
				t.Errorf("the example\n%s\nsays %v, %q, %v", files[name], ok, message, err)
			}
		})
	}
}

// exampleArgs are what the examples are given, and what they speak to.
func exampleArgs(t *testing.T) map[string]any {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }))
	t.Cleanup(server.Close)
	sleeper := exec.Command("sleep", "60")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sleeper.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = sleeper.Wait() // it says that it was killed
	})
	return map[string]any{
		"url": server.URL, "address": server.Listener.Addr().String(), "pidfile": "pid", "file": "number",
		"pid": fmt.Sprint(sleeper.Process.Pid),
	}
}
