local stub, test = require "stub", require "test"
local check = require "nginx"

return {
  runs = function()
    stub.process.running({ name = "nginx" }, true)
    test.equal(check{ args = {} }, true)
  end,
  gone = function()
    stub.process.running(false)
    test.equal({ check{ args = { name = "haproxy" } } }, { false, "no process haproxy" })
  end,
}
