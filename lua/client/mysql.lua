-- MySQL and MariaDB.
--
-- mysql.status(o)       {version =, read_only =, replica = {io =, sql =, lag =, error =,
--                       io_error =, sql_error =} | nil} | nil, reason
-- mysql.query(o, text)  a list of rows, each a list of texts with false for NULL,
--                       and the list of the columns' names | nil, reason
-- mysql.greeting(o)     the server's version, without a login | nil, reason
--
-- o: {address = "host:port" or "unix:/path" (127.0.0.1:3306), user =, password =,
--     tls = true and the options of TLS, server_key =,
--     timeout = seconds for all that is done}
--
-- Of a replica io says that it receives from its primary and sql that it replays; lag
-- is nil as long as it does not do both. A replica whose primary is gone has io =
-- false, an io_error and no lag, and may be fit to be the next primary; a sql_error is
-- a replica that is no good. Of several sources (channels) the worst counts.
--
-- The user logs in with mysql_native_password, caching_sha2_password or without a
-- password. A server of MySQL that does not have the password in its cache wants it
-- as it is: over TLS and over a unix socket it gets that, and otherwise, encrypted,
-- when o.server_key is the server's public key (PEM), or true for the one that the
-- server shows, which is no protection against who can change what is sent. For
-- status it needs the right REPLICATION CLIENT (MariaDB: REPLICA MONITOR, too).
-- A server counts greetings without a login as failed connections of this
-- host, and refuses it after max_connect_errors of them.
local bytes, hash, server = require "bytes", require "hash", require "client.lib.server"

local PROTOCOL_41, SECURE, PLUGIN, SSL = 0x200, 0x8000, 0x80000, 0x800

local take = server.take

local function receive(conn)
  local head, why = conn:receive(4)
  if not head then return nil, why end
  local a, b, c, seq = head:byte(1, 4)
  local n = a + b * 256 + c * 65536
  if n == 0 then return "", seq end
  if n > 500000 then return nil, "a packet of " .. n .. " octets" end
  local text, why = conn:receive(n)
  if not text then return nil, why end
  return text, seq
end

local function send(conn, seq, text)
  local n = #text
  return conn:send(string.char(n % 256, math.floor(n / 256) % 256, math.floor(n / 65536), seq) .. text)
end

local function failure(packet)
  local code, rest = take("< H", packet, 2), packet:sub(4)
  return (rest:gsub("^#%w%w%w%w%w", "")) .. " (error " .. code .. ")"
end

-- A number before a text or a count, and where what follows begins; nil is NULL.
local function number(text, at)
  local first = text:byte(at)
  if not first or first == 255 then return nil, at + 1, "the packet is too short" end
  if first < 251 then return first, at + 1 end
  if first == 251 then return nil, at + 1 end
  return take(first == 252 and "< H" or first == 253 and "< T" or "< J", text, at + 1)
end

local function scramble(password, salt)
  if not password or password == "" then return "" end
  local once = hash.sha1(password, { raw = true })
  local twice = hash.sha1(once, { raw = true })
  return bytes.xor(once, hash.sha1(salt .. twice, { raw = true }))
end

-- As caching_sha2_password has it.
local function scramble256(password, salt)
  if not password or password == "" then return "\0" end
  local once = hash.sha256(password, { raw = true })
  local twice = hash.sha256(once, { raw = true })
  return bytes.xor(once, hash.sha256(twice .. salt, { raw = true }))
end

