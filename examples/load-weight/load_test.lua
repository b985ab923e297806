local stub, test = require "stub", require "test"
local load = require "load"

return {
  half = function()
    stub.file.read("/proc/loadavg", "2.00 1.00 0.50 1/100 4711\n")
    stub.file.read("/proc/cpuinfo", "processor\t: 0\nmodel\t: x\n\nprocessor\t: 1\n\nprocessor\t: 2\n\nprocessor\t: 3\n")
    test.equal(load.weight{ args = {} }, -20)
    test.equal(load.weight{ args = { most = 100, cores = 8 } }, -25)
  end,
  at_most = function()
    stub.file.read("/proc/loadavg", "90 1.00 0.50 1/100 4711\n")
    test.equal(load.weight{ args = { cores = 4 } }, -40)
  end,
  unknown = function()
    stub.file.read(stub.any, nil, "no such file")
    test.fails(function() load.weight{ args = { cores = 4 } } end, "no such file")
  end,
}
