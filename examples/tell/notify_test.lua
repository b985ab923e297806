local stub, test = require "stub", require "test"
local notify = require "notify"

local function event(args)
  return {
    instance = "VI_1", from = "BACKUP", to = "MASTER", why = "no master heard", addresses = { "192.168.1.100/24" },
    node = "lb-a", peer = "192.168.1.102", args = args,
  }
end
local hook = "https://chat.example.org/hook"

return {
  both = function()
    stub.webhook.post({ status = 200 })
    stub.mail.send(true)
    notify.on_change(event{ hook = hook, mail = true })
    test.contains(stub.calls("webhook.post")[1][2].text, "lb-a: ")
    test.contains(stub.calls("webhook.post")[1][2].text, "VI_1 is MASTER, was BACKUP (no master heard); 192.168.1.100/24")
    test.equal(stub.calls("mail.send")[1][1], "lb-a is MASTER of VI_1")
  end,
  one_fails = function()
    stub.webhook.post(stub.any, stub.any, nil, "timeout")
    stub.mail.send(true)
    test.fails(function() notify.on_change(event{ hook = hook, mail = true }) end, "webhook: timeout")
    test.equal(#stub.calls("mail.send"), 1)
  end,
  refused = function()
    stub.webhook.post({ status = 403 })
    test.fails(function() notify.on_change(event{ hook = hook }) end, "webhook: status 403")
  end,
  two_masters = function()
    stub.webhook.post({ status = 200 })
    notify.on_dual_master(event{ hook = hook })
    test.equal(stub.logged(), { "error two masters of VI_1 - the other one is 192.168.1.102" })
    test.contains(stub.calls("webhook.post")[1][2].text, "two masters, here and 192.168.1.102")
  end,
  quiet = function()
    notify.on_change(event{})
    test.equal(stub.calls("webhook.post"), {})
  end,
}
