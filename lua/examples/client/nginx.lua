local nginx = require "client.nginx"
return function(ctx)
  local status, why = nginx.status(ctx.args.url, { timeout = 1 })
  if not status then return false, why end
  return status.active < 1000, status.active .. " connections"
end
