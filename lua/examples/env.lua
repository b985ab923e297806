local env = require "env"
return function(ctx)
  -- needs allow: ["env:HOME"]
  return env.get("HOME") ~= ""
end
