local redis = require "client.redis"
-- fails unless this is a master, or a replica that could become one: it may have lost
-- its master, for that is when it is needed, but not begin without it
return function(ctx)
  local server = { address = ctx.args.address, password = ctx.args.password, timeout = 2 }
  local ok, why = redis.ping(server)
  if not ok then return false, why end
  local state, why = redis.replication(server)
  if not state then return false, why end
  if state.syncing then return false, "it has not all data of its master yet" end
  if state.down == -1 then return false, "it has had nothing of its master since it began to run" end
  if state.role == "replica" and state.link ~= "up" then return true, "a replica, and the master is out of reach" end
  return true, state.role
end
