local systemd = require "systemd"
return function(ctx)
  local unit, why = systemd.unit("nginx")
  if not unit then return false, why end
  if unit.load_state == "loaded" and unit.active_state == "failed" then
    -- these need allow: [exec]
    local ok, why = systemd.restart("nginx", { timeout = 5 })
    if not ok then return false, why end
  end
  if systemd.start("nginx") and systemd.reload("nginx") and systemd.active("nginx") then return systemd.stop("nginx") end
  return false, unit.sub_state
end
