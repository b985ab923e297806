---@meta net

---An interface.
---@class net.Interface
---@field name string its name
---@field index integer its number
---@field mtu integer the largest packet (octets)
---@field up boolean whether it is switched on
---@field carrier boolean whether it has a link
---@field mac string its hardware address, empty when it has none
---@field addresses string[] its addresses, each with its prefix's length
---@field counters table<string, number> the counters of /sys/class/net, by name: rx_bytes, tx_errors and so on
local net_Interface = {}

---A route.
---@class net.Route
---@field destination string a prefix, or "default"
---@field gateway? string the next hop
---@field interface? string where it leads out
---@field source? string the preferred source address
---@field metric? integer the lower one counts
---@field table integer 254 is the main one
---@field protocol integer who set it; 2 is the kernel
local net_Route = {}

---An entry of the neighbour table.
---@class net.Neighbour
---@field address string the address
---@field mac? string its hardware address
---@field interface string where it is
---@field state string reachable, stale, delay, probe, failed, noarp, permanent or incomplete
local net_Neighbour = {}

---The network of this host, to read. It is that of the daemon's network namespace.
---@class moonkeep.net
local net = {}

---all interfaces
---@return net.Interface[]? # the interfaces
---@return string? # why not: the kernel does not tell, or not in time
function net.interfaces() end

---one interface; nil and a reason when it is not there
---@param name string its name
---@return net.Interface? # the interface
---@return string? # why not: there is no such interface, or the kernel does not tell, or not in time
function net.interface(name) end

---the routes of all tables, at most 2,000
---@param options? {family?: string}
---@return net.Route[]? # the routes
---@return string? # why not: the kernel does not tell, or not in time
function net.routes(options) end

---the entries of the ARP and neighbour tables, at most 2,000
---@param options? {family?: string}
---@return net.Neighbour[]? # the entries
---@return string? # why not: the kernel does not tell, or not in time
function net.neighbours(options) end

---how full the table of connections is and its counters; nil and a reason where there is none
---@return table<string, number>? # count, max, and the sums over all processors by the kernel's names: insert_failed, drop, early_drop and so on
---@return string? # why not: the kernel follows no connections, or does not tell
function net.conntrack() end

---the counters of IPVS since it was loaded; nil and a reason where there is none
---@return table<string, number>? # connections, in_packets, out_packets, in_bytes, out_bytes
---@return string? # why not: the kernel has no IPVS, or does not tell
function net.ipvs() end

return net
