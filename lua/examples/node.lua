local node = require "node"
return function(ctx)
  local router, why = node.instance("VI_1")
  if not router then return false, why end
  if router.role ~= "MASTER" then return true, "nothing to do" end
  for _, tracker in ipairs(node.trackers()) do
    if tracker.kind == "script" and tracker.state == "down" then return false, tracker.name .. " is down" end
  end
  for _, peer in ipairs(node.peers()) do
    if peer.heard_age and peer.heard_age > 60 then return false, peer.address .. " is silent" end
  end
  for _, server in ipairs(node.real_servers()) do
    if server.weight == 0 and server.virtual_server ~= "web" then return false, server.name .. " gets nothing" end
  end
  if node.status().router_id == "lb-a" and #node.instances() == 1 and #node.sync_groups() == 0 then
    -- these need allow: [control]
    node.maintenance(false)
    node.weight("192.0.2.11:80", 5)
    return node.failover("VI_1")
  end
  return true
end
