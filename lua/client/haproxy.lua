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

-- table_of makes tables of the lines of "show stat", of those that wanted says yes to,
-- with all columns or those of a list.
local function table_of(text, wanted, columns)
  local list, names = {}, nil
  for line in text:gmatch("[^\n]+") do
    if not names then
      names = {}
      for name in (line:gsub("^# ", "") .. ","):gmatch("([^,]*),") do names[#names + 1] = name end
      if names[1] ~= "pxname" then break end
    elseif not wanted or wanted(line) then
      local row, i = {}, 0
      for field in (line .. ","):gmatch("([^,]*),") do
        i = i + 1
        local name = names[i]
        if name and name ~= "" and (not columns or columns[name]) then
          local text = name == "pxname" or name == "svname" -- also of the name 8080
          row[name] = not text and tonumber(field) or field
        end
      end
      list[#list + 1] = row
    end
  end
  if not names or names[1] ~= "pxname" then return nil, "this is no answer of HAProxy" end
  return list
end

function haproxy.stat(o)
  local text, why = haproxy.command(o, "show stat")
  if not text then return nil, why end
  return table_of(text)
end

function haproxy.backend(o, name)
  name = tostring(name)
  local text, why = haproxy.command(o, "show stat")
  if not text then return nil, why end
  local begin = name .. ","
  local list
  -- A large HAProxy has thousands of lines of some hundred columns.
  list, why = table_of(text, function(line) return line:sub(1, #begin) == begin end,
    { svname = true, status = true, scur = true })
  if not list then return nil, why end
  local out = { servers = 0, up = 0 }
  for _, row in ipairs(list) do
    if row.svname == "BACKEND" then
      out.status, out.sessions = row.status, row.scur
    elseif row.svname ~= "FRONTEND" then
      out.servers = out.servers + 1
      local status = tostring(row.status)
      if status:sub(1, 2) == "UP" or status == "no check" then out.up = out.up + 1 end
    end
  end
  if not out.status then return nil, "there is no backend " .. name end
  return out
end

return haproxy
