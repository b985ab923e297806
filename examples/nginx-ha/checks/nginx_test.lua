local stub, test = require "stub", require "test"
local check = require "nginx"

local url = "http://127.0.0.1/"

return {
  answers = function()
    stub.http.get(url, { status = 200 })
    test.equal(check{ args = {} }, true)
    stub.http.get(url, { status = 404 })
    test.equal(check{ args = {} }, true, "it serves, whatever it says")
  end,
  broken = function()
    stub.http.get(url, { status = 502 })
    test.equal({ check{ args = {} } }, { false, url .. " answers 502" })
  end,
  why_not = function()
    stub.http.get(url, nil, "refused")
    stub.process.running(stub.sequence(false, true))
    test.equal({ check{ args = {} } }, { false, "no nginx, and " .. url .. ": refused" })
    test.equal({ check{ args = {} } }, { false, "nginx runs, but " .. url .. ": refused" })
  end,
  restarts_once_per_outage = function()
    stub.http.get(url, stub.sequence({ status = 500 }, { status = 500 }, { status = 200 }, { status = 500 }))
    stub.exec.run({ "systemctl", "--no-block", "restart", "nginx" }, { status = 0, output = "" })
    for _ = 1, 5 do check{ args = { restart = "nginx" } } end
    test.equal(#stub.calls("exec.run"), 2)
  end,
}
