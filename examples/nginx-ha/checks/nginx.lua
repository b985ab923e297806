-- Is the web server on this machine answering? Replaces chk_nginx.sh.
--
-- args.url       what is asked, by default http://127.0.0.1/
-- args.timeout   seconds to wait for the answer, by default 1
-- args.restart   the systemd unit to restart when there is no answer. It
--                needs the grant exec. Without it nothing is restarted.
--
-- A machine whose web server is down gives the address up by this script's
-- verdict: the check fails, the priority falls, the other node takes over.
-- The daemon itself keeps running, sees the server come back, and returns.

local http = require "http"
local log = require "log"
local process = require "process"

-- True from the restart until the server answers again: one outage, one
-- restart. It lasts as long as the daemon does.
local restarted = false

local function restart(unit)
  local exec = require "exec"
  -- --no-block: systemd does the work. This run ends now, and the next ones
  -- see whether it helped; fall in the configuration says how many that are.
  local done, why = exec.run({ "systemctl", "--no-block", "restart", unit }, { timeout = 1 })
  if done and done.status ~= 0 then
    why = done.output
  end
  if why then
    log.error("cannot restart " .. unit .. ": " .. why)
    return "restart of " .. unit .. " failed"
  end
  log.warn("restarted", unit)
  return unit .. " was restarted"
end

return function(ctx)
  local url = ctx.args.url or "http://127.0.0.1/"
  local answer, why = http.get(url, { timeout = tonumber(ctx.args.timeout) or 1 })
  if answer and answer.status < 500 then
    restarted = false
    return true
  end

  if answer then
    why = url .. " answers " .. answer.status
  elseif process.running{ cmdline = "nginx: master process" } then
    why = "nginx runs, but " .. url .. ": " .. why
  else
    why = "no nginx, and " .. url .. ": " .. why
  end

  if ctx.args.restart and not restarted then
    restarted = true
    why = why .. "; " .. restart(ctx.args.restart)
  end
  return false, why
end
