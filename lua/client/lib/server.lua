-- What the clients share: connections that last as long as o.timeout says, and texts
-- of binary protocols. No script requires it but they.
local tcp, bytes = require "tcp", require "bytes"

local server = {}

-- trust returns the options of TLS.
function server.trust(o)
  return { verify = o.verify, ca = o.ca, cert = o.cert, key = o.key, server_name = o.server_name }
end

-- connect connects to o.address or another one, at once in TLS if tls says so.
function server.connect(o, address, tls)
  local options = tls and server.trust(o) or {}
  options.tls, options.within = tls, o.timeout
  return tcp.connect(o.address or address, options)
end

-- What a text lacks is raised as this, and is a reason for who called.
local short = {}

-- take is bytes.unpack.
function server.take(...)
  local out = { pcall(bytes.unpack, ...) }
  if not out[1] then error(short, 0) end
  return unpack(out, 2)
end

-- careful returns the functions of a client, whose first argument may be left out; a
-- text that is too short is this reason.
function server.careful(functions, why)
  local out = {}
  for name, f in pairs(functions) do
    out[name] = function(o, ...)
      local said = { pcall(f, o or {}, ...) }
      if said[1] then return said[2], said[3] end
      if said[2] == short then return nil, why end
      error(said[2], 0)
    end
  end
  return out
end

return server
