local exec = require "exec"
return function(ctx)
  local done, why = exec.run({ "/bin/sh", "-c", "echo up; exit 3" }, { timeout = 2 })
  if not done then return false, why end
  return done.status == 3 and done.output == "up\n"
end
