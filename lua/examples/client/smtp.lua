local smtp = require "client.smtp"
return function(ctx)
  return smtp.check{ address = ctx.args.address, helo = "lb-a.example.org", timeout = 2 }
end
