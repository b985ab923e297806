local time = require "time"
return function(ctx)
  local start = time.monotonic()
  time.sleep(0.01)
  local waited = time.monotonic() - start
  return waited >= 0.01 and time.now() > 1.7e9 and time.format("%s", 86400) == "86400"
end
