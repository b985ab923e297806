local stub, test = require "stub", require "test"
local check = require "nginx"

local ctx = { args = {}, timeout = 2 }

return {
  before = function()
    stub.systemd.restart("nginx", true)
  end,

  well = function()
    stub.process.running({ cmdline = "nginx: master process" }, true)
    test.equal(check(ctx), true)
    test.equal(#stub.calls("systemd.restart"), 0)
  end,

  restarted_once = function()
    stub.process.running(stub.sequence(false, true))
    test.equal({ check(ctx) }, { true, "nginx was restarted" })
    test.equal(check(ctx), true)
    test.equal(stub.calls("systemd.restart"), { { "nginx", { timeout = 1 } } })
    test.equal(stub.logged(), { "warn restarted nginx" })
  end,

  gives_up = function()
    stub.process.running(false)
    for _ = 1, 5 do
      test.equal(check(ctx), false)
    end
    test.equal(select(2, check(ctx)), "no nginx, and its restart did not help")
    test.equal(#stub.calls("systemd.restart"), 1)
    stub.clock.advance(61)
    check(ctx)
    test.equal(#stub.calls("systemd.restart"), 2, "after the rest it is tried again")
  end,

  no_systemd = function()
    stub.process.running(false)
    stub.systemd.restart("nginx", nil, "no such bus")
    test.equal({ check(ctx) }, { false, "no nginx, and it cannot be restarted: no such bus" })
  end,

  not_granted = function()
    stub.process.running(false)
    stub.allow()
    test.fails(function() check(ctx) end, "allow: [exec]")
  end,
}
