local tcp = require "tcp"
return function(ctx)
  local ok, why = tcp.connect(ctx.args.address, { timeout = 0.5 })
  return ok == true, why
end
