package checker_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestThirdParty builds and tests the checker in examples as its author does:
// as a module of its own, from what this one offers to others.
func TestThirdParty(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs go: the example is built from its source")
	}
	for _, args := range []string{"mod tidy -diff", "vet ./...", "test ./...", "build -o " + os.DevNull + " ."} {
		cmd := exec.Command("go", strings.Fields(args)...)
		cmd.Dir = "../../examples/plugin-redis-role"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", args, err, out)
		}
	}
}
