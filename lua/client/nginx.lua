-- nginx, by its stub_status page.
--
-- nginx.status(url, o)   {active =, accepts =, handled =, requests =, reading =, writing =,
--                        waiting =} | nil, reason
--
-- o: the options of http.get
local http = require "http"

local nginx = {}

function nginx.status(url, o)
  local answer, why = http.get(url, o)
  if not answer then return nil, why end
  if answer.status ~= 200 then return nil, "status " .. answer.status end
  local active, accepts, handled, requests, reading, writing, waiting =
    answer.body:match("^Active connections: (%d+)%s+server accepts handled requests%s+(%d+) (%d+) (%d+)%s+Reading: (%d+) Writing: (%d+) Waiting: (%d+)")
  if not active then return nil, "this is no page of stub_status" end
  return {
    active = tonumber(active), accepts = tonumber(accepts), handled = tonumber(handled), requests = tonumber(requests),
    reading = tonumber(reading), writing = tonumber(writing), waiting = tonumber(waiting),
  }
end

return nginx
