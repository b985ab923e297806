local net = require "net"
return function(ctx)
  local lo, why = net.interface("lo")
  if not lo then return false, why end
  if not lo.up or lo.counters.rx_bytes == nil or #net.interfaces() == 0 then return false, "lo is down" end
  for _, route in ipairs(net.routes({ family = "inet" })) do
    if route.destination == "127.0.0.0/8" and route.interface ~= "lo" then return false, "odd route" end
  end
  for _, neighbour in ipairs(net.neighbours()) do
    if neighbour.state == "failed" then return true, neighbour.address .. " does not answer" end
  end
  local tracked = net.conntrack() -- nil where the kernel follows no connections
  if tracked and tracked.count > 0.9 * tracked.max then return false, "the table of connections is nearly full" end
  local ipvs = net.ipvs() -- nil where the kernel has no IPVS
  return ipvs == nil or ipvs.connections >= 0
end