-- The password for who has the private key. In the stream it is mixed with the salt.
local function sealed(key, password, salt)
  local text = password .. "\0"
  return hash.rsa_oaep(key, bytes.xor(text, (salt:rep(math.ceil(#text / #salt)):sub(1, #text))))
end

local function hello(o)
  local conn, why = server.connect(o, "127.0.0.1:3306")
  if not conn then return nil, why end
  local greeting, seq = receive(conn)
  if not greeting then conn:close() return nil, seq end
  if greeting:byte(1) == 255 then conn:close() return nil, failure(greeting) end
  if greeting:byte(1) ~= 10 then conn:close() return nil, "this is no MySQL or MariaDB" end
  local _, version, _, salt, _, low, _, _, high, length, _, at = take("< B z I a8 B H B H H B a10", greeting)
  local more = greeting:sub(at, at + math.max(13, length - 8) - 2)
  return conn, { version = version:gsub("^5%.5%.5%-", ""), salt = salt .. more, capabilities = low + high * 65536, seq = seq }
end

local function login(o)
  local conn, g = hello(o)
  if not conn then return nil, g end
  local function fail(why) conn:close() return nil, why end
  local seq, flags = g.seq + 1, PROTOCOL_41 + SECURE + PLUGIN
  if o.tls then
    if math.floor(g.capabilities / SSL) % 2 == 0 then return fail("the server has no TLS") end
    flags = flags + SSL
    local ok, why = send(conn, seq, bytes.pack("< I I B", flags, 2 ^ 24 - 1, 45) .. ("\0"):rep(23))
    if ok then ok, why = conn:starttls(server.trust(o)) end
    if not ok then return nil, why end
    seq = seq + 1
  end
  local answer = bytes.pack("< I I B", flags, 2 ^ 24 - 1, 45) .. ("\0"):rep(23) .. bytes.pack("z s1 z", o.user or "", scramble(o.password, g.salt), "mysql_native_password")
  local ok, why = send(conn, seq, answer)
  if not ok then return fail(why) end
  local packet, seq = receive(conn)
  local salt = g.salt
  if packet and packet:byte(1) == 254 then -- the account wants another plugin
    local plugin, at = take("z", packet, 2)
    local how = plugin == "mysql_native_password" and scramble or plugin == "caching_sha2_password" and scramble256
    if not how then
      return fail("the account logs in by " .. plugin .. "; this client knows mysql_native_password and caching_sha2_password")
    end
    salt = packet:sub(at):gsub("%z$", "")
    send(conn, seq + 1, how(o.password, salt))
    packet, seq = receive(conn)
  end
  if packet and packet:byte(1) == 1 then -- caching_sha2_password goes on
    if packet:byte(2) == 4 then
      local secret = (o.password or "") .. "\0"
      if not o.tls and (o.address or ""):sub(1, 5) ~= "unix:" then
        local key, why = o.server_key
        if not key then
          return fail("the server does not have the password in its cache and wants it as it is: use tls = true, the server's unix socket, or server_key")
        end
        if key == true then
          send(conn, seq + 1, "\2")
          packet, seq = receive(conn)
          if not packet then return fail(seq) end
          if packet:byte(1) == 255 then return fail(failure(packet)) end
          if packet:byte(1) ~= 1 then return fail("the server shows no public key") end
          key = packet:sub(2)
        end
        secret, why = sealed(key, o.password or "", salt)
        if not secret then return fail("server_key: " .. why) end
      end
      send(conn, seq + 1, secret)
    elseif packet:byte(2) ~= 3 then
      return fail("the login was not understood")
    end
    packet, seq = receive(conn)
  end
  if not packet then return fail(seq) end
  if packet:byte(1) == 255 then return fail(failure(packet)) end
  if packet:byte(1) ~= 0 then return fail("the login was not understood") end
  return conn, g
end

local function text(packet, at)
  local n, next = number(packet, at)
  if not n then return false, next end
  return packet:sub(next, next + n - 1), next + n
end

local function query(conn, sql)
  local ok, why = send(conn, 0, "\3" .. sql)
  if not ok then return nil, why end
  local packet, why = receive(conn)
  if not packet then return nil, why end
  if packet:byte(1) == 255 then return nil, failure(packet) end
  if packet:byte(1) == 0 then return {}, {} end
  local names, rows = {}, {}
  local count = number(packet, 1)
  for i = 1, count do
    local column, why = receive(conn)
    if not column then return nil, why end
    local at, name = 1
    for _ = 1, 5 do name, at = text(column, at) end -- catalog, schema, table, its origin, name
    names[i] = name
  end
  receive(conn) -- the end of the columns
  while true do
    packet, why = receive(conn)
    if not packet then return nil, why end
    if packet:byte(1) == 255 then return nil, failure(packet) end
    if packet:byte(1) == 254 and #packet < 9 then return rows, names end
    local row, at = {}, 1
    for i = 1, #names do row[i], at = text(packet, at) end
    rows[#rows + 1] = row
  end
end

-- The rows are the replica's sources (channels): what is worst of any counts.
local function replication(rows, names)
  local out = { io = true, sql = true, lag = 0, io_error = "", sql_error = "" }
  for _, row in ipairs(rows) do
    local field = {}
    for i, name in ipairs(names) do field[name:gsub("^Slave_", "Replica_"):gsub("Behind_Master", "Behind_Source")] = row[i] end
    local lag = tonumber(field.Seconds_Behind_Source or nil)
    out.io = out.io and field.Replica_IO_Running == "Yes"
    out.sql = out.sql and field.Replica_SQL_Running == "Yes"
    out.lag = out.lag and lag and math.max(out.lag, lag)
    if out.io_error == "" then out.io_error = field.Last_IO_Error or "" end
    if out.sql_error == "" then out.sql_error = field.Last_SQL_Error or "" end
  end
  out.error = out.sql_error ~= "" and out.sql_error or out.io_error
  return out
end

local mysql = {}

function mysql.greeting(o)
  local conn, g = hello(o)
  if not conn then return nil, g end
  conn:close()
  return g.version
end

function mysql.query(o, sql)
  local conn, why = login(o)
  if not conn then return nil, why end
  local rows, names = query(conn, sql)
  conn:close()
  return rows, names
end

function mysql.status(o)
  local conn, g = login(o)
  if not conn then return nil, g end
  local rows, why = query(conn, "SELECT @@global.read_only")
  if not rows or not rows[1] then conn:close() return nil, why or "it does not say whether it is read-only" end
  -- MariaDB has names for it since 12.0.1: OFF, ON and kinds of ON.
  local ro = rows[1][1]
  local out = { version = g.version, read_only = ro ~= "0" and ro ~= "OFF" }
  local names, denied
  -- All sources: MariaDB's, those of MySQL since 8.0.22, and of older servers. One that
  -- does not know a statement finds its syntax wrong; another reason is the one.
  for _, ask in ipairs{ "SHOW ALL SLAVES STATUS", "SHOW REPLICA STATUS", "SHOW SLAVE STATUS" } do
    rows, names = query(conn, ask)
    if rows then break end
    if not denied and not names:find("syntax", 1, true) then denied = names end
  end
  conn:close()
  if not rows then return nil, denied or names end
  if rows[1] then out.replica = replication(rows, names) end
  return out
end

return server.careful(mysql, "this is no MySQL or MariaDB: a packet is too short")
