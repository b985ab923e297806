local ldap = require "client.ldap"
return function(ctx)
  return ldap.bind{ address = ctx.args.address, dn = ctx.args.dn, password = ctx.args.password, timeout = 2 }
end
