local http = require "http"
return function(ctx)
  -- asks 127.0.0.1 for a page of www.example.org
  local answer, why = http.get(ctx.args.url, { timeout = 0.5, host = "www.example.org", headers = { Accept = "text/plain" } })
  if not answer then return false, why end
  if answer.status ~= 200 or not answer.body:find("ok", 1, true) then return false, "status " .. answer.status end
  if answer.times.first_byte > 0.4 then return false, "slow: " .. answer.times.first_byte .. " s" end
  -- over TLS, by another address than the name's, with a certificate that only this server has
  answer, why = http.head("https://example.com/", { connect = ctx.args.tls, ca = ctx.args.ca })
  if not answer then return false, why end
  if answer.tls.expires_in < 86400 * 14 then return false, "the certificate expires soon" end
  -- these need allow: [net]
  answer, why = http.post(ctx.args.url, '{"text": "hello"}', { headers = { ["Content-Type"] = "application/json" } })
  if not answer then return false, why end
  answer, why = http.request("DELETE", ctx.args.url)
  return answer ~= nil and answer.status < 300, why
end
