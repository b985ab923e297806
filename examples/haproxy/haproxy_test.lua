local stub, test = require "stub", require "test"
local check = require "haproxy"

local commas = (","):rep(16)
local stat = "# pxname,svname\nweb,s1" .. commas .. "DOWN,\nweb,BACKEND" .. commas .. "%s,\n"

local function answers(status)
  stub.process.running({ name = "haproxy" }, true)
  stub.tcp.connect("unix:/run/haproxy/admin.sock", stub.object("tcp.Connection", { send = true, receive = stat:format(status) }))
end

return {
  well = function()
    answers("UP")
    test.equal(check{ args = {} }, true)
    test.equal({ check{ args = { backend = "web" } } }, { true, "backend web is UP" })
    test.equal(stub.calls("tcp.Connection.send")[1], { "show stat\n" })
  end,
  no_servers = function()
    answers("DOWN")
    test.equal({ check{ args = { backend = "web" } } }, { false, "backend web is DOWN" })
    test.equal({ check{ args = { backend = "api" } } }, { false, "haproxy has no backend api" })
  end,
  something_else = function()
    stub.process.running(true)
    stub.tcp.connect("unix:/run/haproxy/admin.sock", stub.object("tcp.Connection", { send = true, receive = "Permission denied\n" }))
    test.equal({ check{ args = {} } }, { false, "what answers at /run/haproxy/admin.sock is no haproxy" })
  end,
  a_number = function()
    stat = stat:gsub("web", "8080")
    answers("UP")
    test.equal({ check{ args = { backend = 8080 } } }, { true, "backend 8080 is UP" })
  end,
  hangs = function()
    stub.process.running(true)
    stub.tcp.connect(stub.any, nil, "timeout")
    test.equal({ check{ args = { socket = "/s" } } }, { false, "haproxy does not answer at /s: timeout" })
  end,
  gone = function()
    stub.process.running(false)
    test.equal({ check{ args = {} } }, { false, "no process haproxy" })
  end,
}
