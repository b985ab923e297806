local env = require "env"
return function(ctx)
  -- needs args: {env: "HOME"}
  return env.get("HOME") ~= "" and #env.hostname() > 0
end
