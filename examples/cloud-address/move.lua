-- Moves an address by the API of a cloud, where gratuitous ARP moves nothing:
-- the address is assigned to the machine that is MASTER.
--
-- args.api       the URL of the address, such as https://api.example.net/v1/addresses/203.0.113.10
-- args.machine   the name of this machine there
-- args.token     a file with the token, by default /etc/moonkeep/token
-- args.instance  the vrrp_instance, by default VI_1
--
-- on_master asks the API until it has done it. check is run as a vrrp_script
-- and puts the assignment right while this node is MASTER: somebody may have
-- changed it, or the API may have been away. It needs the grant net.

local file = require "file"
local http = require "http"
local json = require "json"
local log = require "log"
local node = require "node"
local time = require "time"

-- request asks the API; nil and a reason when there is no token or no answer.
local function request(method, args, body, timeout)
  local token, why = file.read(args.token or "/etc/moonkeep/token")
  if not token then return nil, "the token: " .. why end
  local options = { headers = { Authorization = "Bearer " .. token:match("^%s*(.-)%s*$") }, timeout = timeout }
  if method == "GET" then return http.get(args.api, options) end
  options.headers["Content-Type"], options.body = "application/json", body
  return http.request(method, args.api, options)
end

-- assigned returns the machine that has the address, "" when none has it.
local function assigned(args, timeout)
  local answer, why = request("GET", args, nil, timeout)
  if not answer then return nil, why end
  if answer.status ~= 200 then return nil, "the API answers " .. answer.status end
  local value
  value, why = json.decode(answer.body)
  if value == nil then return nil, why end
  if type(value) ~= "table" then return nil, "the API answers no object" end
  if value.machine == nil or value.machine == json.null then return "" end
  return tostring(value.machine)
end

-- assign gives the address to this machine.
local function assign(args, timeout)
  local answer, why = request("PUT", args, json.encode{ machine = args.machine }, timeout)
  if not answer then return nil, why end
  if answer.status >= 300 then return nil, "the API answers " .. answer.status end
  return true
end

return {
  on_master = function(event)
    local wait = 0.2
    for try = 1, 8 do
      local ok, why = assign(event.args, 2)
      if ok then
        log.info("the address is assigned to", event.args.machine, "at try", try)
        return
      end
      log.warn("cannot assign the address:", why)
      time.sleep(wait)
      wait = math.min(wait * 2, 3)
    end
    error("the API did not assign the address; the check goes on trying", 0)
  end,

  check = function(ctx)
    local router, why = node.instance(ctx.args.instance or "VI_1")
    if not router then return true, "nothing is known of the instance: " .. why end
    if router.role ~= "MASTER" then return true, router.role end
    local machine
    machine, why = assigned(ctx.args, ctx.timeout / 3)
    if machine == ctx.args.machine then return true, "assigned" end
    -- Whatever is wrong, the other node has the same API: no reason to fail.
    if not machine then return true, "not known: " .. why end
    log.warn("the address is assigned to", machine == "" and "nobody" or machine, "and this node is MASTER")
    local ok
    ok, why = assign(ctx.args, ctx.timeout / 3)
    if not ok then return true, "not assigned: " .. why end
    return true, "assigned again"
  end,
}
