local http = require "http"
return function(ctx)
  local answer, why = http.get(ctx.args.url, { timeout = 0.5, host = "www.example.org", headers = { Accept = "text/plain" } })
  if not answer then return false, why end
  return answer.status == 200 and answer.body:find("ok", 1, true) ~= nil and answer.headers["content-type"] ~= nil
end
