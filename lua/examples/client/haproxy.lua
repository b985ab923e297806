local haproxy = require "client.haproxy"
return function(ctx)
  local backend, why = haproxy.backend({ socket = ctx.args.socket, timeout = 1 }, "web")
  if not backend then return false, why end
  return backend.up * 2 >= backend.servers, backend.up .. " of " .. backend.servers .. " servers are up"
end
