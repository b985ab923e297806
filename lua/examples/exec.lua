local exec = require "exec"
return function(ctx)
  local done, why = exec.run({ "/bin/sh", "-c", "echo up; exit 3" }, { timeout = 2 })
  if not done then return false, why end
  if done.status ~= 3 or done.output ~= "up\n" then return false, done.output end
  return exec.shell("tr a-z A-Z", { input = "moon" }).output == "MOON"
end
