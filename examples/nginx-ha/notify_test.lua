local stub, test = require "stub", require "test"
local notify = require "notify"

local event = {
  instance = "VI_1", from = "BACKUP", to = "MASTER", why = "timeout", priority = 100, addresses = { "192.168.1.100/24" },
  node = "lb-a", args = { file = "changes.log" },
}

return {
  writes = function()
    stub.file.append("changes.log", stub.any, true)
    notify.on_change(event)
    test.contains(stub.calls("file.append")[1][2], "lb-a: VI_1 BACKUP -> MASTER, priority 100, 192.168.1.100/24 (timeout)\n")
  end,
  cannot = function()
    stub.file.append(stub.any, stub.any, nil, "disk full")
    test.fails(function() notify.on_change(event) end, "disk full")
  end,
}
