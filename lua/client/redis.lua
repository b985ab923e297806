-- Redis and what speaks its protocol (Valkey, KeyDB).
--
-- redis.ping(o)          true | nil, reason
-- redis.replication(o)   {role =, link =, down =, syncing =, lag =, replicas =, offset =}
--                        | nil, reason
-- redis.command(o, ...)  the answer | nil, reason
--
-- o: {address = "host:port" or "unix:/path" (127.0.0.1:6379), user =, password =,
--     tls = true and the options of TLS, timeout = seconds for all that is done}
--
-- A replica whose master is gone has link = "down", and down = for how many seconds, -1
-- when it has not had its master since it began to run, and may be empty; one that copies its master's data
-- anew, syncing = true, has not all of it.
local server = require "client.lib.server"

local function write(conn, words)
  local parts = { "*" .. #words .. "\r\n" }
  for _, word in ipairs(words) do
    word = tostring(word)
    parts[#parts + 1] = "$" .. #word .. "\r\n" .. word .. "\r\n"
  end
  return conn:send(table.concat(parts))
end

-- An answer: a string, a number, a list, or nil and a reason.
local function read(conn, depth)
  local line, why = conn:receive("line")
  if not line then return nil, why end
  local kind, rest = line:sub(1, 1), line:sub(2)
  if kind == "+" then return rest end
  if kind == "-" then return nil, rest end
  if kind == ":" then return tonumber(rest) end
  local n = tonumber(rest)
  if (kind ~= "$" and kind ~= "*") or not n or n % 1 ~= 0 or depth > 4 then return nil, "this is no answer of Redis: " .. line:sub(1, 60) end
  if n < 0 then return nil, "no value" end
  if kind == "*" then
    local list = {}
    for i = 1, n do
      local value, why = read(conn, depth + 1)
      if value == nil and why ~= "no value" then return nil, why end
      list[i] = value == nil and false or value
    end
    return list
  end
  local text = ""
  if n > 500000 then return nil, "a value of " .. rest .. " octets" end
  if n > 0 then
    text, why = conn:receive(n)
    if not text then return nil, why end
  end
  conn:receive(2)
  return text
end

local function open(o)
  o = o or {}
  local conn, why = server.connect(o, "127.0.0.1:6379", o.tls)
  if not conn then return nil, why end
  if o.password then
    write(conn, o.user and { "AUTH", o.user, o.password } or { "AUTH", o.password })
    local ok, why = read(conn, 0)
    if not ok then conn:close() return nil, why end
  end
  return conn
end

local redis = {}

function redis.command(o, ...)
  local conn, why = open(o)
  if not conn then return nil, why end
  local ok, answer
  ok, why = write(conn, { ... })
  if ok then answer, why = read(conn, 0) end
  conn:close()
  return answer, why
end

function redis.ping(o)
  local answer, why = redis.command(o, "PING")
  if answer == "PONG" then return true end
  return nil, why or "the answer to PING is " .. tostring(answer)
end

function redis.replication(o)
  local text, why = redis.command(o, "INFO", "replication")
  if not text then return nil, why end
  local function field(name) return text:match("[\r\n]" .. name .. ":([^\r\n]*)") end
  local role = field("role")
  if not role then return nil, "INFO has no role" end
  local out = { role = role == "slave" and "replica" or role }
  if role == "slave" then
    out.link = field("master_link_status")
    out.down = tonumber(field("master_link_down_since_seconds"))
    out.syncing = field("master_sync_in_progress") == "1"
    out.lag = tonumber(field("master_last_io_seconds_ago"))
    out.offset = tonumber(field("slave_repl_offset"))
  else
    out.replicas = tonumber(field("connected_slaves"))
    out.offset = tonumber(field("master_repl_offset"))
  end
  return out
end

return redis
