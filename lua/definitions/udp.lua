---@meta udp

---Datagrams.
---@class moonkeep.udp
local udp = {}

---sends a datagram and waits for the answer; without one the reason tells a port that is closed from silence
---@param address string host:port or [IPv6]:port
---@param text string what to send
---@param options? {timeout?: number}
---@return string? # the answer
---@return string? # why not: the name is not found, the port is closed, or nothing comes in time
function udp.exchange(address, text, options) end

---waits on an address of this host for a datagram. Needs allow: [listen]
---@param address string host:port, [IPv6]:port, or :port for all addresses
---@param options? {timeout?: number}
---@return string? # the datagram
---@return string # who sent it, address:port
---@return string? # why not: the address is not this host's or is taken, or nothing comes in time
function udp.receive(address, options) end

return udp
