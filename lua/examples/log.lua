local log = require "log"
return function(ctx)
  log.info("look:", ctx.timeout, "s left")
  log.warn("disk almost full:", 97, "%")
  if ctx.args.missing then log.error("an argument is missing") end
  return true
end
