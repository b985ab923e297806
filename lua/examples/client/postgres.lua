local postgres = require "client.postgres"
-- true on the primary only: with it the address follows the database
return function(ctx)
  local status, why = postgres.status{ address = ctx.args.address, user = ctx.args.user, password = ctx.args.password, timeout = 2 }
  if not status then return false, why end
  if status.primary then return true, "primary with " .. status.replicas .. " replicas" end
  if not status.receiving then return false, "a standby without its primary" end
  return false, string.format("a standby, %.0f s behind", status.lag)
end
