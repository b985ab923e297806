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
-- up counts the servers that get clients, those without a check among them. A line of
-- "show stat" has some hundred values: stat is for some hundred lines, and backend for
-- thousands, of which 2,000 may be its own.
local server = require "client.lib.server"

local haproxy = {}

-- ask sends a command; a connection that the answer comes from.
local function ask(o, text)
  o = o or {}
  local conn, why = server.connect(o, "unix:" .. (o.socket or "/run/haproxy/admin.sock"))
  if not conn then return nil, why end
  local ok
  ok, why = conn:send(text .. "\n")
  if ok then return conn end
  conn:close()
  return nil, why
end

function haproxy.command(o, text)
  local conn, why = ask(o, text)
  if not conn then return nil, why end
  local answer
  answer, why = conn:receive("all")
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

-- fields takes a line of CSV apart, up to the field of a number if there is one. What
-- has commas is in quotes.
local function fields(line, last)
  local list, quoted, part = {}, line:find('"', 1, true), nil
  for piece in (line .. ","):gmatch("([^,]*),") do
    part = part and part .. "," .. piece or piece
    if not quoted or select(2, part:gsub('"', "")) % 2 == 0 then
      if part:byte(1) == 34 then part = part:sub(2, -2):gsub('""', '"') end
      list[#list + 1], part = part, nil
      if #list == last then break end
    end
  end
  return list
end

-- each calls take with each line of "show stat" and with the names of its columns, until
-- that says true. The lines are taken one by one, for all together may be more than
-- what is received at once.
local function each(o, take)
  local conn, why = ask(o, "show stat")
  if not conn then return nil, why end
  local function fail(why) conn:close() return nil, why end
  local line
  line, why = conn:receive("line")
  if not line then return fail(why) end
  if line:sub(1, 9) ~= "# pxname," then return fail("this is no answer of HAProxy") end
  local names = fields(line:sub(3))
  repeat
    line, why = conn:receive("line")
    if not line then return fail(why) end
  until line == "" or take(line, names) -- an empty line ends the answer
  conn:close()
  return true
end

function haproxy.stat(o)
  local list = {}
  local ok, why = each(o, function(line, names)
    local row = {}
    for i, field in ipairs(fields(line)) do
      local name = names[i]
      if name and name ~= "" then
        local text = name == "pxname" or name == "svname" -- also of the name 8080
        row[name] = not text and tonumber(field) or field
      end
    end
    list[#list + 1] = row
  end)
  if not ok then return nil, why end
  return list
end

function haproxy.backend(o, name)
  name = tostring(name)
  local begin = name .. ","
  local out, at, last = { servers = 0, up = 0 }, nil, 0
  local ok, why = each(o, function(line, names)
    -- A large HAProxy has thousands of lines of some hundred columns.
    if line:sub(1, #begin) ~= begin then return false end
    if not at then
      at = {}
      for i, column in ipairs(names) do at[column] = i end
      for _, column in ipairs{ "scur", "status", "type" } do last = math.max(last, at[column] or 0) end
    end
    local row = fields(line, last)
    local kind, status = row[at.type], row[at.status] or ""
    if kind == "1" then -- the backend, behind its servers
      out.status, out.sessions = status, tonumber(row[at.scur])
    elseif kind == "2" then -- a server; 0 is a frontend, and 3 a socket
      out.servers = out.servers + 1
      if status:sub(1, 2) == "UP" or status == "no check" then out.up = out.up + 1 end
    end
    return out.status ~= nil
  end)
  if not ok then return nil, why end
  if not out.status then return nil, "there is no backend " .. name end
  return out
end

return haproxy
