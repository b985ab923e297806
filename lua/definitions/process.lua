---@meta process

---A process.
---@class process.Process
---@field pid integer its number
---@field name string its name, of which the kernel keeps 15 characters
---@field cmdline string its command line, its words joined by single spaces
---@field user string whom it runs as; the number where the user has no name
---@field age number how long it runs (s)
local process_Process = {}

---Processes of this host. The conditions of a call hold together, and one must be given. A zombie does not run, and the daemon itself does not count. All scripts share one table. Where the kernel tells the daemon of processes that start and end (to root in the first network and PID namespace), a call reads nothing but what changed since the last one, and what changed is found within 0.03 s. Elsewhere the table is brought up to date when somebody asks and it is older than 0.2 s: any number of calls costs five looks a second. What ended is never found later than 0.2 s after; what starts is found within 0.2 s, and a process that becomes another program more than 3 s after it started within 5 s. A process that changes its own command line is found by the new one within 5 s. One that hangs so that its command line cannot be read is waited for once, for 0.25 s, and has the one that was known before, or none.
---@class moonkeep.process
local process = {}

---whether there is such a process
---@param options? {name?: string, cmdline?: string, exact?: string, pidfile?: string, user?: string, older?: number, younger?: number}
---@return boolean # whether
function process.running(options) end

---how many such processes there are
---@param options? {name?: string, cmdline?: string, exact?: string, pidfile?: string, user?: string, older?: number, younger?: number}
---@return integer # how many
function process.count(options) end

---such processes, at most 100, in no order
---@param options? {name?: string, cmdline?: string, exact?: string, pidfile?: string, user?: string, older?: number, younger?: number}
---@return process.Process[] # the processes
function process.list(options) end

return process
