-- May this MySQL or MariaDB server have the address?
--
-- check   it answers, and if it is a replica, replication runs
-- weight  what its lag takes from the priority: of two replicas, the one that is
--         less behind becomes the primary
--
-- args.address    by default 127.0.0.1:3306
-- args.user, args.password_file
-- args.most_lag   seconds at which a replica is no good, by default 60

local file = require "file"
local mysql = require "client.mysql"

local function status(ctx)
  local password
  if ctx.args.password_file then
    local text, why = file.read(ctx.args.password_file)
    if not text then return nil, why end
    password = text:match("^[^\n]*")
  end
  return mysql.status{ address = ctx.args.address, user = ctx.args.user or "moonkeep", password = password, timeout = ctx.timeout / 2 }
end

return {
  check = function(ctx)
    local s, why = status(ctx)
    if not s then return false, why end
    if not s.replica then return true, "a primary, " .. s.version end
    local r = s.replica
    if not r.io or not r.sql or not r.lag then return false, "replication stands still: " .. tostring(r.error) end
    if r.lag > (ctx.args.most_lag or 60) then return false, "the replica is " .. r.lag .. " s behind" end
    return true, "a replica, " .. r.lag .. " s behind"
  end,

  weight = function(ctx)
    local s, why = status(ctx)
    if not s then error(why, 0) end
    if not s.replica then return 0 end
    local lag = s.replica.lag or math.huge
    return -math.min(lag, ctx.args.most_lag or 60)
  end,
}
