package lua

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestRelativePathsOfPrograms: they count from the script's folder, as all others;
// names without a slash are looked for.
func TestRelativePathsOfPrograms(t *testing.T) {
	dir := write(t, map[string]string{
		"bin/hello": "#!/bin/sh\necho hello \"$(pwd)\"\n", "data/x": "",
		"s.lua": `local exec = require "exec"
return function(ctx)
  local out = {}
  for _, r in ipairs{ {exec.run({"bin/hello"})}, {exec.run({"./bin/hello"}, {dir = "data"})}, {exec.run({"pwd"}, {dir = "."})}, {exec.shell("pwd", {dir = "data"})} } do
    out[#out + 1] = r[1] and r[1].output:gsub("%s+$", "") or r[2]
  end
  return true, table.concat(out, ";")
end`,
	})
	if err := os.Chmod(dir+"/bin/hello", 0o755); err != nil {
		t.Fatal(err)
	}
	script, err := Compile(dir + "/s.lua")
	if err != nil {
		t.Fatal(err)
	}
	r, err := script.NewRunner(Options{Allow: []string{GrantExec}})
	if err != nil {
		t.Fatal(err)
	}
	_, got, err := r.Check(within(t, 10*time.Second))
	if want := strings.Join([]string{"hello /", "hello " + dir + "/data", dir, dir + "/data"}, ";"); got != want || err != nil {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}
