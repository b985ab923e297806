-- A file lowers the priority of this node, as long as it is there.
--
-- args.file     the file
-- args.weight   what is added to the priority then, by default -2

local file = require "file"

return {
  weight = function(ctx)
    if file.exists(ctx.args.file) then return ctx.args.weight or -2 end
    return 0
  end,
}
