local docker = require "client.docker"
return function(ctx)
  local container, why = docker.container({ socket = ctx.args.socket, timeout = 1 }, "web")
  if not container then return false, why end
  if not container.running then return false, "web is " .. container.status end
  return container.health ~= "unhealthy", "web is " .. container.health
end
