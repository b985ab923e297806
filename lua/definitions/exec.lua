---@meta exec

---How a program ended.
---@class exec.Result
---@field status integer its exit status; -1 when a signal ended it
---@field signal? integer the signal that ended it
---@field output string the beginning of what it wrote to both outputs
---@field truncated? boolean true when there was more
local exec_Result = {}

---Programs. A program runs as the daemon's user, in a process group of its own, with PATH as its only variable and / as its directory, unless the options say otherwise. At the deadline the program and its children are killed. What it prints beyond the limit is read and dropped.
---@class moonkeep.exec
local exec = {}

---runs a program without a shell. Needs allow: [exec]
---@param argv string[] {program, argument, ...}; a relative path of the program counts from `dir`, from the script's folder without it, and a name without a slash is looked for in PATH
---@param options? {timeout?: number, input?: string, env?: table<string, string>, dir?: string, user?: string, max_output?: integer}
---@return exec.Result? # how it ended
---@return string? # why not: the program or its user is not there, it cannot be started, or it does not end in time and was killed
function exec.run(argv, options) end

---runs a line by /bin/sh -c. Needs allow: [exec]
---@param line string the line; nothing of the script's is quoted by it
---@param options? {timeout?: number, input?: string, env?: table<string, string>, dir?: string, user?: string, max_output?: integer}
---@return exec.Result? # how it ended
---@return string? # why not: /bin/sh cannot be started or the user is not there, or the line does not end in time and was killed
function exec.shell(line, options) end

return exec
