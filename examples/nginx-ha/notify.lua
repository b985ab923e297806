-- Writes a line for each change of role. Replaces notify.sh.
--
-- args.file   the file; a relative path counts from this script's folder.
--             It needs the grant write.

local file = require "file"
local time = require "time"

return {
  on_change = function(event)
    local path = event.args.file or error("notify.lua: args.file is missing: which file shall be written?")
    local line = string.format("%s %s: %s %s -> %s, priority %d, %s (%s)\n",
      time.format("%F %T"), event.node or "?", event.instance or event.group,
      event.from, event.to, event.priority,
      table.concat(event.addresses, " "), event.why or "no reason given")
    local ok, why = file.append(path, line)
    if not ok then
      error(why, 0)
    end
  end,
}
