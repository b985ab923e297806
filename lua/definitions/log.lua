---@meta log

---Lines in the daemon's log. All arguments are written, separated by spaces. A line has at most 1,024 octets and a call writes 20 lines; more are dropped, which the last one says.
---@class moonkeep.log
local log = {}

---writes a line of this level
---@param ... any what to write
function log.info(...) end

---writes a line of this level
---@param ... any what to write
function log.warn(...) end

---writes a line of this level
---@param ... any what to write
function log.error(...) end

return log
