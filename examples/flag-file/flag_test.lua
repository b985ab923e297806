local stub, test = require "stub", require "test"
local flag = require "flag"

return {
  there = function()
    stub.file.exists("/run/moonkeep.fail", true)
    test.equal(flag.weight{ args = { file = "/run/moonkeep.fail" } }, -2)
    test.equal(flag.weight{ args = { file = "/run/moonkeep.fail", weight = -50 } }, -50)
  end,
  not_there = function()
    stub.file.exists("/run/moonkeep.fail", false)
    test.equal(flag.weight{ args = { file = "/run/moonkeep.fail" } }, 0)
  end,
  nobody_knows = function()
    stub.file.exists("/run/moonkeep.fail", nil, "permission denied")
    test.fails(function() flag.weight{ args = { file = "/run/moonkeep.fail" } } end, "permission denied")
  end,
}
