local udp = require "udp"
return function(ctx)
  local answer, why = udp.exchange(ctx.args.echo, "moon", { timeout = 0.5 })
  if answer ~= "moon" then return false, why end
  -- waiting on a port needs allow: [listen]
  local text, why = udp.receive("127.0.0.1:0", { timeout = 0.01 })
  return text == nil, why
end
