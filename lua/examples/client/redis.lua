local redis = require "client.redis"
-- fails unless this is a master, or a replica that is connected to its master
return function(ctx)
  local server = { address = ctx.args.address, password = ctx.args.password, timeout = 2 }
  local ok, why = redis.ping(server)
  if not ok then return false, why end
  local state, why = redis.replication(server)
  if not state then return false, why end
  if state.role == "replica" and state.link ~= "up" then return false, "the master is out of reach" end
  return true, state.role
end
