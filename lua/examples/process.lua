local process = require "process"
return function(ctx)
  if not process.running{ pidfile = ctx.args.pidfile, name = "sleep" } then return false, "not running" end
  if process.count{ exact = "sleep 60" } < 1 or process.count{ name = "sleep", cmdline = "60", older = 3600 } > 0 then return false, "count" end
  for _, p in ipairs(process.list{ name = "sleep", younger = 300 }) do
    if p.name == "sleep" and p.age < 300 and process.running{ user = p.user, exact = p.cmdline } then return true end
  end
  return false, "list"
end
