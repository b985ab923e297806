-- PostgreSQL.
--
-- postgres.status(o)       {primary =, lag = seconds, receiving =, version =, replicas =} | nil, reason
-- postgres.query(o, text)  a list of rows, each a list of texts with false for NULL,
--                          and the list of the columns' names | nil, reason
--
-- o: {address = "host:port" or "unix:/path/.s.PGSQL.5432" (127.0.0.1:5432), user =,
--     password =, database = (the user's name), tls = true and the options of TLS,
--     timeout = seconds for all that is done}
--
-- It logs in by trust, peer, a password in clear over TLS, md5 and scram-sha-256.
-- receiving says that a standby is connected to its primary. lag is how long ago the
-- last transaction was that it replayed; 0 when it is connected and has replayed
-- everything it received, or no transaction yet; nil when it has replayed none and is
-- not connected. replicas counts the standbys that a primary streams to, for users who
-- may see that (pg_monitor).
local bytes, hash, server = require "bytes", require "hash", require "client.lib.server"

local take = server.take

local function receive(conn)
  local head, why = conn:receive(5)
  if not head then return nil, why end
  local n = take("I", head, 2) - 4
  if n > 500000 then return nil, "a message of " .. n .. " octets" end
  local text = ""
  if n > 0 then
    text, why = conn:receive(n)
    if not text then return nil, why end
  end
  return head:sub(1, 1), text
end

local function send(conn, kind, text) return conn:send(kind .. bytes.pack("I", #text + 4) .. text) end

local function failure(text) return text:match("M(%Z+)") or "an error without words" end

-- scram goes through SCRAM-SHA-256 (RFC 5802, RFC 7677).
local function scram(conn, password, nonce)
  local first = "n=,r=" .. nonce
  local start = "n,," .. first
  send(conn, "p", bytes.pack("z I", "SCRAM-SHA-256", #start) .. start)
  local kind, text = receive(conn)
  if kind == "E" then return nil, failure(text) end
  if kind ~= "R" or take("I", text) ~= 11 then return nil, "the server does not go on with SCRAM" end
  local server = text:sub(5)
  local joint, salt, count = server:match("^r=([^,]+),s=([^,]+),i=(%d+)")
  if not joint or joint:sub(1, #nonce) ~= nonce then return nil, "the server's part of SCRAM is wrong" end
  salt = bytes.unbase64(salt)
  if not salt or tonumber(count) > 50000 then return nil, "the server's part of SCRAM is wrong, or has more than 50,000 rounds" end
  local key = hash.pbkdf2("sha256", password, salt, tonumber(count), { raw = true })
  local final = "c=biws,r=" .. joint
  local message = first .. "," .. server .. "," .. final
  local client = hash.hmac("sha256", key, "Client Key", { raw = true })
  local proof = bytes.xor(client, hash.hmac("sha256", hash.sha256(client, { raw = true }), message, { raw = true }))
  send(conn, "p", final .. ",p=" .. bytes.base64(proof))
  kind, text = receive(conn)
  if kind == "E" then return nil, failure(text) end
  local signature = hash.hmac("sha256", hash.hmac("sha256", key, "Server Key", { raw = true }), message, { raw = true })
  if kind ~= "R" or text:sub(5) ~= "v=" .. bytes.base64(signature) then return nil, "the server does not know the password itself" end
  return true
end

local function open(o)
  local conn, why = server.connect(o, "127.0.0.1:5432")
  if not conn then return nil, why end
  local function fail(why) conn:close() return nil, why end
  if o.tls then
    conn:send(bytes.pack("I I", 8, 80877103))
    local yes, why = conn:receive(1)
    if yes ~= "S" then return fail(why or "the server has no TLS") end
    local ok, why = conn:starttls(server.trust(o))
    if not ok then return nil, why end
  end
  local user = o.user or "postgres"
  local start = bytes.pack("I z z z z z", 196608, "user", user, "database", o.database or user, "")
  local ok, why = conn:send(bytes.pack("I", #start + 4) .. start)
  if not ok then return fail(why) end
  while true do
    local kind, text = receive(conn)
    if not kind then return fail(text) end
    if kind == "E" then return fail(failure(text)) end
    if kind == "Z" then return conn end
    if kind == "R" then
      local how = take("I", text)
      if how ~= 0 and how ~= 12 and not o.password then return fail("the server wants a password") end
      if how == 3 then
        if not o.tls then return fail("the server wants the password in clear, and there is no TLS") end
        send(conn, "p", bytes.pack("z", o.password))
      elseif how == 5 then
        send(conn, "p", bytes.pack("z", "md5" .. hash.md5(hash.md5(o.password .. user) .. text:sub(5, 8))))
      elseif how == 10 then
        if not text:find("SCRAM%-SHA%-256%z") then return fail("the server wants a kind of SCRAM that is not known here") end
        local ok, why = scram(conn, o.password, bytes.base64(bytes.random(18)))
        if not ok then return fail(why) end
      elseif how ~= 0 and how ~= 12 then
        return fail("the server wants a way to log in that is not known here: " .. how)
      end
    end
  end
end

local function query(conn, sql)
  local ok, why = send(conn, "Q", bytes.pack("z", sql))
  if not ok then return nil, why end
  local rows, names, failed = {}, {}, nil
  while true do
    local kind, text = receive(conn)
    if not kind then return nil, text end
    if kind == "E" then failed = failure(text) end
    if kind == "T" then
      local n, at = take("H", text)
      for i = 1, n do
        names[i], at = take("z", text, at)
        at = at + 18
      end
    elseif kind == "D" then
      local row, n, at = {}, take("H", text)
      for i = 1, n do
        local length
        length, at = take("i", text, at)
        if length < 0 then
          row[i] = false
        else
          row[i], at = text:sub(at, at + length - 1), at + length
        end
      end
      rows[#rows + 1] = row
    elseif kind == "Z" then
      if failed then return nil, failed end
      return rows, names
    end
  end
end

local postgres = {}

function postgres.query(o, sql)
  local conn, why = open(o)
  if not conn then return nil, why end
  local rows, names = query(conn, sql)
  send(conn, "X", "")
  conn:close()
  return rows, names
end

function postgres.status(o)
  local rows, why = postgres.query(o, [[SELECT pg_is_in_recovery(),
    CASE WHEN NOT pg_is_in_recovery() THEN 0
         WHEN NOT w.receiving THEN EXTRACT(EPOCH FROM now() - pg_last_xact_replay_timestamp())
         WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
         ELSE COALESCE(EXTRACT(EPOCH FROM now() - pg_last_xact_replay_timestamp()), 0) END,
    current_setting('server_version'),
    (SELECT count(*) FROM pg_stat_replication),
    w.receiving
    FROM (SELECT EXISTS (SELECT 1 FROM pg_stat_wal_receiver) AS receiving) w]])
  if not rows then return nil, why end
  local row = rows[1]
  if not row or #row < 5 then return nil, "the answer has no row" end
  return { primary = row[1] == "f", lag = tonumber(row[2] or nil), receiving = row[5] == "t", version = row[3]:match("^%S+"), replicas = tonumber(row[4]) }
end

return server.careful(postgres, "this is no PostgreSQL: a message is too short")
