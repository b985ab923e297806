-- A file lowers the priority of this node, as long as it is there.
--
-- args.file     the file
-- args.weight   what is added to the priority then, by default -2

local file = require "file"

return {
  weight = function(ctx)
    local there, why = file.exists(ctx.args.file)
    if there == nil then error(why, 0) end -- nobody knows: no weight, and the log says why
    if there then return ctx.args.weight or -2 end
    return 0
  end,
}
