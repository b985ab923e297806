-- A mail server.
--
-- smtp.check(o)   true, the server's greeting | false, reason
--
-- o: {address = "host:port" (127.0.0.1:25), helo = ("localhost"), starttls = true when
--     the session must go on in TLS, tls = true for TLS at once, the options of TLS,
--     timeout = seconds for all that is done}
local server = require "client.lib.server"

-- reply takes a reply of one or more lines; its code and its lines.
local function reply(conn)
  local lines = {}
  while true do
    local line, why = conn:receive("line")
    if not line then return nil, why end
    local code, more = line:match("^(%d%d%d)([ -]?)")
    if not code or #lines == 100 then return nil, "this is no SMTP: " .. line:sub(1, 60) end
    lines[#lines + 1] = line:sub(5)
    if more ~= "-" then return code, lines end
  end
end

local function ask(conn, text, want)
  local ok, why = conn:send(text .. "\r\n")
  if not ok then return nil, why end
  local code, lines = reply(conn)
  if not code then return nil, lines end
  if code ~= want then return nil, text:match("^%w+") .. " is answered with " .. code .. " " .. lines[1] end
  return lines
end

local client = {}

function client.check(o)
  o = o or {}
  local conn, why = server.connect(o, "127.0.0.1:25", o.tls)
  if not conn then return false, why end
  local function fail(why) conn:close() return false, why end
  local code, lines = reply(conn)
  if code ~= "220" then return fail(code and "the greeting is " .. code .. " " .. lines[1] or lines) end
  local greeting, helo = lines[1], "EHLO " .. (o.helo or "localhost")
  local features, why = ask(conn, helo, "250")
  if not features then return fail(why) end
  if o.starttls then
    local ok, why = ask(conn, "STARTTLS", "220")
    if not ok then return fail(why) end
    ok, why = conn:starttls(server.trust(o))
    if not ok then return false, why end
    ok, why = ask(conn, helo, "250")
    if not ok then return fail(why) end
  end
  ask(conn, "QUIT", "221") -- what it says to that is of no interest
  conn:close()
  return true, greeting
end

return client
