local stub, test = require "stub", require "test"
local mysql, store = require "mysql", require "store"

local ctx = { args = { password_file = "/etc/moonkeep/mysql" }, timeout = 2 }

local function server(status)
  status.version = "10.11"
  local r = status.replica
  if r then
    r.io_error, r.sql_error = r.io_error or "", r.sql_error or ""
    r.error = r.sql_error ~= "" and r.sql_error or r.io_error
  end
  stub.client.mysql.status(status)
end

return {
  before = function()
    stub.file.read("/etc/moonkeep/mysql", "secret\n")
  end,

  primary = function()
    server{}
    test.equal({ mysql.check(ctx) }, { true, "a primary, 10.11" })
    test.equal(mysql.weight(ctx), 0)
    test.equal(stub.calls("client.mysql.status")[1][1], { user = "moonkeep", password = "secret", timeout = 1 })
  end,

  replica = function()
    server{ replica = { io = true, sql = true, lag = 3 } }
    test.equal({ mysql.check(ctx) }, { true, "a replica, 3 s behind" })
    test.equal(mysql.weight(ctx), -3)
  end,

  too_far_behind = function()
    server{ replica = { io = true, sql = true, lag = 300 } }
    test.equal({ mysql.check(ctx) }, { false, "the replica is 300 s behind" })
    test.equal(mysql.weight(ctx), -60)
  end,

  the_primary_is_gone = function()
    server{ replica = { io = true, sql = true, lag = 7 } }
    test.equal(mysql.weight(ctx), -7)
    server{ replica = { io = false, sql = true, io_error = "error reconnecting to master" } }
    test.equal({ mysql.check(ctx) }, { true, "a replica without its primary: error reconnecting to master" })
    test.equal(mysql.weight(ctx), -7, "as it was measured last")
    store.set("lag", 9)
    test.equal(mysql.weight(ctx), -9, "when its variables are lost, too")
  end,

  promoted_by_hand = function()
    server{ replica = { io = false, sql = false } } -- STOP REPLICA
    test.equal({ mysql.check(ctx) }, { true, "a replica without its primary" })
    test.equal(mysql.weight(ctx), 0)
  end,

  stopped = function()
    server{ read_only = true, replica = { io = false, sql = false } }
    test.equal({ mysql.check(ctx) }, { false, "the replica is stopped" })
  end,

  stands_still = function()
    server{ replica = { io = true, sql = false, sql_error = "duplicate entry" } }
    test.equal({ mysql.check(ctx) }, { false, "replication stands still: duplicate entry" })
    test.equal(mysql.weight(ctx), -60)
  end,

  gone = function()
    stub.client.mysql.status(stub.any, nil, "connection refused")
    test.equal({ mysql.check(ctx) }, { false, "connection refused" })
    test.fails(function() mysql.weight(ctx) end, "connection refused")
  end,

  no_password = function()
    stub.file.read(stub.any, nil, "no such file")
    test.equal({ mysql.check(ctx) }, { false, "no such file" })
  end,
}
