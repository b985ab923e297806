local icmp = require "icmp"
return function(ctx)
  local answers, why = icmp.ping("127.0.0.1", { count = 3, interval = 0.01, timeout = 1 })
  if not answers then return false, why end
  return answers.received >= 2 and answers.avg < 0.5, answers.received .. " of " .. answers.sent .. " answers"
end
