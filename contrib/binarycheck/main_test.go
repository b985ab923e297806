package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build compiles an empty program with the given linker settings.
func build(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	src := filepath.Join(dir, "main.go")
	if err := os.WriteFile(src, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "program")
	cmd := exec.Command("go", append(append([]string{"build", "-o", bin}, args...), src)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

func TestCheck(t *testing.T) {
	static := build(t)
	dynamic := build(t, "-buildmode=pie") // a position independent program asks for a loader
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path string
		maxMB      float64
		want       string // part of the error, empty for none
	}{
		{"static", static, 0, ""},
		{"small enough", static, 10, ""},
		{"too large", static, 0.1, "more than 0.1"},
		{"dynamic", dynamic, 0, "dynamic"},
		{"no program", text, 0, "ELF"},
		{"not there", text + ".none", 0, "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			said, err := check(tt.path, tt.maxMB)
			switch {
			case tt.want == "" && (err != nil || !strings.HasPrefix(said, "static, ")):
				t.Errorf("check = %q, %v; want it static", said, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("check = %q, %v; want an error with %q", said, err, tt.want)
			}
		})
	}
}
