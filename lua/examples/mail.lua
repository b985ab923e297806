local mail = require "mail"
return { check = function(ctx)
  local ok, why = mail.send("disk full on " .. "lb-a", "97 % are used.\n", { to = { "root@example.org" } })
  return ok == true, why
end }
