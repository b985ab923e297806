local webhook = require "webhook"
return function(ctx)
  local answer, tries = webhook.post(ctx.args.url, { text = "lb-a is master", list = { 1, 2 } }, { timeout = 3, headers = { Authorization = "Bearer x" } })
  return answer ~= nil and answer.status < 300, tries
end
