local log = require "log"
return function(ctx)
  log.warn("disk almost full:", 97, "%")
  return true
end
