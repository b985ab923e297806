local file = require "file"
return function(ctx)
  if file.exists("maintenance") then return false, "maintenance" end
  local text = file.read(ctx.args.file) or ""
  if not text:match("^%d+") or file.age(ctx.args.file) > 60 then return false, "no fresh number" end
  local space, why = file.space(ctx.args.file)
  if not space then return false, why end
  if space.free < 1 or space.used > 99.9 or space.inodes_used > 99.9 then return false, "the disk is full" end
  -- these need allow: [write]
  local ok, why = file.write("state", "1\n")
  if ok then ok, why = file.append("state", "2\n") end
  return ok and file.tail("state", 1)[1] == "2" and file.size("state") == 4 and file.remove("state"), why
end
