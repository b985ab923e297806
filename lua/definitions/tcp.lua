---@meta tcp

---Connections over TCP.
---@class moonkeep.tcp
local tcp = {}

---connects and disconnects
---@param address string host:port or [IPv6]:port
---@param options? {timeout?: number}
---@return boolean? # true
---@return string? # why not
function tcp.connect(address, options) end

return tcp
