---@meta node

---This node as the daemon sees it. The tables have the names and values of `moonkeep status --json`; what is null there is json.null. The functions that change something need `allow: [control]`.
---@class moonkeep.node
local node = {}

---everything
---@return table? # the status
---@return string? # why not: there is no daemon to ask, as in moonkeep lua run
function node.status() end

---the virtual routers
---@return table[]? # the list
---@return string? # why not: there is no daemon to ask, as in moonkeep lua run
function node.instances() end

---one virtual router; nil and a reason when there is none of that name
---@param name string the vrrp_instance's name
---@return table? # the virtual router, with role, effective_priority and so on
---@return string? # why not: there is no instance of that name, or there is no daemon to ask, as in moonkeep lua run
function node.instance(name) end

---the sync groups
---@return table[]? # the list
---@return string? # why not: there is no daemon to ask, as in moonkeep lua run
function node.sync_groups() end

---what is tracked: scripts, files, processes and BFD sessions, each with its kind
---@return table[]? # the list
---@return string? # why not: there is no daemon to ask, as in moonkeep lua run
function node.trackers() end

---the other nodes: whom adverts were heard from or are sent to, by instance
---@return table[]? # the list
---@return string? # why not: there is no daemon to ask, as in moonkeep lua run
function node.peers() end

---the real servers, each with the virtual server that it belongs to
---@return table[]? # the list
---@return string? # why not: there is no daemon to ask, as in moonkeep lua run
function node.real_servers() end

---gives everything up to other nodes, or takes part again. Needs allow: [control]
---@param on boolean whether
---@return boolean? # true
---@return string? # why not: there is no daemon, it does not take part in that, or it refuses, for the reason given
function node.maintenance(on) end

---hands a virtual router over to another node. Needs allow: [control]
---@param instance string its name
---@return boolean? # true
---@return string? # why not: there is no daemon, it does not take part in that, or it refuses, for the reason given
function node.failover(instance) end

---gives a real server a weight by hand, which holds until it is given back. Needs allow: [control]
---@param server string ADDRESS or ADDRESS:PORT
---@param weight number the weight; a negative one gives it back to its checks
---@return boolean? # true
---@return string? # why not: there is no daemon, it does not take part in that, or it refuses, for the reason given
function node.weight(server, weight) end

return node
