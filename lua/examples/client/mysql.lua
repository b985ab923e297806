local mysql = require "client.mysql"
-- fails for a replica that does not replay (unless somebody has made it writable), or is more than ten seconds behind; one that
-- has lost its primary has no lag, and is what is to take over
return function(ctx)
  local status, why = mysql.status{ address = ctx.args.address, user = ctx.args.user, password = ctx.args.password, timeout = 2 }
  if not status then return false, why end
  local replica = status.replica
  if not replica then return true, "a primary" end
  if replica.sql_error ~= "" then return false, "replication stands still: " .. replica.sql_error end
  if not replica.sql and status.read_only then return false, "the replica is stopped" end
  if replica.lag and replica.lag > 10 then return false, "lag " .. replica.lag .. " s" end
  return true, replica.io and "a replica" or "a replica without its primary"
end
