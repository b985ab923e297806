---@meta env

---The host's name, and variables of the daemon's environment, of which a script sees those that the configuration names in the argument env, separated by commas: `args: {env: "API_TOKEN,HOME"}`, and `env=API_TOKEN,HOME` in keepalived.conf.
---@class moonkeep.env
local env = {}

---the name of this host
---@return string? # the name
---@return string? # why not: the kernel does not tell
function env.hostname() end

---the value of a variable, nil when it is not set; one that is not named raises an error
---@param name string the variable's name
---@return string? # the value
function env.get(name) end

return env
