package lua

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRelativePathsOfPrograms: they count from dir, or from the script's folder, as all
// others do, also where the path of the script is relative itself; names without a
// slash are looked for.
func TestRelativePathsOfPrograms(t *testing.T) {
	hello := "#!/bin/sh\necho hello \"$(pwd)\"\n"
	dir := write(t, map[string]string{
		"bin/hello": hello, "hello": hello, "data/hello": strings.Replace(hello, "hello", "data", 1),
		"s.lua": `local exec = require "exec"
return function(ctx)
  local out = {}
  for _, r in ipairs{
    {exec.run({"bin/hello"})}, {exec.run({"./hello"})}, {exec.run({"./hello"}, {dir = "data"})},
    {exec.run({"./hello"}, {dir = ctx.args.dir .. "/data"})}, {exec.run({"pwd"}, {dir = "."})},
    {exec.shell("pwd", {dir = "data"})}, {exec.run({"hello"})},
  } do
    out[#out + 1] = r[1] and r[1].output:gsub("%s+$", "") or r[2]
  end
  return true, table.concat(out, ";")
end`,
	})
	for _, name := range []string{"/bin/hello", "/hello", "/data/hello"} {
		if err := os.Chmod(dir+name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	want := []string{"hello /", "hello /", "data " + dir + "/data", "data " + dir + "/data", dir, dir + "/data"}
	for _, path := range []string{dir + "/s.lua", "s.lua", "../" + dir[strings.LastIndex(dir, "/")+1:] + "/s.lua"} {
		script, err := Compile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := script.NewRunner(Options{Allow: []string{GrantExec}, Args: map[string]any{"dir": dir}})
		if err != nil {
			t.Fatal(err)
		}
		_, text, err := r.Check(within(t, 10*time.Second))
		got := strings.Split(text, ";")
		if err != nil || len(got) != len(want)+1 || !slices.Equal(got[:len(want)], want) || !strings.Contains(got[len(want)], "not found") {
			t.Errorf("%s: %q, %v, want %q and that hello is not found", path, got, err, want)
		}
	}
}

// TestFilesAreOnDisk: what is embedded is none of a script's files, wherever it runs.
func TestFilesAreOnDisk(t *testing.T) {
	dir := write(t, map[string]string{
		"checks/s.lua":        `local redis, mine = require "client.redis", require "lib.mine" return function() return true end`,
		"checks/lib/mine.lua": `local server = require "client.lib.server" return {}`,
	})
	t.Chdir(dir)
	script, err := Compile("checks/s.lua")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := script.Files(), []string{"checks/s.lua", "checks/lib/mine.lua"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
