-- Does nginx run? What killall -0 nginx asks, without a process.
local process = require "process"

return function(ctx)
  local name = ctx.args.name or "nginx"
  if process.running{ name = name } then return true end
  return false, "no process " .. name
end
