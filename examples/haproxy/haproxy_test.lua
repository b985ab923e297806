local stub, test = require "stub", require "test"
local check = require "haproxy"

return {
  before = function()
    stub.process.running({ name = "haproxy" }, true)
  end,
  well = function()
    stub.client.haproxy.info({ socket = "/run/haproxy/admin.sock", timeout = 0.5 }, { Name = "HAProxy" })
    test.equal(check{ args = {} }, true)
  end,
  backend = function()
    stub.client.haproxy.backend(stub.any, "web", { status = "UP", servers = 3, up = 2 })
    test.equal({ check{ args = { backend = "web" } } }, { true, "backend web is UP, 2 of 3 servers are up" })
  end,
  no_servers = function()
    stub.client.haproxy.backend(stub.any, "web", { status = "DOWN", servers = 2, up = 0 })
    test.equal({ check{ args = { backend = "web" } } }, { false, "backend web is DOWN, 0 of 2 servers are up" })
  end,
  no_such_backend = function()
    stub.client.haproxy.backend(stub.any, nil, "there is no backend api")
    test.equal({ check{ args = { backend = "api" } } }, { false, "/run/haproxy/admin.sock: there is no backend api" })
  end,
  hangs = function()
    stub.client.haproxy.info(nil, "no answer in time")
    test.equal({ check{ args = { socket = "/s" } } }, { false, "/s: no answer in time" })
  end,
  gone = function()
    stub.process.running(false)
    test.equal({ check{ args = {} } }, { false, "no process haproxy" })
  end,
}
