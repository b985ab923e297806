-- Is haproxy well? By its process and by its statistics socket, which says what
-- a process list cannot: whether it still has servers to send clients to.
--
-- args.socket    stats socket PATH of haproxy.cfg, by default
--                /run/haproxy/admin.sock
-- args.backend   a backend that must have a server, none by default

local process = require "process"
local tcp = require "tcp"

-- ask returns what haproxy answers to a command.
local function ask(socket, command)
  local conn, why = tcp.connect("unix:" .. socket, { timeout = 0.5 })
  if not conn then return nil, why end
  local ok
  ok, why = conn:send(command .. "\n")
  if not ok then return nil, why end
  return conn:receive("all", { timeout = 0.5 })
end

return function(ctx)
  if not process.running{ name = "haproxy" } then return false, "no process haproxy" end
  local socket = ctx.args.socket or "/run/haproxy/admin.sock"
  local text, why = ask(socket, "show stat")
  if not text then return false, "haproxy does not answer at " .. socket .. ": " .. why end
  if text:sub(1, 9) ~= "# pxname," then return false, "what answers at " .. socket .. " is no haproxy" end
  if not ctx.args.backend then return true end
  local wanted = tostring(ctx.args.backend) -- backend=8080 is a number
  for line in text:gmatch("[^\n]+") do
    -- pxname,svname,...: the 18th field is the status.
    local fields = {}
    for field in (line .. ","):gmatch("([^,]*),") do fields[#fields + 1] = field end
    if fields[1] == wanted and fields[2] == "BACKEND" then
      return fields[18] == "UP", "backend " .. fields[1] .. " is " .. fields[18]
    end
  end
  return false, "haproxy has no backend " .. wanted
end
