-- May this MySQL or MariaDB server have the address?
--
-- check   it answers, and if it is a replica, it replays what it gets and is not too
--         far behind. A replica that has lost its primary is well: it is the one that
--         is to take over. One that is told to replay nothing (STOP REPLICA) is not,
--         unless it may be written to: then somebody has made it the primary
-- weight  what its lag takes from the priority: of two replicas, the one that is
--         less behind becomes the primary. Without a primary no lag is known, and what
--         was measured last counts
--
-- args.address    unix:/path of the server's socket, or host:port; by default
--                 127.0.0.1:3306
-- args.user, args.password_file
-- args.most_lag   seconds at which a replica is no good, by default 60

local file = require "file"
local mysql = require "client.mysql"
local store = require "store"

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
    if r.sql_error ~= "" then return false, "replication stands still: " .. r.sql_error end
    if not r.sql and s.read_only then return false, "the replica is stopped" end
    if not r.lag then return true, "a replica without its primary" .. (r.io_error ~= "" and ": " .. r.io_error or "") end
    if r.lag > (ctx.args.most_lag or 60) then return false, "the replica is " .. r.lag .. " s behind" end
    return true, "a replica, " .. r.lag .. " s behind"
  end,

  weight = function(ctx)
    local s, why = status(ctx)
    if not s then error(why, 0) end
    if not s.replica then return 0 end
    local most = ctx.args.most_lag or 60
    if s.replica.sql_error ~= "" then return -most end
    -- The last one that was measured is kept longer than variables are.
    local lag = s.replica.lag
    if lag then store.set("lag", lag) end
    return -math.min(lag or store.get("lag") or 0, most)
  end,
}
