-- Restarts nginx once when it is gone, and gives the address up when that does
-- not help: by its verdict, the daemon lives on and sees nginx return.
--
-- args.unit    the systemd unit, by default nginx
-- args.rest    seconds after a restart in which there is no other, by default 60
-- It needs the grant exec.

local log = require "log"
local process = require "process"
local store = require "store"
local systemd = require "systemd"

local function runs()
  return process.running{ cmdline = "nginx: master process" }
end

return function(ctx)
  if runs() then return true end
  local unit = ctx.args.unit or "nginx"
  if store.get("restarted") then
    return false, "no nginx, and its restart did not help"
  end
  -- It is kept across reloads of the configuration, and for a time: nginx that
  -- dies each minute does not keep the address here.
  store.set("restarted", true, { expires = ctx.args.rest or 60 })
  local ok, why = systemd.restart(unit, { timeout = ctx.timeout / 2 })
  if not ok then
    log.error("cannot restart " .. unit .. ": " .. why)
    return false, "no nginx, and it cannot be restarted: " .. why
  end
  log.warn("restarted", unit)
  -- The next check sees what came of it; fall in the configuration gives it
  -- the time.
  return runs(), "nginx was restarted"
end
