-- Docker, and what has its API (Podman), over its unix socket.
--
-- docker.ping(o)             true | nil, reason
-- docker.container(o, name)  {running =, health = "healthy", "unhealthy", "starting" or "none",
--                            restarts =, status =} | nil, reason
-- docker.get(o, path)        what the API answers, decoded | nil, reason
--
-- o: {socket = ("/var/run/docker.sock"), timeout = seconds}
local http, json = require "http", require "json"

local docker = {}

local function ask(o, path)
  o = o or {}
  return http.get("http://docker" .. path, { connect = "unix:" .. (o.socket or "/var/run/docker.sock"), timeout = o.timeout })
end

function docker.ping(o)
  local answer, why = ask(o, "/_ping")
  if not answer then return nil, why end
  if answer.status ~= 200 then return nil, "status " .. answer.status end
  return true
end

function docker.get(o, path)
  local answer, why = ask(o, path)
  if not answer then return nil, why end
  local value, bad = json.decode(answer.body)
  if answer.status ~= 200 then
    return nil, "status " .. answer.status .. (type(value) == "table" and type(value.message) == "string" and ": " .. value.message or "")
  end
  return value, bad
end

function docker.container(o, name)
  if not name:match("^[%w_.-]+$") then error("docker.container: the name is wrong: " .. name, 2) end
  local value, why = docker.get(o, "/containers/" .. name .. "/json")
  if not value then return nil, why end
  local state = type(value) == "table" and value.State
  if type(state) ~= "table" then return nil, "the answer has no State" end
  -- Without a health check Docker has no Health, or one whose Status is none, and
  -- Podman one whose Status is empty.
  local health = type(state.Health) == "table" and state.Health.Status or ""
  return {
    running = state.Running == true, status = state.Status, restarts = value.RestartCount,
    health = health ~= "" and health or "none",
  }
end

return docker
