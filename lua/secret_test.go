package lua

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestNobodyReadsWhatReplacesASecret: the file that takes the place of one that only
// its owner may read is never one that others may.
func TestNobodyReadsWhatReplacesASecret(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := runner(t, `local text = ("x"):rep(1e6)
return function(ctx) assert(require("file").write(ctx.args.path, text)) return true end`, Options{Allow: []string{GrantWrite}, Args: map[string]any{"path": secret}})
	calls := within(t, 30*time.Second)
	ctx, enough := context.WithTimeout(calls, 20*time.Second)
	defer enough()
	ended := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if _, _, err := r.Check(calls); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	seen := 0
	for seen < 20 && ctx.Err() == nil {
		parts, err := filepath.Glob(secret + ".moonkeep-*")
		if err != nil {
			t.Error(err)
			break
		}
		for _, part := range parts {
			info, err := os.Stat(part)
			if errors.Is(err, fs.ErrNotExist) {
				continue // it has taken its place
			}
			if err != nil {
				t.Error(err)
			} else if info.Mode() != 0o600 {
				t.Errorf("%s: %v", part, info.Mode())
			}
			seen++
		}
	}
	enough()
	if err := <-ended; err != nil || seen == 0 {
		t.Errorf("%d files seen, %v", seen, err)
	}
}
