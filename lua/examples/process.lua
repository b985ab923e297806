local process = require "process"
return function(ctx)
  if process.running{ pidfile = ctx.args.pidfile, name = "sleep" } then return true end
  return process.count{ name = "sleep", cmdline = "sleep 60" } > 0
end
