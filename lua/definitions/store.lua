---@meta store

---Small values that last from call to call and across reloads, also after a call that failed, until the daemon ends. Each use of a script in the configuration has its own, which accept_failover shares with the other functions of its notify file: 256 values of 4 KiB at most, and all together 16 MiB.
---@class moonkeep.store
local store = {}

---a value; nil when there is none
---@param key string at most 128 octets
---@return string|number|boolean? # the value
function store.get(key) end

---keeps a value; nil drops it
---@param key string at most 128 octets
---@param value string|number|boolean|nil the value
---@param options? {expires?: number}
---@return boolean? # true
---@return string? # why not: the value is too long, or there is no room for one more
function store.set(key, value, options) end

---adds to a number, which is 0 when it is not there; in one step
---@param key string at most 128 octets
---@param n? number 1 unless given
---@return number? # the sum
---@return string? # why not: what is there is no number, or there is no room for one more
function store.add(key, n) end

---the keys of what is there, in order
---@return string[] # the keys
function store.keys() end

return store
