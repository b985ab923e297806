package lua

import (
	"path/filepath"
	"reflect"
	"testing"
)

func TestNeeds(t *testing.T) {
	dir := write(t, map[string]string{
		"s.lua": `local exec, file = require "exec", require("file")
local util = require "util"
return {
  check = function(ctx)
    file.read("x")
    if ctx.args.restart then
      local e = require "exec"
      e.run({"true"})
      exec.run({"true"})
      exec.run({"true"})
    end
    return require("http").post("http://x/", "")
  end,
}`,
		"util.lua": "local f = require 'file'\nreturn function() f.append('x', 'y') end",
	})
	script, err := Compile(filepath.Join(dir, "s.lua"))
	if err != nil {
		t.Fatal(err)
	}
	all := []Need{
		{filepath.Join(dir, "s.lua"), 8, "exec.run", GrantExec}, {filepath.Join(dir, "s.lua"), 12, "http.post", GrantNet},
		{filepath.Join(dir, "util.lua"), 2, "file.append", GrantWrite},
	}
	if got := script.Needs(nil); !reflect.DeepEqual(got, all) {
		t.Errorf("got %+v, want %+v", got, all)
	}
	if got := script.Needs([]string{GrantExec, GrantWrite}); !reflect.DeepEqual(got, all[1:2]) {
		t.Errorf("got %+v", got)
	}
}
