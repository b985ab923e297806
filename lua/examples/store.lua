local store = require "store"
return function(ctx)
  -- restart something at most three times in ten minutes
  if not store.get("window") then
    store.set("window", true, { expires = 600 })
    store.set("restarts", nil)
  end
  local n, why = store.add("restarts")
  if not n then return false, why end
  return n <= 3 and #store.keys() == 2, "restart " .. n
end
