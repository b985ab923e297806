local dns = require "client.dns"
return function(ctx)
  return dns.check{ server = ctx.args.server, name = "www.example.org", expect = "192.0.2.7", timeout = 1 }
end
