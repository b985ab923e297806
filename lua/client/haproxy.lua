-- HAProxy, by its stats socket.
--
-- haproxy.info(o)             what "show info" says, by name | nil, reason
-- haproxy.stat(o)             a list of what "show stat" says, a table for each line | nil, reason
-- haproxy.backend(o, name)    {status =, servers =, up =, sessions =} | nil, reason
-- haproxy.command(o, text)    what it answers | nil, reason
--
-- o: {socket = ("/run/haproxy/admin.sock"), address = "host:port" in place of it,
--     timeout = seconds for all that is done}
--
-- up counts the servers that get clients, those without a check among them.
local server = require "client.lib.server"

local haproxy = {}

function haproxy.command(o, text)
  o = o or {}
  local conn, why = server.connect(o, "unix:" .. (o.socket or "/run/haproxy/admin.sock"))
  if not conn then return nil, why end
  local ok, answer
  ok, why = conn:send(text .. "\n")
  if ok then answer, why = conn:receive("all") end
  conn:close()
  return answer, why
end

function haproxy.info(o)
  local text, why = haproxy.command(o, "show info")
  if not text then return nil, why end
  local info = {}
  for name, value in text:gmatch("([^\n:]+): ([^\n]*)") do info[name] = tonumber(value) or value end
  if not info.Name then return nil, "this is no answer of HAProxy" end
  return info
end

function haproxy.stat(o)
  local text, why = haproxy.command(o, "show stat")
  if not text then return nil, why end
  local list, names = {}, nil
  for line in text:gmatch("[^\n]+") do
    local fields = {}
    for field in (line:gsub("^# ", "") .. ","):gmatch("([^,]*),") do fields[#fields + 1] = field end
    if not names then
      names = fields
    else
      local row = {}
      for i, name in ipairs(names) do
        local text = name == "pxname" or name == "svname" -- also of the name 8080
        if name ~= "" then row[name] = not text and tonumber(fields[i]) or fields[i] end
      end
      list[#list + 1] = row
    end
  end
  if not names or names[1] ~= "pxname" then return nil, "this is no answer of HAProxy" end
  return list
end

function haproxy.backend(o, name)
  name = tostring(name)
  local list, why = haproxy.stat(o)
  if not list then return nil, why end
  local out = { servers = 0, up = 0 }
  for _, row in ipairs(list) do
    if row.pxname == name and row.svname == "BACKEND" then
      out.status, out.sessions = row.status, row.scur
    elseif row.pxname == name and row.svname ~= "FRONTEND" then
      out.servers = out.servers + 1
      local status = tostring(row.status)
      if status:sub(1, 2) == "UP" or status == "no check" then out.up = out.up + 1 end
    end
  end
  if not out.status then return nil, "there is no backend " .. name end
  return out
end

return haproxy
