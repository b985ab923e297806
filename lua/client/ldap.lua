-- A directory.
--
-- ldap.bind(o)   true | false, reason
--
-- o: {address = "host:port" (127.0.0.1:389), dn = "" and password = "" for an anonymous
--     bind, tls = true for TLS at once, starttls = true, the options of TLS,
--     timeout = seconds for all that is done}
local server = require "client.lib.server"

-- BER (X.690): a tag, a length, the content.
local function ber(tag, content)
  local n = #content
  if n < 128 then return string.char(tag, n) .. content end
  if n < 256 then return string.char(tag, 0x81, n) .. content end
  return string.char(tag, 0x82, math.floor(n / 256), n % 256) .. content
end

-- header takes a tag and a length, which Active Directory writes in four octets,
-- however short it is.
local function header(conn)
  local head, why = conn:receive(2)
  if not head then return nil, why end
  local tag, n = head:byte(1, 2)
  if n > 128 then
    if n > 132 then return nil, "this is no LDAP" end
    local more, why = conn:receive(n - 128)
    if not more then return nil, why end
    n = 0
    for i = 1, #more do n = n * 256 + more:byte(i) end
  end
  return tag, n
end

-- element takes the element at a place of a text: its tag, its content, and
-- where the next one begins.
local function element(text, at)
  local tag, n = text:byte(at, at + 1)
  if not n then return nil end
  at = at + 2
  if n > 128 then
    local long = 0
    for i = 1, n - 128 do long = long * 256 + (text:byte(at) or 0) at = at + 1 end
    n = long
  end
  return tag, text:sub(at, at + n - 1), at + n
end

local results = { [1] = "operations error", [2] = "protocol error", [8] = "stronger authentication is required", [13] = "confidentiality is required",
  [32] = "there is no such object", [34] = "the name is invalid", [48] = "inappropriate authentication", [49] = "invalid credentials",
  [50] = "insufficient access rights", [51] = "the server is busy", [52] = "the server is unavailable", [53] = "the server is unwilling to perform" }

-- ask sends an operation and takes the result, whose tag must be this.
local function ask(conn, id, operation, want)
  local ok, why = conn:send(ber(0x30, ber(2, string.char(id)) .. operation))
  if not ok then return nil, why end
  local tag, n = header(conn)
  if not tag then return nil, n end
  if tag ~= 0x30 or n < 1 or n > 65535 then return nil, "this is no LDAP" end
  local text, why = conn:receive(n)
  if not text then return nil, why end
  local _, _, at = element(text, 1)
  local kind, content = element(text, at or 1)
  if kind ~= want then return nil, "this is no answer to it" end
  local _, code, next = element(content, 1)
  if not code or code == "" then return nil, "this is no LDAP" end
  if code:byte(1) == 0 then return true end
  local _, _, after = element(content, next)
  local _, message = element(content, after or next)
  local words = results[code:byte(1)] or ("result " .. code:byte(1))
  if message and message ~= "" then words = words .. ": " .. message end
  return nil, words
end

local client = {}

function client.bind(o)
  o = o or {}
  if (o.dn or "") ~= "" and (o.password or "") == "" then
    return false, "a dn without a password: servers take that for an anonymous bind, whatever the dn is" -- RFC 4513 5.1.2
  end
  local conn, why = server.connect(o, "127.0.0.1:389", o.tls)
  if not conn then return false, why end
  local ok = true
  if o.starttls then
    ok, why = ask(conn, 1, ber(0x77, ber(0x80, "1.3.6.1.4.1.1466.20037")), 0x78)
    if ok then ok, why = conn:starttls(server.trust(o)) end
    if not ok then return false, why end
  end
  ok, why = ask(conn, 2, ber(0x60, ber(2, "\3") .. ber(4, o.dn or "") .. ber(0x80, o.password or "")), 0x61)
  if ok then conn:send(ber(0x30, ber(2, "\3") .. ber(0x42, ""))) end -- unbind
  conn:close()
  if ok then return true end
  return false, why
end

return client
