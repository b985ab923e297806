---@meta process

---Processes of this host. A zombie does not run, and the daemon itself does not count. The conditions of a call hold together.
---@class moonkeep.process
local process = {}

---whether there is such a process
---@param options? {name?: string, cmdline?: string, pidfile?: string}
---@return boolean # whether
function process.running(options) end

---how many such processes there are
---@param options? {name?: string, cmdline?: string, pidfile?: string}
---@return integer # how many
function process.count(options) end

return process
