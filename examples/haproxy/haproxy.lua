-- Is haproxy well? By its process and by its statistics socket, which says what
-- a process list cannot: whether it still has servers to send clients to.
--
-- args.socket    stats socket PATH of haproxy.cfg, by default
--                /run/haproxy/admin.sock
-- args.backend   a backend that must have a server, none by default

local haproxy = require "client.haproxy"
local process = require "process"

return function(ctx)
  if not process.running{ name = "haproxy" } then return false, "no process haproxy" end
  local server = { socket = ctx.args.socket or "/run/haproxy/admin.sock", timeout = 0.5 }
  local name = ctx.args.backend
  if name then
    local backend, why = haproxy.backend(server, name)
    if not backend then return false, server.socket .. ": " .. why end
    return backend.status == "UP", ("backend %s is %s, %d of %d servers are up"):format(name, backend.status, backend.up, backend.servers)
  end
  local info, why = haproxy.info(server)
  if not info then return false, server.socket .. ": " .. why end
  return true
end
