---@meta icmp

---The answers to echo requests.
---@class icmp.Result
---@field address string who was asked
---@field sent integer how many were sent
---@field received integer how many were answered
---@field min number the shortest time to an answer (s)
---@field avg number the mean of them (s)
---@field max number the longest (s)
local icmp_Result = {}

---Echo requests, as ping sends them.
---@class moonkeep.icmp
local icmp = {}

---sends echo requests and waits for the answers; fails when none comes
---@param host string an address or a name
---@param options? {timeout?: number, count?: integer, interval?: number, size?: integer, source?: string}
---@return icmp.Result? # the answers
---@return string? # why not: the name is not found, the kernel permits this process no echo requests, or no answer comes in time
function icmp.ping(host, options) end

return icmp
