local dns = require "dns"
return function(ctx)
  local answer, why = dns.query("www.example.org", "A", { server = ctx.args.dns, timeout = 2 })
  if not answer then return false, why end
  if answer.rcode ~= "NOERROR" or #answer.answers == 0 then return false, "rcode " .. answer.rcode end
  return answer.answers[1].data == "192.0.2.7" and dns.lookup("127.0.0.1")[1] == "127.0.0.1"
end
