-- The more this machine has to do, the lower its priority: of two machines that
-- are well, the one with less load has the address.
--
-- args.most    what is taken from the priority at a load of one per processor
--              and more, by default 40
-- args.cores   the number of processors, by default counted

local file = require "file"

local function cores(ctx)
  if ctx.args.cores then return ctx.args.cores end
  local text = assert(file.read("/proc/cpuinfo"))
  local n = select(2, text:gsub("processor%s*:", ""))
  return math.max(n, 1)
end

return {
  weight = function(ctx)
    local text, why = file.read("/proc/loadavg")
    if not text then error(why, 0) end
    local load = tonumber(text:match("^%S+"))
    return -(ctx.args.most or 40) * math.min(load / cores(ctx), 1)
  end,
}
