local mysql = require "client.mysql"
-- fails for a replica that is more than ten seconds behind
return function(ctx)
  local status, why = mysql.status{ address = ctx.args.address, user = ctx.args.user, password = ctx.args.password, timeout = 2 }
  if not status then return false, why end
  local replica = status.replica
  if not replica then return true, "a primary" end
  if not replica.io or not replica.sql then return false, "replication stands still: " .. replica.error end
  if not replica.lag or replica.lag > 10 then return false, "lag " .. tostring(replica.lag) .. " s" end
  return true, "a replica"
end
