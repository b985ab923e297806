local stub, test = require "stub", require "test"
local move = require "move"

local api = "https://api.example.net/v1/addresses/203.0.113.10"
local args = { api = api, machine = "lb-a" }

return {
  before = function()
    stub.file.read("/etc/moonkeep/token", "secret\n")
  end,

  moves = function()
    stub.http.request("PUT", api, { status = 200, body = "" })
    move.on_master{ args = args }
    local options = stub.calls("http.request")[1][3]
    test.equal(options.body, '{"machine":"lb-a"}')
    test.equal(options.headers.Authorization, "Bearer secret")
  end,

  tries_again = function()
    stub.http.request("PUT", api, stub.sequence(nil, { status = 503 }, { status = 200 }))
    move.on_master{ args = args }
    test.equal(#stub.calls("http.request"), 3)
    test.ok(stub.clock.slept() > 0.5)
  end,

  gives_up_for_now = function()
    stub.http.request(stub.any, stub.any, nil, "connection refused")
    test.fails(function() move.on_master{ args = args } end, "the check goes on trying")
    test.equal(#stub.calls("http.request"), 8)
  end,

  put_right = function()
    stub.node.instance("VI_1", { role = "MASTER" })
    stub.http.get(api, { status = 200, body = '{"machine": "lb-b"}' })
    stub.http.request("PUT", api, { status = 204 })
    test.equal({ move.check{ args = args, timeout = 3 } }, { true, "assigned again" })
    test.equal(#stub.calls("http.request"), 1)
  end,

  as_it_should_be = function()
    stub.node.instance("VI_1", { role = "MASTER" })
    stub.http.get(api, { status = 200, body = '{"machine": "lb-a"}' })
    test.equal({ move.check{ args = args, timeout = 3 } }, { true, "assigned" })
    stub.http.get(api, nil, "timeout")
    test.equal({ move.check{ args = args, timeout = 3 } }, { true, "not known: timeout" })
    test.equal(#stub.calls("http.request"), 0)
  end,

  nobodys = function()
    stub.node.instance("VI_1", { role = "MASTER" })
    stub.http.request("PUT", api, { status = 200 })
    for n, body in ipairs{ "{}", '{"machine": null}', '{"machine": ""}' } do
      stub.http.get(api, { status = 200, body = body })
      test.equal({ move.check{ args = args, timeout = 3 } }, { true, "assigned again" }, body)
      test.equal(#stub.calls("http.request"), n, body)
    end
  end,

  never_fails = function()
    stub.node.instance("VI_1", { role = "MASTER" })
    stub.http.request("PUT", api, nil, "timeout")
    for _, body in ipairs{ "", "[]", "7", '"lb-a"', "true", "null", "{", "<html>", '{"machine": 7}', '{"machine": {}}' } do
      stub.http.get(api, { status = 200, body = body })
      local ok = move.check{ args = args, timeout = 3 }
      test.equal(ok, true, body)
    end
    stub.http.get(api, { status = 500, body = "" })
    test.equal({ move.check{ args = args, timeout = 3 } }, { true, "not known: the API answers 500" })
  end,

  no_token = function()
    stub.node.instance("VI_1", { role = "MASTER" })
    stub.file.read("/etc/moonkeep/token", nil, "permission denied")
    test.equal({ move.check{ args = args, timeout = 3 } }, { true, "not known: the token: permission denied" })
    test.fails(function() move.on_master{ args = args } end, "the check goes on trying")
    test.equal(#stub.calls("http.request"), 0)
  end,

  not_ours = function()
    stub.node.instance("VI_1", { role = "BACKUP" })
    test.equal({ move.check{ args = args, timeout = 3 } }, { true, "BACKUP" })
    test.equal(#stub.calls("http.get"), 0)
  end,
}
